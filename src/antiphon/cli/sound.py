"""The sound card, through PortAudio: imported only when sound is wanted, since servers have neither."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from antiphon.cli.speaker import Speaker
from antiphon.errors import MissingDependency

FRAME = 0.02  # seconds of microphone in one frame
BACKLOG = 100  # frames: 2 s of microphone that a stalled network may keep waiting; what is newer is dropped


class SoundUnavailable(MissingDependency):
    """There is no way to play or record here. The message says what to install."""


def sounddevice() -> Any:
    """The module. Raises SoundUnavailable where it, or the library it stands on, is missing."""
    try:
        import sounddevice
    except ImportError as error:
        raise SoundUnavailable('sound needs a package; run: pip install "antiphon[talk]"') from error
    except OSError as error:  # the package is there, the system's PortAudio is not
        raise SoundUnavailable("sound needs PortAudio; run: apt install libportaudio2") from error
    return sounddevice


def play(pcm: bytes, rate: int) -> None:
    """Plays 16-bit mono, and returns when it has been played. Raises SoundUnavailable."""
    import numpy as np

    sound = sounddevice()
    try:
        sound.play(np.frombuffer(pcm, dtype="<i2"), samplerate=rate, blocking=True)
    except sound.PortAudioError as error:
        raise SoundUnavailable(f"no loudspeaker can be used ({error})") from error


@contextlib.asynccontextmanager
async def microphone(speaker: Speaker, *, rate: int) -> AsyncIterator[AsyncIterator[bytes]]:
    """The microphone's frames of 16-bit mono, while `speaker` plays what it is given. Raises SoundUnavailable."""
    sound = sounddevice()
    loop = asyncio.get_running_loop()
    frames: asyncio.Queue[bytes] = asyncio.Queue()

    # Both are called on PortAudio's thread.
    def recorded(data: Any, samples: int, times: Any, status: Any) -> None:
        if frames.qsize() < BACKLOG:
            loop.call_soon_threadsafe(frames.put_nowait, bytes(data))

    def wanted(data: Any, samples: int, times: Any, status: Any) -> None:
        data[:] = speaker.take(samples)

    async def recording() -> AsyncIterator[bytes]:
        while True:
            yield await frames.get()

    options = {"samplerate": rate, "channels": 1, "dtype": "int16", "blocksize": int(rate * FRAME), "latency": "low"}
    try:
        with (
            sound.RawOutputStream(callback=wanted, **options) as output,
            sound.RawInputStream(callback=recorded, **options),
        ):
            speaker.latency = int(output.latency * rate)
            yield recording()
    except sound.PortAudioError as error:
        raise SoundUnavailable(f"the microphone and the loudspeaker cannot be used: {error}") from error
