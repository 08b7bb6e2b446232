from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.audio import g711
from antiphon.audio.pcm import fade_in, gain, rms_dbfs, samples_of, silence
from antiphon.audio.resample import resample
from antiphon.errors import ConfigError
from antiphon.lab.bursts import BurstFinder
from antiphon.lab.tones import DecodedWord, ToneCode, begun, words_of

VOCABULARY = [f"word{i}" for i in range(ToneCode.capacity)]
CODE = ToneCode(VOCABULARY)

# The ways audio takes: (rate it is spoken at, what happens to it, rate it is heard at).
Path = tuple[int, Callable[[bytes], bytes], int]
PATHS: dict[str, Path] = {
    "24 kHz": (24_000, lambda pcm: pcm, 24_000),
    "8 kHz": (8_000, lambda pcm: pcm, 8_000),
    "µ-law": (8_000, lambda pcm: g711.decode_ulaw(g711.encode_ulaw(pcm)), 8_000),
    "A-law": (8_000, lambda pcm: g711.decode_alaw(g711.encode_alaw(pcm)), 8_000),
    "24 kHz to A-law": (24_000, lambda pcm: g711.decode_alaw(g711.encode_alaw(resample(pcm, 24_000, 8_000))), 8_000),
    "µ-law to 16 kHz": (8_000, lambda pcm: resample(g711.decode_ulaw(g711.encode_ulaw(pcm)), 8_000, 16_000), 16_000),
}
paths = st.sampled_from(list(PATHS.values()))
sentences = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=8).map(" ".join)
few_words = st.lists(st.sampled_from(VOCABULARY[:3]), min_size=1, max_size=8).map(" ".join)


def texts(words: list[DecodedWord]) -> list[str]:
    return [word.text for word in words]


def cut_ms(pcm: bytes, rate: int, ms: float) -> bytes:
    return pcm[: 2 * round(ms * rate / 1000)]


# --- speaking -----------------------------------------------------------------------------------------------------


def test_words_are_told_apart_from_the_punctuation_around_them() -> None:
    assert words_of("Well – it's HERE.\n(Mm-hm!)") == [(0, "well"), (7, "it's"), (12, "here"), (18, "mm-hm")]
    assert words_of(" … ") == []


def test_word_times_are_where_the_words_become_audible() -> None:
    pcm, times = CODE.speak("Word1, word2 word3!", 24_000, lead=0.1)
    assert [time.char for time in times] == [0, 7, 13]
    assert times[0].start == 2400
    for time, heard in zip(times, CODE.decode(pcm, 24_000), strict=True):
        assert abs(time.start - heard.start_sample) <= 24


def test_the_same_words_sound_the_same_in_every_code_of_one_vocabulary() -> None:
    one, other = ToneCode(VOCABULARY[:100]), ToneCode(VOCABULARY[:100])
    other.speak("word99 something else", 8_000)
    assert one.speak("word7 word8", 8_000)[0] == other.speak("Word7, WORD8.", 8_000)[0]


def test_how_long_a_word_takes_says_nothing_of_its_letters() -> None:
    lengths = [CODE.duration(word) for word in VOCABULARY]
    assert min(lengths) < 0.16 and max(lengths) > 0.4
    letters = [len(word) for word in VOCABULARY]
    assert abs(np.corrcoef(letters, lengths)[0, 1]) < 0.15


def test_speech_has_the_level_of_speech() -> None:
    pcm, _ = CODE.speak("word1 word2 word3 word4", 24_000)
    peak = int(np.abs(samples_of(pcm).astype(int)).max())
    assert 20 * np.log10(peak / 32768) == pytest.approx(-12, abs=0.5)
    assert -20 < rms_dbfs(pcm) < -17


def test_all_the_words_there_is_room_for_are_told_apart_and_one_more_is_refused() -> None:
    code = ToneCode(VOCABULARY)
    text = " ".join(VOCABULARY)
    assert texts(code.decode(code.speak(text, 8_000)[0], 8_000)) == VOCABULARY
    with pytest.raises(ConfigError, match="'overflow'"):
        code.speak("overflow", 8_000)


