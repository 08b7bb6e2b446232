"""What the models knew in a pause, and when: a causal trace, made once for each piece of audio and kept.

A trace is of speech up to some moment and 3 s of room after it, and all its times count from that moment. The policies
are run on traces alone, so that thousands of pauses are judged in seconds, and every policy knows the same.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from antiphon.audio.pcm import Int16
from antiphon.lab import virtual
from antiphon.lab.eval.corpus import RATE
from antiphon.providers import models
from antiphon.providers.stt.moonshine import Moonshine
from antiphon.providers.turn.smart_turn import SmartTurn
from antiphon.providers.vad.silero import Silero
from antiphon.session.voice import VoiceGate

FORMAT = 1  # of the traces; another number makes all anew
SILENCE = 3.2  # seconds of room in a trace: longer than any turn stays open
ASKED_AT = (0.1, 0.2, 0.4, 0.7, 1.1)  # seconds of silence at which the turn model is asked
PARTIAL_BEFORE = 0.1  # seconds before the pause to which the last partial has heard: there is one every 0.2 s
TEXT_AT = 0.16  # seconds of silence after which the STT transcribes what has been said
SCORING = 0.06  # seconds that one run of the turn model takes
WEIGHTS = ("silero-vad", "moonshine-tiny-en", "smart-turn-v3.2")
NEEDED = f"antiphon models pull {' '.join(WEIGHTS)}"


@dataclass(frozen=True, slots=True)
class Quiet:
    """A stretch in which the VAD hears nobody. Seconds."""

    since: float  # the last voice before it
    known: float  # when the VAD could tell
    until: float  # when it hears a voice again, or the trace ends


@dataclass(frozen=True, slots=True)
class Score:
    silence: float  # seconds of it, by the VAD, that the turn model heard
    over: float  # its probability that the turn is


@dataclass(frozen=True, slots=True)
class Understood:
    known: float  # when the STT said so, in seconds
    text: str  # of the turn so far


@dataclass(frozen=True, slots=True)
class Trace:
    spoken: float  # seconds of speech before the pause, pauses in it included
    quiet: tuple[Quiet, ...]
    scores: tuple[Score, ...]
    texts: tuple[Understood, ...]

    @classmethod
    def load(cls, text: str) -> Trace:
        data = json.loads(text)
        data["quiet"] = tuple(Quiet(**one) for one in data["quiet"])
        data["texts"] = tuple(Understood(**one) for one in data["texts"])
        data["scores"] = tuple(Score(**one) for one in data["scores"])
        return cls(**data)

    def dump(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


class Models:
    """The models, loaded once a process. Raises ModelStoreError when their weights are not here."""

    def __init__(self) -> None:
        self._vad = Silero()
        self._turn = SmartTurn()
        self._stt = Moonshine()
        self._stt.partial_every = None  # only what it says at last is of use

    def trace(self, audio: Int16, pause: int) -> Trace:
        """`audio` is at 16 kHz; the pause begins at sample `pause` of it, and SILENCE of room follows."""
        quiet = self._quiet(audio, pause)
        since = quiet[0].since if quiet else 0.0
        return Trace(
            spoken=round(pause / RATE, 3),
            quiet=quiet,
            scores=tuple(self._score(audio, pause, since, silence) for silence in ASKED_AT) if quiet else (),
            texts=tuple(self._text(audio, pause, at) for at in (-PARTIAL_BEFORE, since + TEXT_AT)),
        )

    def _quiet(self, audio: Int16, pause: int) -> tuple[Quiet, ...]:
        gate, found = VoiceGate(), list[Quiet]()
        end = (len(audio) - pause) / RATE
        for i, probability in enumerate(self._vad.open().feed(audio.tobytes())):
            change = gate.feed(probability)
            now = (i + 1) * 0.032 - pause / RATE
            at = change.at / 1000 - pause / RATE if change else 0.0
            if change and not change.started:
                found.append(Quiet(round(at, 3), round(now, 3), round(end, 3)))
            elif change and found:
                found[-1] = Quiet(found[-1].since, found[-1].known, round(now, 3))
        return tuple(one for one in found if one.until > 0)

    def _score(self, audio: Int16, pause: int, since: float, silence: float) -> Score:
        heard = audio[: pause + round((since + silence) * RATE)]
        return Score(silence, round(self._turn.judge(heard.tobytes()), 4))

    def _text(self, audio: Int16, pause: int, at: float) -> Understood:
        heard = audio[: pause + round(at * RATE)]
        text = virtual.run(self._transcribe(heard.tobytes()))
        return Understood(round(at + transcribing(len(heard)), 3), text)

    async def _transcribe(self, pcm: bytes) -> str:
        stream = await self._stt.open()
        try:
            stream.send(pcm)
            stream.finalize()
            async for transcript in stream:
                if transcript.final:
                    return transcript.text
            return ""
        finally:
            await stream.aclose()


def transcribing(samples: int) -> float:
    """Seconds that Moonshine takes, by a rule: 12 ms, and 18 for each second of audio. Measured on one core; a rule, so
    that the same audio has the same trace on every machine."""
    return 0.012 + 0.018 * samples / RATE


class Store:
    """Traces on disk, by their audio and by what made them."""

    def __init__(self, place: Path | None = None) -> None:
        self.place = place or models.cache_dir() / "eval"
        versions = [str(FORMAT), *(models.MODELS[name].sha256 for name in WEIGHTS)]
        self._version = hashlib.sha256(" ".join(versions).encode()).digest()

    def get(self, audio: Int16, pause: int) -> Trace | None:
        try:
            return Trace.load(self._file(audio, pause).read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, KeyError):
            return None  # not there, or broken: it is made anew

    def put(self, audio: Int16, pause: int, trace: Trace) -> None:
        file = self._file(audio, pause)
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}.part")
        part.write_text(trace.dump(), encoding="utf-8")
        part.replace(file)

    def _file(self, audio: Int16, pause: int) -> Path:
        digest = hashlib.sha256(self._version + str(pause).encode() + b" " + audio.tobytes()).hexdigest()
        return self.place / digest[:2] / f"{digest[2:32]}.json"
