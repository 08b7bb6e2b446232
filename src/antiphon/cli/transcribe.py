"""`antiphon transcribe`: speech-to-text by itself."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from antiphon.cli.terminal import Json, Verbose, print_json, run_async, stderr

if TYPE_CHECKING:
    from antiphon.audio.wav import Recording
    from antiphon.providers.base import Stt, SttStream

FRAME = 0.02  # seconds of audio sent at a time
PATIENCE = 30.0  # seconds to wait for the final transcript


def transcribe(
    recording: Annotated[Path, typer.Argument(metavar="FILE.wav", help="One utterance.", exists=True, dir_okay=False)],
    stt: Annotated[str, typer.Option(help="The provider, like moonshine.")] = "local",
    fast: Annotated[bool, typer.Option("--fast", help="Send the file at once, not at the pace of speech.")] = False,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Transcribe a recording as if it were spoken now, and tell when the words came."""
    from antiphon.audio import wav
    from antiphon.cli.stage import prepare

    spoken = wav.read(recording)
    heard = run_async(_transcribe(spoken, prepare("stt", stt), pace=0.0 if fast else 1.0, show=not json))
    if json:
        print_json(heard.as_json())
    else:
        print(heard.text)
        heard.tell_times()


@dataclass(slots=True)
class Heard:
    """What was understood, and when: seconds from the first audio sent."""

    text: str = ""
    first_partial: float | None = None
    partials: list[str] = field(default_factory=list)
    ended: float = 0.0  # all audio had been sent
    final: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "partials": self.partials,
            "first_partial_ms": None if self.first_partial is None else round(1000 * self.first_partial, 1),
            "final_ms": round(1000 * (self.final - self.ended), 1),  # after the end of the audio
        }

    def tell_times(self) -> None:
        from antiphon.cli.stage import tell_time

        if self.first_partial is not None:
            tell_time("first words", self.first_partial, "from the beginning of the recording")
        tell_time("final", self.final - self.ended, "after the end of it")


async def _transcribe(spoken: Recording, stt: Stt, *, pace: float, show: bool) -> Heard:
    from antiphon.audio.resample import resample
    from antiphon.cli.stage import ready

    pcm = resample(spoken.pcm, spoken.rate, stt.capabilities.sample_rate)
    async with ready(stt):
        return await listen(stt, pcm, pace=pace, show=show)


async def listen(stt: Stt, pcm: bytes, *, pace: float = 1.0, show: bool = False) -> Heard:
    """Sends one utterance, at the STT's rate, and waits for its final. `pace` 1 is that of speech, 0 all at once.

    Raises ProviderTimeout when no final comes."""
    from antiphon.errors import ProviderTimeout

    stream = await stt.open()
    heard, began = Heard(), time.monotonic()
    reading = asyncio.create_task(_read(stream, heard, began, show=show))
    try:
        step = 2 * int(FRAME * stt.capabilities.sample_rate)  # bytes
        for sent in range(0, len(pcm), step):
            stream.send(pcm[sent : sent + step])
            await asyncio.sleep(max(0.0, began + pace * FRAME * (sent // step + 1) - time.monotonic()))
        heard.ended = time.monotonic() - began
        stream.finalize()
        async with asyncio.timeout(PATIENCE):
            await reading
        return heard
    except TimeoutError as slow:
        raise ProviderTimeout("no final transcript came", stage="stt", provider=stt.name, elapsed=PATIENCE) from slow
    finally:
        reading.cancel()
        await stream.aclose()


async def _read(stream: SttStream, heard: Heard, began: float, *, show: bool) -> None:
    async for transcript in stream:
        if transcript.text and heard.first_partial is None and not transcript.final:
            heard.first_partial = time.monotonic() - began
        heard.text = transcript.text
        if transcript.final:
            heard.final = time.monotonic() - began
            return
        heard.partials.append(transcript.text)
        if show:
            stderr().print(f"… {transcript.text}", style="dim", markup=False, soft_wrap=True)
