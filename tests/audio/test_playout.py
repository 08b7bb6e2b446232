import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.audio.pcm import silence
from antiphon.audio.playout import PlayClock, ReplyLedger, SpokenWord

RATE = 1000  # a sample is a millisecond
TEXT = "Hello there, my friend."
TIMES = ((0, 0), (6, 300), (13, 700), (16, 800))
LENGTH = 1200


def spoken(text: str = TEXT, times: tuple[tuple[int, int], ...] = TIMES, samples: int = LENGTH) -> ReplyLedger:
    """A reply of one segment with word times, all its audio there."""
    ledger = ReplyLedger(RATE, delay=0.1)
    ledger.add_segment(text, 0)
    ledger.add_words(times)
    ledger.add_audio(silence(samples))
    ledger.end_segment()
    return ledger


# --- PlayClock ---


def test_playing_begins_when_audio_arrives_and_runs_in_real_time() -> None:
    clock = PlayClock(RATE, delay=0.1)
    clock.sent(500, at=2.0)
    assert [clock.played(t) for t in (0.0, 2.1, 2.35, 2.6, 9.0)] == [0, 0, 250, 500, 500]


def test_audio_that_arrives_early_plays_after_what_is_held() -> None:
    clock = PlayClock(RATE, delay=0.1)
    clock.sent(500, at=0.0)
    clock.sent(500, at=0.05)
    assert clock.played(0.9) == 800
    assert clock.ends_at == pytest.approx(1.1)


def test_a_client_that_ran_dry_starts_again_at_the_next_arrival() -> None:
    clock = PlayClock(RATE, delay=0.1)
    clock.sent(100, at=0.0)
    clock.sent(100, at=1.0)
    assert [clock.played(t) for t in (0.2, 1.0, 1.1, 1.15, 1.2)] == [100, 100, 100, 150, 200]


def test_earlier_audio_still_playing_delays_the_first_sample() -> None:
    clock = PlayClock(RATE, delay=0.1, busy_until=1.0)
    clock.sent(100, at=0.0)
    assert [clock.played(t) for t in (0.9, 1.0, 1.05)] == [0, 0, 50]


def test_paced_sending_is_one_run() -> None:
    clock = PlayClock(RATE)
    for n in range(1000):
        clock.sent(20, at=n * 0.02 - 0.01)
    assert len(clock._runs) == 1


def test_every_whole_sample_is_counted_at_its_own_instant() -> None:
    clock = PlayClock(24_000, delay=0.1)
    clock.sent(24_000, at=123_456.7)
    assert all(clock.played(123_456.8 + n / 24_000) == n for n in range(0, 24_001, 7))


def test_an_acknowledged_position_beats_the_estimate() -> None:
    clock = PlayClock(RATE, delay=0.0)
    clock.sent(1000, at=0.0)
    clock.acknowledge(120)
    assert clock.played(0.9) == 120


@pytest.mark.parametrize(("claims", "played"), [((300, 200), 300), ((5000,), 1000), ((-4,), 0)])
def test_late_and_impossible_acknowledgements_are_harmless(claims: tuple[int, ...], played: int) -> None:
    clock = PlayClock(RATE)
    clock.sent(1000, at=0.0)
    for claim in claims:
        clock.acknowledge(claim)
    assert clock.played(0.0) == played


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 0.6), st.booleans()), max_size=20), st.floats(0, 0.5))
def test_played_never_exceeds_sent_and_never_decreases(steps: list[tuple[int, float, bool]], delay: float) -> None:
    clock, now, before, begun = PlayClock(RATE, delay=delay), 0.0, 0, False
    for samples, wait, acknowledge in steps:
        clock.sent(samples, at=now)
        now += wait
        begun = begun or acknowledge
        if acknowledge:
            clock.acknowledge(max(samples, before))
        assert before <= clock.played(now) <= clock.sent_samples or begun
        assert clock.played(now) <= clock.sent_samples
        assert clock.played(now) <= clock.played(now + 0.1)
        before = clock.played(now)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=10))
