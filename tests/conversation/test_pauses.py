"""A pause in the caller's turn: it lasts as long as what is known of it says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation.endpointing import LIMITS, Patience
from antiphon.conversation.settings import Mode, Settings
from antiphon.types import ToolSpec
from tests.conversation.simulate import Answer, Call, Ears, Opinion

BALANCED = Settings(idle_after=None, patience=Patience.BALANCED, judges=True)
PHONE = (ToolSpec("call_back", parameters={"type": "object", "properties": {"phone": {"type": "string"}}}),)
SURE, UNSURE = Opinion(lambda _: 0.98), Opinion(lambda _: 0.02)


def silence_before_the_end(call: Call, ends: float) -> float:
    call.run(until=ends + 10_000)
    return call.when("speech stopped") - ends


def waited(settings: Settings = BALANCED, text: str = "I want to book a table", **models: Opinion) -> float:
    call = Call(settings, **models)
    return silence_before_the_end(call, call.caller(text, at=1_000))


def test_a_sure_end_waits_little_and_a_doubtful_one_longer() -> None:
    assert LIMITS[Patience.BALANCED].shortest <= waited(detector=SURE) < 600
    assert 700 < waited(detector=UNSURE) < 2_000


def test_an_open_phrase_waits_longer_than_a_closed_one() -> None:
    assert waited(text="I want to book a", detector=SURE) > waited(detector=SURE) + 100


def test_without_any_model_the_words_decide() -> None:
    alone = replace(BALANCED, judges=False)
    assert waited(alone) < waited(alone, "I want to book a")


def test_a_detector_that_never_answers_costs_at_most_its_time() -> None:
    assert waited() == pytest.approx(waited(replace(BALANCED, judges=False)), abs=1)


@pytest.mark.parametrize("says", [0.02, 0.98])
def test_a_fixed_pause_wins(says: float) -> None:
    assert waited(Settings(idle_after=None), detector=Opinion(lambda _: says)) == 600


@pytest.mark.parametrize("mode", Mode)
def test_a_patient_mode_waits_longer(mode: Mode) -> None:
    waits = [waited(replace(BALANCED, patience=patience, mode=mode), detector=UNSURE) for patience in Patience]
    assert waits == sorted(set(waits))


def test_a_late_answer_of_the_detector_is_no_harm() -> None:
    assert waited(detector=Opinion(lambda _: 0.02, takes=5_000)) == waited()


def test_the_reader_moves_the_end() -> None:
    reads = replace(BALANCED, reads_endings=True)
    ends, goes_on = (waited(reads, detector=SURE, reader=Opinion(lambda _, p=p: p)) for p in (0.9, 0.001))
    assert ends + 200 < goes_on


def test_the_reader_is_given_what_was_said_since_the_agent_spoke() -> None:
    read: list[str] = []
    reader = Opinion(lambda text: float(bool(read.append(text))))
    call = Call(replace(BALANCED, reads_endings=True), detector=SURE, reader=reader, model=[Answer("", takes=5_000)])
    call.caller("I want to book a table", at=1_000)
    call.caller("for two", at=4_000)
    call.run(until=10_000)
    assert read == ["I want to book a table", "I want to book a table for two"]


def test_a_late_final_opens_the_turn_again() -> None:
    ears = Ears(final_after=600, partials=False)
    call = Call(BALANCED, detector=SURE, ears=ears)
    assert silence_before_the_end(call, call.caller("I want to book a table with", at=1_000)) > 850
    assert call.story().count("speech stopped") == 1


def test_a_number_is_waited_for_to_its_last_digit() -> None:
    call = Call(replace(BALANCED, tools=PHONE), greeting="What is your phone number?", detector=SURE)
    call.caller("five five five", at=6_000)
    call.caller("one two three", at=9_000)
    ends = call.caller("four five six seven", at=12_000)
    call.run(until=30_000)
    assert "caller: five five five one two three four five six seven" in call.story()
    assert call.when("speech stopped") - ends < 700


def test_a_yes_to_a_yes_or_no_question_waits_little() -> None:
    call = Call(BALANCED, greeting="Is that all?", detector=Opinion(lambda _: 0.5))
    asked = silence_before_the_end(call, call.caller("yes", at=5_000))
    assert asked < waited(text="yes", detector=Opinion(lambda _: 0.5)) - 200


def test_a_caller_who_pauses_long_is_waited_for_longer_in_the_same_call() -> None:
    call, at = Call(BALANCED, detector=UNSURE), 1_000.0
    waits = []
    for _ in range(4):
        for _ in range(3):
            at = call.caller("I want to book", at=at) + 700
        ends = at - 700
        call.run(until=ends + 8_000)
        waits.append(max(time for time, n in call.notices if isinstance(n, out.SpeechStopped)) - ends)
        at = ends + 8_000
    assert waits == sorted(waits) and waits[-1] > waits[0] + 50


def test_each_look_at_a_pause_is_kept() -> None:
    call = Call(BALANCED, detector=UNSURE)
    silence_before_the_end(call, call.caller("I want to book a table", at=1_000))
    looks = [notice.decision for _, notice in call.notices if isinstance(notice, out.Endpointing)]
    assert [len(look.evidence.scores) for look in looks] == sorted(len(look.evidence.scores) for look in looks)
    assert looks[-1].evidence.final and len(looks[-1].evidence.scores) == 2
    assert all(look.patience is Patience.BALANCED for look in looks)


def test_two_parts_of_a_turn_cut_too_early_are_one_to_the_model() -> None:
    call = Call(BALANCED, detector=SURE, model=[Answer("Sure.", takes=3_000), Answer("For two then.")])
    call.caller("I want to book a table", at=1_000)
    call.caller("for two please", at=3_500)
    call.run(until=20_000)
    assert [message.text for message in call.requests[-1] if message.role == "user"] == [
        "I want to book a table for two please"
    ]
    assert call.history()[-1] == "assistant: For two then."
    assert not any("Sure." in line for line in call.story())


def test_settings_may_change_in_the_middle_of_a_pause() -> None:
    call = Call(BALANCED, detector=UNSURE)
    ends = call.caller("I want to book a table", at=1_000)
    call.at(ends + 120, ev.SettingsChanged(Settings(idle_after=None)))
    assert silence_before_the_end(call, ends) == 600


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 900), st.integers(20, 900), st.sampled_from(Patience))
@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_turn_always_ends_within_the_limits(
    heard: float, read: float, judged_after: int, final_after: int, patience: Patience
) -> None:
    took = waited(
        replace(BALANCED, patience=patience, reads_endings=True),
        detector=Opinion(lambda _: heard, takes=judged_after),
        reader=Opinion(lambda _: read, takes=judged_after),
    )
    limits = LIMITS[patience]
    assert limits.shortest <= took <= limits.longest + final_after
