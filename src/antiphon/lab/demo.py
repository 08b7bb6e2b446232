"""The demo: a caller who is simulated, an agent that is real, and a proof of what was heard.

The server runs in a process of its own, with the default agent. The caller speaks with the local TTS, in another voice,
or from a recording. Everything the agent says comes from the chain: only its greeting is given.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from antiphon.audio import wav
from antiphon.client.client import Client
from antiphon.client.conversation import Conversation
from antiphon.client.errors import ClientError
from antiphon.client.report import Timed
from antiphon.errors import ConfigError
from antiphon.lab.demo_caller import Cue, Line, Part, ScriptedCaller
from antiphon.lab.demo_outcome import Outcome, heard_replies, heard_utterances
from antiphon.lab.demo_recording import utterances
from antiphon.lab.demo_server import server_process
from antiphon.providers.registry import create_tts
from antiphon.providers.tts.espeak import SAMPLE_RATE

GREETING = "Hello, this is Antiphon, a voice agent on your own machine. May I ask your name?"
RECORDED_GREETING = "Hello, this is Antiphon, a voice agent on your own machine. How can I help you?"

# A woman; the agent is a man.
VOICE = "espeak/en-us+f2"
WORDS_A_MINUTE = 150
# "Uh-huh", as quickly as it is said over someone. It has no spelling that espeak would not spell out or drawl.
UH_HUH = "[['V_hV]]"
UH_HUH_RATE = 185  # words a minute
SCRIPT = (
    Line("Uh-huh.", Cue.INTO_REPLY, 1.0, Part.BACKCHANNEL),
    Line("My name is Emma."),
    Line("What is the capital of Japan?"),
    Line("Please tell me a long story about a dragon."),
    Line("Sorry, I have to go now.", Cue.INTO_REPLY, 3.0, Part.INTERRUPTION),
)
NUDGE = Line("Please tell me more.", part=Part.NUDGE)
LONGEST = 300.0  # seconds the conversation may take


class Watcher(Protocol):
    """Who looks on while the conversation is held."""

    def said(self, line: Line) -> None:
        """The caller begins to say a line."""

    def heard(self, timed: Timed) -> None:
        """The server told something. `timed.at` is in seconds from the beginning of the call."""


async def run_demo(*, caller: Path | None, watcher: Watcher, wav_file: Path, started: float) -> Outcome:
    """Holds the conversation and writes it to `wav_file`: caller left, agent right.

    `started` is when the program was, on time.monotonic. Raises ConfigError for a recording without speech,
    ServerFailed, and ClientError when no session comes about.
    """
    lines = asyncio.create_task(_lines(caller))
    if caller is not None:
        await asyncio.wait([lines])  # a file that cannot be used is told before a server is started
        lines.result()
    try:
        async with server_process() as url:
            return await _call(url, await lines, watcher=watcher, wav_file=wav_file, started=started)
    finally:
        lines.cancel()
        await asyncio.gather(lines, return_exceptions=True)


class _Lines:
    """What the caller has to say, as audio: 16-bit mono at `rate` Hz."""

    def __init__(self, lines: Sequence[tuple[Line, bytes]], *, rate: int, recorded: bool) -> None:
        self.greeting = RECORDED_GREETING if recorded else GREETING
        self.rate = rate
        nudge = [pair for pair in lines if pair[0].part is Part.NUDGE]
        self.nudge = nudge[0] if nudge else None
        self.script = [pair for pair in lines if pair[0].part is not Part.NUDGE]


async def _lines(recording: Path | None) -> _Lines:
    if recording is None:
        return await _spoken()
    heard = await asyncio.to_thread(wav.read, recording)
    found = utterances(heard.pcm, heard.rate)
    if not found:
        raise ConfigError(f"{recording}: holds no speech")
    return _Lines([(Line(""), pcm) for pcm in found], rate=heard.rate, recorded=True)


async def _spoken() -> _Lines:
    """The script in the caller's voice."""
    lines = []
    for line in (*SCRIPT, NUDGE):
        backchannel = line.part is Part.BACKCHANNEL
        text, rate = (UH_HUH, UH_HUH_RATE) if backchannel else (line.text, WORDS_A_MINUTE)
        lines.append((line, await _speak(text, words_a_minute=rate)))
    return _Lines(lines, rate=SAMPLE_RATE, recorded=False)


async def _speak(text: str, *, words_a_minute: int) -> bytes:
    tts = create_tts(VOICE, rate=words_a_minute, phonemes=True)
    try:
        stream = tts.open(sample_rate=SAMPLE_RATE)
        stream.send(text)
        stream.end()
        return b"".join([chunk.pcm async for chunk in stream])
    finally:
        await tts.aclose()


async def _call(url: str, lines: _Lines, *, watcher: Watcher, wav_file: Path, started: float) -> Outcome:
    caller = ScriptedCaller(lines.script, rate=lines.rate, nudge=lines.nudge, on_line=watcher.said)
    async with Client(url, extensions=("metrics", "playout")) as client:
        ready = await client.configure(greeting=lines.greeting)
        conversation = Conversation(client, caller, on_event=watcher.heard)
        before = time.monotonic() - started  # seconds
        try:
            async with asyncio.timeout(LONGEST):
                await conversation.run()
        except TimeoutError as slow:
            raise ClientError(f"the conversation was not over after {LONGEST:g} s") from slow
    conversation.write_stereo(wav_file)
    report = conversation.report(ready)
    replies = heard_replies(conversation)
    answers = [reply_id for turn in report.turns if turn.user for reply_id in turn.replies]
    first = next((reply.begins for reply in replies if reply.begins is not None), None)
    answer = next((reply.begins for reply in replies if reply.reply_id in answers and reply.begins is not None), None)
    return Outcome(
        report=report,
        greeting=lines.greeting,
        utterances=heard_utterances(conversation, caller.said, report),
        replies=replies,
        left_unsaid=caller.left,
        gave_up=caller.gave_up,
        first_reply_s=None if first is None else before + first,
        first_answer_s=None if answer is None else before + answer,
    )
