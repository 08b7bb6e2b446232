"""Recordings as files: reads what people have, writes plain WAV.

WAV is read here, with the formats telephony and editors write: PCM of 8, 16, 24 and 32 bits, 32 and 64-bit float, µ-law
and A-law (RIFF specification, "Multimedia Programming Interface and Data Specifications 1.0"; the extensible header of
WAVEFORMATEXTENSIBLE). Other formats (FLAC, Ogg, MP3, AIFF) are read by the `soundfile` package where it is installed.
"""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import numpy.typing as npt

from antiphon.audio.g711 import decode_alaw, decode_ulaw
from antiphon.audio.pcm import FULL_SCALE, SAMPLE_BYTES, from_float, samples_of
from antiphon.errors import ConfigError, MissingDependency

_EXTENSIBLE = 0xFFFE  # the real format is the first two bytes of a GUID further on


@dataclass(frozen=True, slots=True)
class Recording:
    """16-bit mono audio."""

    pcm: bytes
    rate: int  # Hz

    @property
    def seconds(self) -> float:
        return len(self.pcm) / SAMPLE_BYTES / self.rate


def read(path: str | Path) -> Recording:
    """Reads a recording; several channels are averaged.

    Raises ConfigError where the file is missing, empty or no audio, and MissingDependency where its format needs a
    package that is not installed.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if not data:
        raise ConfigError(f"{path}: is empty")
    recording = _read_wav(path, data) if data[:4] in (b"RIFF", b"RIFX") else _read_other(path, data)
    if not recording.pcm:
        raise ConfigError(f"{path}: holds no samples")
    return recording


def write(path: str | Path, *channels: bytes, rate: int) -> None:
    """Writes one WAV channel (mono) or two (stereo) of 16-bit samples; the shorter is filled up with silence.

    Raises ConfigError where the file cannot be written.
    """
    longest = max(len(pcm) for pcm in channels)
    tracks = [samples_of(pcm.ljust(longest, b"\0")) for pcm in channels]
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(SAMPLE_BYTES)
        file.setframerate(rate)
        file.writeframes(np.stack(tracks, axis=1).tobytes())
    try:
        Path(path).write_bytes(data.getvalue())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def _read_wav(path: str | Path, data: bytes) -> Recording:
    chunks = dict(_chunks(data))
    header, body = chunks.get(b"fmt "), chunks.get(b"data")
    if data[:4] == b"RIFX" or data[8:12] != b"WAVE" or header is None or len(header) < 16 or body is None:
        raise ConfigError(f"{path}: is no complete WAV file")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", header)
    if tag == _EXTENSIBLE and len(header) >= 26:
        (tag,) = struct.unpack_from("<H", header, 24)
    if not channels or not rate:
        raise ConfigError(f"{path}: is no valid WAV file: {channels} channels at {rate} Hz")
    samples = _decode(tag, bits, body)
    if samples is None:
        raise ConfigError(f"{path}: WAV format {tag} with {bits} bits is not supported: convert it to 16-bit PCM")
    return Recording(_mono(samples[: len(samples) - len(samples) % channels].reshape(-1, channels)), rate)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The RIFF chunks. One that claims more than the file holds, as streamed files do, has the rest of it."""
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        yield name, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _decode(tag: int, bits: int, body: bytes) -> npt.NDArray[np.float64] | None:
    """Samples from -1 to 1; None for a format that is not known."""
    body = body[: len(body) - len(body) % max(bits // 8, 1)]
    match tag, bits:
        case (1, 8):
            return (np.frombuffer(body, "u1").astype(np.float64) - 128) / 128
        case (1, 16):
            return np.frombuffer(body, "<i2") / FULL_SCALE
        case (1, 24):
            padded = np.pad(np.frombuffer(body, "u1").reshape(-1, 3), ((0, 0), (1, 0)))
            return padded.reshape(-1).view("<i4") / 2.0**31
        case (1, 32):
            return np.frombuffer(body, "<i4") / 2.0**31
        case (3, 32) | (3, 64):
            return np.nan_to_num(np.frombuffer(body, f"<f{bits // 8}").astype(np.float64))
        case (6, 8):
            return samples_of(decode_alaw(body)) / FULL_SCALE
        case (7, 8):
            return samples_of(decode_ulaw(body)) / FULL_SCALE
        case _:
            return None


def _mono(frames: npt.NDArray[np.float64]) -> bytes:
    return from_float(frames.mean(axis=1))


def _read_other(path: str | Path, data: bytes) -> Recording:
    try:
        soundfile = import_module("soundfile")
    except ImportError as error:
        raise MissingDependency(f"{path}: is no WAV file; to read other formats, pip install soundfile") from error
    try:
        frames, rate = soundfile.read(io.BytesIO(data), dtype="float64", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ConfigError(f"{path}: is no audio file") from error
    return Recording(_mono(frames), int(rate))
