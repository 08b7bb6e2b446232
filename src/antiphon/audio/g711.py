"""G.711: the µ-law and A-law companding of telephony, and the codec of any wire format.

Source: ITU-T Recommendation G.711 (11/1988), tables 1a to 2b. Input samples have 16 bits, of which µ-law looks at the
upper 14 and A-law at the upper 13. Both directions are one table look-up a sample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from antiphon.audio.pcm import SAMPLE_BYTES, Int16
from antiphon.errors import ProtocolError
from antiphon.types import AudioFormat, Encoding

UInt8 = npt.NDArray[np.uint8]

ULAW_BIAS = 33  # in 14-bit units: makes every segment of the curve begin at a power of two
ULAW_LIMIT = 8191  # the end of the last segment, the bias included
ALAW_EVEN_BITS = 0x55  # A-law inverts every second bit, so that silence is not a run of zeros


@dataclass(frozen=True, slots=True)
class Codec:
    """The two ways between a wire format and 16-bit PCM at the same sample rate.

    Both raise `ProtocolError` with code "invalid_audio" for bytes that are no whole number of samples.
    """

    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes]


def codec(audio_format: AudioFormat) -> Codec:
    match audio_format.encoding:
        case Encoding.PCM:
            return Codec(encode=whole_samples, decode=whole_samples)
        case Encoding.PCMU:
            return Codec(encode=encode_ulaw, decode=decode_ulaw)
        case Encoding.PCMA:
            return Codec(encode=encode_alaw, decode=decode_alaw)


def whole_samples(pcm: bytes) -> bytes:
    """Returns `pcm` as it is, or raises."""
    if len(pcm) % SAMPLE_BYTES:
        raise ProtocolError(
            f"{len(pcm)} bytes are no whole number of 16-bit samples: send an even number", code="invalid_audio"
        )
    return pcm


def encode_ulaw(pcm: bytes) -> bytes:
    return _compress(pcm, _ulaw_codes())


def decode_ulaw(ulaw: bytes) -> bytes:
    return _expand(ulaw, _ulaw_samples())


def encode_alaw(pcm: bytes) -> bytes:
    return _compress(pcm, _alaw_codes())


def decode_alaw(alaw: bytes) -> bytes:
    return _expand(alaw, _alaw_samples())


def _compress(pcm: bytes, codes: UInt8) -> bytes:
    indices = np.frombuffer(whole_samples(pcm), dtype="<u2")
    return codes.take(indices).tobytes()


def _expand(data: bytes, samples: Int16) -> bytes:
    indices = np.frombuffer(data, dtype=np.uint8)
    return samples.take(indices).tobytes()


def _every_sample() -> npt.NDArray[np.int32]:
    """All 16-bit samples in the order of their unsigned reading, which is how the tables are indexed."""
    return np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)


def _codes(table: npt.NDArray[np.int32]) -> UInt8:
    codes = table.astype(np.uint8)
    codes.setflags(write=False)
    return codes


def _samples(table: npt.NDArray[np.int32]) -> Int16:
    samples = table.astype("<i2")
    samples.setflags(write=False)
    return samples


@cache
def _ulaw_codes() -> UInt8:
    """A code is sign, segment (3 bits) and step (4 bits), all inverted."""
    sample = _every_sample() >> 2
    magnitude = np.minimum(np.abs(sample) + ULAW_BIAS, ULAW_LIMIT)
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 5
    step = (magnitude >> (segment + 1)) & 0x0F
    sign = np.where(sample < 0, 0x80, 0)
    return _codes(~(sign | segment << 4 | step) & 0xFF)


@cache
def _ulaw_samples() -> Int16:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    segment, step = code >> 4 & 7, code & 0x0F
    magnitude = ((2 * step + ULAW_BIAS) << segment) - ULAW_BIAS
    return _samples(np.where(code & 0x80, -magnitude, magnitude) << 2)


@cache
def _alaw_codes() -> UInt8:
    """A code is sign (1: positive), segment (3 bits) and step (4 bits). The lowest two segments share one slope."""
    sample = _every_sample() >> 3
    magnitude = np.where(sample < 0, ~sample, sample)
    segment = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    step = (magnitude >> np.maximum(segment, 1)) & 0x0F
    sign = np.where(sample < 0, 0, 0x80)
    return _codes((sign | segment << 4 | step) ^ ALAW_EVEN_BITS)


@cache
def _alaw_samples() -> Int16:
    code = np.arange(256, dtype=np.int32) ^ ALAW_EVEN_BITS
    segment, step = code >> 4 & 7, code & 0x0F
    linear, curved = 2 * step + 1, (2 * step + 33) << np.maximum(segment - 1, 0)
    magnitude = np.where(segment == 0, linear, curved) << 3
    return _samples(np.where(code & 0x80, magnitude, -magnitude))