def test_nothing_plays_before_it_could_arrive(sizes: list[int]) -> None:
    clock = PlayClock(RATE, delay=0.25)
    for n, size in enumerate(sizes):
        clock.sent(size, at=float(n))
        assert clock.played(n + 0.25) == sum(sizes[:n])


# --- stream to content ---


def test_a_replayed_stretch_counts_once() -> None:
    ledger = spoken()
    ledger.sent(0, 800, at=0.0)
    ledger.sent(700, 500, at=2.0)  # held at 800, resumed at the cut word
    assert [ledger.played(t) for t in (0.9, 1.5, 2.15, 2.2, 2.3, 2.6, 9.0)] == [800, 800, 800, 800, 900, 1200, 1200]


def test_position_follows_the_replay_that_played_does_not_show() -> None:
    ledger = spoken()
    ledger.sent(0, 800, at=0.0)
    ledger.sent(700, 500, at=2.0)
    assert [ledger.position(t) for t in (0.5, 1.5, 2.15, 2.6)] == [400, 700, 750, 1200]


def test_acknowledgements_count_the_stream() -> None:
    ledger = spoken()
    ledger.sent(0, 800, at=0.0)
    ledger.sent(700, 500, at=2.0)
    for acknowledged, played in ((400, 400), (850, 800), (950, 850), (1300, 1200)):
        ledger.acknowledge(acknowledged)
        assert ledger.played(99.0) == played


def test_nothing_sent_is_nothing_played() -> None:
    assert (spoken().played(5.0), spoken().position(5.0)) == (0, 0)


def test_a_gap_in_what_is_sent_is_refused() -> None:
    ledger = spoken()
    ledger.sent(0, 100, at=0.0)
    with pytest.raises(ValueError, match="sample 101 was never sent"):
        ledger.sent(101, 100, at=0.1)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 300)), min_size=1, max_size=12), st.integers(0, 4000))
def test_played_is_the_furthest_point_of_any_path_of_replays(steps: list[tuple[int, int]], acknowledged: int) -> None:
    ledger, end = ReplyLedger(RATE), 0
    stream: list[int] = []
    for back, samples in steps:
        start = max(end - back, 0)
        ledger.sent(start, samples, at=0.0)
        stream += range(start, start + samples)
        end = start + samples
    ledger.acknowledge(acknowledged)
    assert ledger.played(0.0) == max(stream[:acknowledged], default=-1) + 1


# --- content to text ---


@pytest.mark.parametrize(
    ("samples", "text"),
    [
        (0, ""),
        (1, "Hello"),
        (300, "Hello"),
        (301, "Hello there,"),
        (800, "Hello there, my"),
        (801, TEXT),
        (9999, TEXT),
    ],
)
def test_a_word_is_heard_once_its_audio_began(samples: int, text: str) -> None:
    assert spoken().heard(samples) == text


def test_heard_spans_segments_and_keeps_the_spacing() -> None:
    ledger = ReplyLedger(RATE)
    for text, start in (("One two.\n\n", 3), ("Three  four.", 13)):
        ledger.add_segment(text, start)
    for times in (((0, 0), (4, 200)), ((0, 0), (7, 250))):
        ledger.add_words(times)
        ledger.add_audio(silence(500))
        ledger.end_segment()
    assert ledger.heard(500) == "One two."
    assert ledger.heard(501) == "One two.\n\nThree"
    assert ledger.heard(1000) == "One two.\n\nThree  four."
    assert ledger.heard_to(501) == 18


def test_text_that_was_not_spoken_is_taken_for_spaces() -> None:
    ledger = ReplyLedger(RATE)
    for text, start in (("One", 0), ("two", 5)):
        ledger.add_segment(text, start)
        ledger.add_audio(silence(100))
        ledger.end_segment()
    assert ledger.heard(200) == "One  two"


