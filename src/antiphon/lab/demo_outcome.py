"""What became of a demo: every reply as the caller heard it, told from the audio that was played."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from antiphon.audio.pcm import SAMPLE_BYTES
from antiphon.audio.speech import speech_extent
from antiphon.client.conversation import Conversation
from antiphon.client.events import ReplyAudio, ReplyDone, ReplyStarted, TranscriptAgent, TranscriptAgentDelta
from antiphon.client.report import CallReport, Turn
from antiphon.lab.demo_caller import Part, Said

ROUNDING = 0.2  # seconds by which the last sound may be placed behind the end of what was said; pauses are longer


@dataclass(frozen=True, slots=True)
class Word:
    """Of a reply, with the space after it."""

    text: str
    start_ms: int  # from the beginning of the reply's audio


@dataclass(frozen=True, slots=True)
class HeardReply:
    """Times in seconds from the beginning of the call; `begins` and `ends` are None for one that was never audible."""

    reply_id: str
    text: str  # as the server remembers it
    interrupted: bool
    status: str  # of reply.done
    begins: float | None  # its first audible sample was played
    ends: float | None  # its last sample was played
    played_ms: float
    unplayed_ms: float  # received, and dropped before it was played
    voiced_ms: float  # from the first voiced sample that was played to the last
    paused_ms: float  # the longest gap inside it
    words: tuple[Word, ...]  # that the server said it sent

    @property
    def begun(self) -> str:
        """The words whose audio began to play."""
        return "".join(word.text for word in self.words if word.start_ms < self.played_ms).strip()

    @property
    def unheard(self) -> str:
        """The words whose audio was sent, and dropped before it began to play."""
        return "".join(word.text for word in self.words if word.start_ms >= self.played_ms).strip()


@dataclass(frozen=True, slots=True)
class Utterance:
    """What the caller said, and what the server made of it. Times in seconds from the beginning of the call."""

    text: str  # "" for a recording
    part: Part
    begins: float
    ends: float
    turns: tuple[Turn, ...]  # none came of a backchannel; several of a recording with pauses the agent took for ends

    @property
    def transcript(self) -> str:
        return " ".join(turn.user for turn in self.turns)


@dataclass(frozen=True, slots=True)
class Outcome:
    report: CallReport
    greeting: str
    utterances: tuple[Utterance, ...]
    replies: tuple[HeardReply, ...]
    left_unsaid: int  # lines the caller never came to say
    gave_up: str | None  # why
    first_reply_s: float | None  # from the start of the program to the first sound of the first reply
    first_answer_s: float | None  # the same, of the first reply to something the caller said

    def reply_over(self, utterance: Utterance) -> HeardReply | None:
        """The reply that was being heard when the caller began to speak."""
        for reply in self.replies:
            if reply.begins is not None and reply.ends is not None and reply.begins < utterance.begins < reply.ends:
                return reply
        return None

    def saying(self, part: Part) -> list[Utterance]:
        return [utterance for utterance in self.utterances if utterance.part is part]


def heard_replies(conversation: Conversation) -> tuple[HeardReply, ...]:
    started = [timed.event.reply_id for timed in conversation.events if isinstance(timed.event, ReplyStarted)]
    return tuple(_heard(conversation, reply_id) for reply_id in started)


def _heard(conversation: Conversation, reply_id: str) -> HeardReply:
    playback, began = conversation.playback, conversation.began
    facts = _told(conversation, reply_id)
    pieces = [piece for piece in playback.pieces if piece.reply_id == reply_id]
    pcm = b"".join(bytes(piece.pcm) for piece in pieces)
    first = playback.first_audible(reply_id)
    ends = [piece.begins + piece.samples / playback.rate for piece in pieces]
    gaps = [after.begins - end for after, end in zip(pieces[1:], ends, strict=False)]
    voiced = speech_extent(pcm, playback.rate) or (0, 0)
    played = len(pcm) // SAMPLE_BYTES
    milliseconds = 1000 / playback.rate
    return HeardReply(
        reply_id=reply_id,
        text=facts["text"],
        interrupted=facts["interrupted"],
        status=facts["status"],
        begins=None if first is None else first - began,
        ends=None if first is None else ends[-1] - began,
        played_ms=played * milliseconds,
        unplayed_ms=(facts["received"] - played) * milliseconds,
        voiced_ms=(voiced[1] - voiced[0]) * milliseconds,
        paused_ms=1000 * max(gaps, default=0.0),
        words=tuple(facts["words"]),
    )


def _told(conversation: Conversation, reply_id: str) -> dict[str, Any]:
    """What the server told of a reply. `received` counts samples."""
    facts: dict[str, Any] = {"text": "", "interrupted": False, "status": "", "received": 0, "words": []}
    for timed in conversation.events:
        match timed.event:
            case ReplyAudio(reply_id=found, data=data) if found == reply_id:
                facts["received"] += len(data) // SAMPLE_BYTES
            case TranscriptAgentDelta(reply_id=found, delta=delta, start_ms=start) if found == reply_id:
                facts["words"].append(Word(delta, start or 0))
            case TranscriptAgent(reply_id=found, text=text, interrupted=interrupted) if found == reply_id:
                facts["text"], facts["interrupted"] = text, interrupted
            case ReplyDone(reply_id=found, status=status) if found == reply_id:
                facts["status"] = status
    return facts


def heard_utterances(conversation: Conversation, said: list[Said], report: CallReport) -> tuple[Utterance, ...]:
    """What was said, each with the turns that came of it: those whose last sound is in it."""
    began = conversation.began
    found = []
    for each in said:
        if each.utterance.begins is None:
            continue
        begins, ends = each.utterance.begins - began, (each.utterance.ends or conversation.ended) - began
        turns = tuple(turn for turn in report.turns if turn.at is not None and begins <= turn.at <= ends + ROUNDING)
        found.append(Utterance(each.line.text, each.line.part, begins, ends, turns))
    return tuple(found)
