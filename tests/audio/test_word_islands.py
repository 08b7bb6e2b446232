from __future__ import annotations

import numpy as np
import pytest

from antiphon.audio.pcm import from_float
from antiphon.audio.playout import ReplyLedger
from antiphon.lab.tones import ToneCode, words_of

RATE = 24_000
TEXT = "The soup of the day is tomato, and it is very hot."


def reply(pcm: bytes, text: str, *, ended: bool = True, words_apart: bool | None = None) -> ReplyLedger:
    ledger = ReplyLedger(RATE, words_apart=words_apart)
    ledger.add_segment(text, 0)
    ledger.add_audio(pcm)
    if ended:
        ledger.end_segment()
    return ledger


@pytest.mark.parametrize("seed", range(20))
def test_words_that_stand_apart_are_told_from_the_audio_alone(seed: int) -> None:
    pcm, times = ToneCode(seed=seed).speak(TEXT, RATE)
    starts = [word.start for word in reply(pcm, TEXT).take_words(len(pcm))]
    assert starts == pytest.approx([time.start for time in times], abs=0.003 * RATE)
    assert all(start >= time.start for start, time in zip(starts, times, strict=True))


def test_a_voice_that_was_heard_before_is_known_from_its_first_word_on() -> None:
    pcm, times = ToneCode().speak(TEXT, RATE)
    half = times[6].start + RATE // 10
    known = reply(pcm[: 2 * half], TEXT, ended=False, words_apart=True)
    assert len(known.heard(half).split()) == 7
    unknown = reply(pcm[: 2 * half], TEXT, ended=False)
    assert len(unknown.heard(half).split()) <= 7


def test_words_that_run_together_are_estimated() -> None:
    """A voice without a pause shows no word but the first."""
    t = np.arange(3 * RATE) / RATE
    ledger = reply(from_float(0.2 * np.sin(2 * np.pi * 200 * t)), TEXT)
    assert ledger.words_apart is False
    starts = [word.start for word in ledger.take_words(3 * RATE)]
    assert len(starts) == len(words_of(TEXT))
    assert starts == sorted(set(starts))
