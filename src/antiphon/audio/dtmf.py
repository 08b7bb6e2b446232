"""The tones of a telephone's keys, for a line that carries nothing but sound (ITU-T Q.23)."""

from __future__ import annotations

import numpy as np

from antiphon.audio.pcm import from_float, silence

KEYS = "0123456789*#ABCD"
PAUSE = "w"  # half a second of silence, as carriers write it

_LOW = {
    key: low for row, low in zip(("123A", "456B", "789C", "*0#D"), (697, 770, 852, 941), strict=True) for key in row
}
_HIGH = {
    key: high
    for row, high in zip(("147*", "2580", "369#", "ABCD"), (1209, 1336, 1477, 1633), strict=True)
    for key in row
}
_TONE = 0.1  # seconds a key sounds; a receiver needs 0.04
_GAP = 0.08  # seconds between two keys
_PAUSE = 0.5  # seconds
_LEVEL = 0.2  # of full scale, each of the two tones


def tones(keys: str, *, rate: int) -> bytes:
    """PCM16 at `rate` Hz of these keys, one after the other. Raises ValueError for what is no key."""
    pcm = b""
    for key in keys.upper().replace(PAUSE.upper(), PAUSE):
        if key == PAUSE:
            pcm += silence(round(_PAUSE * rate))
        elif key in KEYS:
            pcm += _tone(key, rate) + silence(round(_GAP * rate))
        else:
            raise ValueError(f"{key!r} is no key of a telephone: there are {KEYS}, and {PAUSE!r} for a pause")
    return pcm


def _tone(key: str, rate: int) -> bytes:
    at = np.arange(round(_TONE * rate)) / rate
    both = np.sin(2 * np.pi * _LOW[key] * at) + np.sin(2 * np.pi * _HIGH[key] * at)
    return from_float((_LEVEL * both).astype(np.float32))