def test_overlapping_text_is_refused() -> None:
    ledger = ReplyLedger(RATE)
    ledger.add_segment("One two", 0)
    with pytest.raises(ValueError, match="offset 4 overlaps"):
        ledger.add_segment("two", 4)


def test_audio_without_text_is_refused() -> None:
    with pytest.raises(ValueError, match="before its text"):
        ReplyLedger(RATE).add_audio(silence(10))


def test_a_segment_extended_with_more_text_is_one_for_the_word_times() -> None:
    ledger = ReplyLedger(RATE)
    ledger.add_segment("One two. ", 0)
    ledger.extend_segment("Three.", 12)  # its words are counted from 9 in what the TTS was given
    ledger.add_words(((0, 0), (4, 100), (9, 300)))
    ledger.add_audio(silence(400))
    ledger.end_segment()
    assert ledger.heard(300) == "One two."
    assert ledger.heard(301) == "One two.    Three."


def test_word_times_inside_one_of_our_words_do_not_move_it() -> None:
    """A TTS may time "$42.50" as four words."""
    ledger = spoken("It is $42.50 now", ((0, 0), (3, 100), (6, 200), (7, 260), (9, 500), (13, 900)))
    assert ledger.heard(201) == "It is $42.50"
    assert ledger.heard(900) == "It is $42.50"


def test_times_that_go_backwards_never_make_a_word_early() -> None:
    ledger = spoken("a b c", ((0, 0), (2, 600), (4, 500)))
    assert ledger.heard(600) == "a"
    assert ledger.heard(601) == "a b c"


def test_a_word_the_provider_left_out_lies_between_its_neighbours() -> None:
    ledger = spoken("out of the office", ((0, 0), (4, 200), (11, 600)))
    (word,) = (w for w in ledger.words_between(0, 9999) if w.text == "the ")
    assert 200 < word.start < 600


def test_words_not_timed_yet_have_not_begun() -> None:
    ledger = ReplyLedger(RATE)
    ledger.add_segment("one two three four", 0)
    ledger.add_words(((0, 0), (4, 200)))
    ledger.add_audio(silence(20_000))
    assert ledger.heard(20_000) == "one two"


def test_characters_of_scripts_without_spaces_are_words() -> None:
    ledger = spoken("你好。世界", ((0, 0), (1, 300), (3, 600), (4, 900)))
    assert ledger.heard(601) == "你好。世"


words = st.lists(st.tuples(st.text("abcdé1,.", min_size=1, max_size=8), st.integers(0, 400)), min_size=1, max_size=12)


@given(words, st.data())
def test_heard_never_holds_a_word_whose_known_start_was_not_reached(
    plan: list[tuple[str, int]], data: st.DataObject
) -> None:
    text, times, at = "", [], 0
    for word, length in plan:
        times.append((len(text), at))
        text += word + " "
        at += length
    ledger = spoken(text, tuple(times), at + 1)
    sample = data.draw(st.integers(0, at + 10))
    heard = ledger.heard(sample)
    assert text.startswith(heard)
    assert heard == heard.rstrip()
    assert len(heard.split()) == sum(start < sample for _, start in times)


segments = st.lists(
    st.tuples(st.text("ab 1,.好$", min_size=1, max_size=30), st.integers(0, 1500), st.booleans()),
    min_size=1,
    max_size=5,
)


@given(segments, st.booleans(), st.integers(0, 9000), st.integers(0, 9000))
def test_heard_is_monotone_and_complete(plan: list[tuple[str, int, bool]], last_open: bool, a: int, b: int) -> None:
    """Without word times too, and while the last segment is still being spoken."""
    ledger, text = ReplyLedger(RATE), ""
    for n, (part, samples, timed) in enumerate(plan):
        ledger.add_segment(part, len(text))
        text += part
        ledger.add_words(((0, 0),) if timed else ())
        ledger.add_audio(silence(samples))
        if n < len(plan) - 1 or not last_open:
            ledger.end_segment()
    low, high = sorted((a, b))
    assert text.startswith(ledger.heard(low))
    assert ledger.heard(high).startswith(ledger.heard(low))
    assert ledger.heard(0) == ""
    if not last_open and plan[-1][1] > 0:
        assert ledger.heard(ledger.content_samples) == text.rstrip()


