import warnings

import numpy as np
import pytest

from antiphon.audio import g711
from antiphon.errors import ProtocolError
from antiphon.types import ALAW_8K, PCM_24K, ULAW_8K, AudioFormat

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    try:
        import audioop
    except ImportError:  # gone from Python 3.13 on
        audioop = None  # type: ignore[assignment]

EVERY_SAMPLE = np.arange(65_536, dtype="<u2").tobytes()
EVERY_CODE = bytes(range(256))

needs_audioop = pytest.mark.skipif(audioop is None, reason="this Python has no audioop to compare with")


@needs_audioop
def test_ulaw_is_that_of_audioop_for_every_sample_and_code() -> None:
    assert g711.encode_ulaw(EVERY_SAMPLE) == audioop.lin2ulaw(EVERY_SAMPLE, 2)
    assert g711.decode_ulaw(EVERY_CODE) == audioop.ulaw2lin(EVERY_CODE, 2)


@needs_audioop
def test_alaw_is_that_of_audioop_for_every_sample_and_code() -> None:
    assert g711.encode_alaw(EVERY_SAMPLE) == audioop.lin2alaw(EVERY_SAMPLE, 2)
    assert g711.decode_alaw(EVERY_CODE) == audioop.alaw2lin(EVERY_CODE, 2)


def test_values_from_the_tables_of_the_standard() -> None:
    """Tables 1a and 2a: the outermost code, the innermost one, and the first of the second segment."""
    decoded = np.frombuffer(g711.decode_ulaw(b"\x80\xff\xef"), "<i2") // 4
    assert decoded.tolist() == [8031, 0, 33]
    decoded = np.frombuffer(g711.decode_alaw(b"\xaa\xd5\xc5"), "<i2") // 8
    assert decoded.tolist() == [4032, 1, 33]


@pytest.mark.parametrize("audio_format", [ULAW_8K, ALAW_8K])
def test_every_code_survives_the_round_trip(audio_format: AudioFormat) -> None:
    pair = g711.codec(audio_format)
    again = pair.encode(pair.decode(EVERY_CODE))
    assert pair.decode(again) == pair.decode(EVERY_CODE)  # µ-law has two codes for zero


def test_pcm_passes_through() -> None:
    pair = g711.codec(PCM_24K)
    assert pair.encode(b"\x01\x02") == pair.decode(b"\x01\x02") == b"\x01\x02"


@pytest.mark.parametrize("audio_format", [ULAW_8K, ALAW_8K, PCM_24K])
def test_half_a_sample_is_refused(audio_format: AudioFormat) -> None:
    with pytest.raises(ProtocolError, match="3 bytes") as refused:
        g711.codec(audio_format).encode(b"abc")
    assert refused.value.code == "invalid_audio"
    with pytest.raises(ProtocolError):
        g711.codec(PCM_24K).decode(b"abc")
