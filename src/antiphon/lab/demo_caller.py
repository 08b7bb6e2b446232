"""The demo's caller: lines to say, each at its cue. Cues answer to what happens; no line has a time of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from antiphon.client.conversation import Conversation
from antiphon.client.microphone import Utterance

PATIENCE = 12.0  # seconds of nothing at all after which the caller hangs up
CALM = 0.7  # seconds of silence after which a person takes the floor
NUDGES = 2  # times a reply that is over too soon to be interrupted is asked to go on


class Cue(Enum):
    """What a line waits for."""

    HEARD_OUT = auto()  # the agent has said all it wants to
    INTO_REPLY = auto()  # the agent has been audible for a while, and still is


class Part(Enum):
    """What a line is to the conversation."""

    TURN = auto()
    BACKCHANNEL = auto()  # said over the agent, which goes on
    INTERRUPTION = auto()  # said over the agent, which stops
    NUDGE = auto()  # a turn that makes the agent say more


@dataclass(frozen=True, slots=True)
class Line:
    text: str  # "" for a recording
    cue: Cue = Cue.HEARD_OUT
    after: float = CALM  # seconds after the cue
    part: Part = Part.TURN


@dataclass(frozen=True, slots=True)
class Said:
    """A line and its utterance, which knows when it was said."""

    line: Line
    utterance: Utterance


class ScriptedCaller:
    """Says `lines`, whose audio is 16-bit mono at `rate` Hz, in their order, then hears the agent out and hangs up."""

    def __init__(
        self,
        lines: Sequence[tuple[Line, bytes]],
        *,
        rate: int,
        nudge: tuple[Line, bytes] | None = None,
        on_line: Callable[[Line], None] | None = None,
    ) -> None:
        self._lines = list(lines)
        self._rate = rate
        self._nudge = nudge  # said instead of an interruption that came too late
        self._nudges = 0
        self._on_line = on_line
        self.said: list[Said] = []

        # Why the caller hung up before everything was said.
        self.gave_up: str | None = None

    @property
    def left(self) -> int:
        """How many lines have not been said."""
        return len(self._lines)

    @property
    def finished(self) -> bool:
        return not self._lines

    def attend(self, conversation: Conversation, now: float) -> bool:
        if conversation.microphone.speaking:
            return True
        since = self._waiting_since(conversation)
        line = self._lines[0][0] if self._lines else Line("", after=1.0)
        if _is_due(line, conversation, since=since, now=now):
            return self._speak(conversation)
        if line.cue is Cue.INTO_REPLY and heard_out(conversation, since=since, calm=CALM, now=now):
            return self._too_late(conversation)
        if now - max(since, conversation.playback.ends, conversation.progress.last_at) > PATIENCE:
            self.gave_up = f"nothing came for {PATIENCE:g} s"
            return False
        return True

    def _waiting_since(self, conversation: Conversation) -> float:
        """The end of the last line that took the floor: a backchannel wants no answer."""
        ends = (said.utterance.ends for said in self.said if said.line.part is not Part.BACKCHANNEL)
        return max((end for end in ends if end is not None), default=conversation.began)

    def _speak(self, conversation: Conversation) -> bool:
        if not self._lines:
            return False
        self._say(conversation, *self._lines.pop(0))
        return True

    def _too_late(self, conversation: Conversation) -> bool:
        if self._nudge is None or self._nudges == NUDGES:
            self.gave_up = "every reply was over before it could be interrupted"
            return False
        self._nudges += 1
        self._say(conversation, *self._nudge)
        return True

    def _say(self, conversation: Conversation, line: Line, pcm: bytes) -> None:
        self.said.append(Said(line, conversation.microphone.say(pcm, rate=self._rate)))
        if self._on_line is not None:
            self._on_line(line)


def _is_due(line: Line, conversation: Conversation, *, since: float, now: float) -> bool:
    if line.cue is Cue.HEARD_OUT:
        return heard_out(conversation, since=since, calm=line.after, now=now)
    playback = conversation.playback
    if not playback.pieces or playback.ends <= now:
        return False
    begun = playback.first_audible(playback.pieces[-1].reply_id)
    return begun is not None and since < begun <= now - line.after


def heard_out(conversation: Conversation, *, since: float, calm: float, now: float) -> bool:
    """Whether the agent has replied after `since`, has been heard to the end, and silent for `calm` seconds."""
    settled = conversation.progress.settled(now, since=since, calm=calm)
    return settled and now >= conversation.playback.ends + calm
