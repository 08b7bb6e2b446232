"""`antiphon say`: text-to-speech by itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antiphon.cli.terminal import Verbose, run_async, stderr

if TYPE_CHECKING:
    from antiphon.providers.base import Tts


def say(
    text: Annotated[str, typer.Argument(help="What to say.")],
    tts: Annotated[str, typer.Option(help="The provider, like espeak/en-gb.")] = "local",
    voice: Annotated[str | None, typer.Option(help="One of the provider's voices.", show_default=False)] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.wav", help="Write a file instead of playing it.", dir_okay=False, show_default=False
        ),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Speak a text, and tell how long the voice took to begin."""
    from antiphon.cli.sound import SoundUnavailable, play
    from antiphon.cli.stage import prepare

    pcm, rate = run_async(_speak(prepare("tts", tts), text, voice))
    if out is not None:
        from antiphon.audio import wav

        wav.write(out, pcm, rate=rate)
        return
    try:
        play(pcm, rate)
    except SoundUnavailable as why:
        stderr().print(f"not played: {why}; or keep it with --out FILE.wav", markup=False, soft_wrap=True)


async def _speak(tts: Tts, text: str, voice: str | None) -> tuple[bytes, int]:
    from antiphon.cli.stage import ready

    async with ready(tts):
        return await synthesise(tts, text, voice)


async def synthesise(tts: Tts, text: str, voice: str | None = None) -> tuple[bytes, int]:
    """The speech of `text` and its rate in Hz, with timing lines."""
    from antiphon.audio.pcm import SAMPLE_BYTES, first_audible
    from antiphon.cli.stage import tell_time

    rate = tts.capabilities.sample_rates[0]
    pcm, first, audible = b"", None, None
    began = time.monotonic()
    stream = tts.open(sample_rate=rate, voice=voice)
    try:
        stream.send(text)
        stream.end()
        async for chunk in stream:
            elapsed = time.monotonic() - began
            first = elapsed if first is None and chunk.pcm else first
            audible = elapsed if audible is None and first_audible(chunk.pcm) is not None else audible
            pcm += chunk.pcm
    finally:
        await stream.aclose()
    took, length = time.monotonic() - began, len(pcm) / SAMPLE_BYTES / rate
    if first is not None:
        tell_time("first audio", first)
    if audible is not None:
        tell_time("first audible audio", audible)
    tell_time("all of it", took, f"for {length:.2f} s of speech, {length / took:.0f} times as fast")
    return pcm, rate