# --- hearing ------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(sentences | few_words, paths, st.floats(0, 1))
def test_a_recording_cut_anywhere_gives_the_words_that_began(text: str, path: Path, where: float) -> None:
    spoken_at, channel, rate = path
    pcm, times = CODE.speak(text, spoken_at)
    cut = round(where * len(pcm) / 2)
    started = [time for time in times if time.start <= cut - 0.010 * spoken_at]
    if any(0 <= cut - time.start < 0.010 * spoken_at for time in times):
        cut = max(cut - round(0.010 * spoken_at), 0)  # less than 10 ms of the last word: not heard, cut it off
    expected = [word for _, word in words_of(text)][: len(started)]
    heard = channel(pcm[: 2 * cut])
    assert texts(CODE.decode(heard, rate)) == expected
    assert texts(CODE.decode(heard, rate, text=text)) == expected


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_ten_milliseconds_of_a_word_are_enough_to_know_it(path: Path) -> None:
    spoken_at, channel, rate = path
    for word in VOCABULARY[::7]:
        pcm, _ = CODE.speak(f"word0 {word}", spoken_at)
        start = CODE.speak(f"word0 {word}", spoken_at)[1][1].start
        heard = channel(pcm[: 2 * (start + spoken_at // 100)])
        decoded = CODE.decode(heard, rate)
        assert texts(decoded) == ["word0", word]
        assert [part.complete for part in decoded] == [True, False]


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_four_milliseconds_are_enough_when_the_text_is_known(path: Path) -> None:
    spoken_at, channel, rate = path
    for word in VOCABULARY[1::7]:
        pcm, times = CODE.speak(f"word0 {word} word0", spoken_at)
        heard = channel(pcm[: 2 * (times[1].start + spoken_at // 250)])
        assert begun(CODE.decode(heard, rate, text=f"word0 {word} word0")) == ["word0", word]


@settings(max_examples=60, deadline=None)
@given(sentences, paths, st.lists(st.floats(0, 1), max_size=3), st.sampled_from([0, 0, 30, 400]), st.booleans())
def test_a_stretch_played_again_after_a_hold_counts_once(
    text: str, path: Path, holds: list[float], pause_ms: int, fades: bool
) -> None:
    spoken_at, channel, rate = path
    pcm, times = CODE.speak(text, spoken_at)
    played, position = b"", 0
    for hold in sorted(holds):
        cut = round(hold * len(pcm) / 2)
        word = max((time.start for time in times if time.start <= cut), default=0)
        if cut - word < 0.010 * spoken_at or cut < position:
            continue
        piece = pcm[2 * position : 2 * cut]
        played += (fade_in(piece, spoken_at // 200) if fades else piece) + silence(pause_ms * spoken_at // 1000)
        position = word
    played += fade_in(pcm[2 * position :], spoken_at // 200 if fades else 0)
    decoded = CODE.decode(channel(played), rate, text=text)
    assert begun(decoded) == [word for _, word in words_of(text)]
    assert sorted({word.index for word in decoded if word.index is not None}) == list(range(len(times)))


def test_a_word_heard_twice_comes_twice_and_only_the_cut_one_is_not_said() -> None:
    pcm, _ = CODE.speak("word1", 24_000)
    again = CODE.decode(cut_ms(pcm, 24_000, 60) + pcm, 24_000)
    assert [(word.text, word.complete) for word in again] == [("word1", False), ("word1", True)]
    assert begun(again) == ["word1"]
    assert begun(CODE.decode(pcm + pcm, 24_000)) == ["word1", "word1"]


def test_too_little_of_a_word_is_heard_as_a_word_without_a_name() -> None:
    pcm, _ = CODE.speak("word1", 24_000)
    assert texts(CODE.decode(cut_ms(pcm, 24_000, 5), 24_000)) == [""]
    assert texts(CODE.decode(cut_ms(pcm, 24_000, 5), 24_000, text="word1")) == ["word1"]


def test_noise_silence_and_unknown_words_are_no_words() -> None:
    noise = (np.random.default_rng(1).standard_normal(24_000) * 3000).astype("<i2").tobytes()
    unknown, _ = ToneCode(["x", "y"]).speak("y", 24_000)
    assert CODE.decode(noise, 24_000) == CODE.decode(silence(24_000), 24_000) == CODE.decode(b"", 24_000) == []
    assert ToneCode(["x"]).decode(unknown, 24_000) == []
    assert CODE.decode(silence(100), 24_000, text="word1") == CODE.decode(unknown, 24_000, text="") == []


@pytest.mark.parametrize("percent", [25, 50, 150])
def test_the_volume_does_not_matter(percent: float) -> None:
    pcm, _ = CODE.speak("word1 word2 word2 word3", 8_000)
    assert texts(CODE.decode(gain(pcm, percent), 8_000)) == ["word1", "word2", "word2", "word3"]


@pytest.mark.parametrize("rms", [100, 330])
def test_words_are_heard_over_noise(rms: float) -> None:
    """-50 and -40 dBFS."""
    rng = random.Random(5)
    text = " ".join(rng.choices(VOCABULARY, k=60))
    pcm, _ = CODE.speak(text, 16_000)
    hiss = np.random.default_rng(2).standard_normal(len(pcm) // 2) * rms
    noisy = (samples_of(pcm) + hiss).astype("<i2").tobytes()
    assert texts(CODE.decode(noisy, 16_000)) == text.split()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([8_000, 16_000, 22_050, 24_000]))
def test_bursts_do_not_depend_on_how_the_audio_is_cut(seed: int, rate: int) -> None:
    rng = random.Random(seed)
    pcm, _ = CODE.speak(" ".join(rng.choices(VOCABULARY, k=3)), rate, lead=rng.random())
    pcm += silence(rate // 10)
    whole = [(burst.start, burst.end) for burst in BurstFinder(rate).feed(pcm)]
    finder, parts, at = BurstFinder(rate), [], 0
    while at < len(pcm):
        size = 2 * rng.randint(0, 1000)
        parts += finder.feed(pcm[at : at + size])
        at += size
    assert [(burst.start, burst.end) for burst in parts] == whole
    assert len(whole) == 3


def test_a_long_noise_does_not_fill_the_memory() -> None:
    finder = BurstFinder(16_000)
    hiss = (np.random.default_rng(1).standard_normal(16_000) * 3000).astype("<i2").tobytes()
    bursts = [burst for _ in range(20) for burst in finder.feed(hiss)]
    assert max(burst.end - burst.start for burst in bursts) < 2 * 16_000