# --- resuming ---


@pytest.mark.parametrize(("position", "start"), [(0, 0), (299, 0), (300, 300), (750, 700), (1199, 800), (9999, 800)])
def test_resume_goes_back_to_the_start_of_the_cut_word(position: int, start: int) -> None:
    assert spoken().resume_at(position) == start


def test_resume_never_leaves_the_segment() -> None:
    ledger = spoken()
    ledger.add_segment(" And more.", len(TEXT))
    ledger.add_words(((1, 50), (5, 300)))
    ledger.add_audio(silence(600))
    assert ledger.resume_at(LENGTH + 20) == LENGTH
    assert ledger.resume_at(LENGTH + 60) == LENGTH + 50


def test_resume_before_anything_was_said() -> None:
    assert ReplyLedger(RATE).resume_at(0) == 0


@given(words, st.integers(0, 5000))
def test_resume_is_never_after_the_stop(plan: list[tuple[str, int]], position: int) -> None:
    ledger = spoken(" ".join(word for word, _ in plan), (), sum(length for _, length in plan))
    assert 0 <= ledger.resume_at(position) <= position


# --- words for transcripts ---


def test_words_between_carry_their_times_and_spacing() -> None:
    assert spoken().words_between(300, 800) == [SpokenWord("there, ", 6, 300, 700), SpokenWord("my ", 13, 700, 800)]
    assert spoken().words_between(800, 9999) == [SpokenWord("friend.", 16, 800, LENGTH)]


def test_the_end_of_the_last_word_so_far_is_not_known() -> None:
    ledger = ReplyLedger(RATE)
    ledger.add_segment("one two", 0)
    ledger.add_words(((0, 0),))
    ledger.add_audio(silence(300))
    assert ledger.words_between(0, 300) == [SpokenWord("one ", 0, 0, None)]


@given(words, st.integers(1, 60), st.lists(st.integers(0, 600), max_size=20))
def test_each_word_is_taken_once_however_the_estimates_move(
    plan: list[tuple[str, int]], chunk: int, steps: list[int]
) -> None:
    ledger, taken, at = ReplyLedger(RATE), "", 0
    text = " ".join(word for word, _ in plan)
    half = text.find(" ") + 1
    for part, start in ((text[:half], 0), (text[half:], half)):
        ledger.add_segment(part, start)
        for step in steps:
            ledger.add_audio(silence(chunk))
            at += step
            taken += "".join(word.text for word in ledger.take_words(at))
            assert text.startswith(taken)
        ledger.add_audio(silence(1))
        ledger.end_segment()
    taken += "".join(word.text for word in ledger.take_words(10**9))
    assert taken == text
    assert ledger.take_words(10**9) == []


def test_busy_until_of_a_new_ledger_is_the_end_of_the_last() -> None:
    first = spoken()
    first.sent(0, 1000, at=0.0)
    second = ReplyLedger(RATE, delay=0.1, busy_until=first.clock.ends_at)
    second.add_segment("Yes.", 0)
    second.add_audio(silence(100))
    second.sent(0, 100, at=0.5)
    assert second.played(1.15) == 50
    assert math.isclose(second.clock.ends_at, 1.2)


def test_what_a_segment_was_cut_before_was_never_said() -> None:
    ledger = ReplyLedger(RATE, delay=0.1)
    ledger.add_segment(TEXT + " ", 0)
    ledger.add_segment("Goodbye.", 24)
    ledger.add_words(TIMES[:2])
    ledger.add_audio(silence(600))
    ledger.break_off_segment()
    ledger.add_audio(silence(500))
    ledger.end_segment()
    assert ledger.heard(500) == "Hello there,"
    assert ledger.heard(1100).split() == ["Hello", "there,", "Goodbye."]
