"""Calls in which everything goes wrong, and the judge that says what may not come of it."""

import pytest

from antiphon.conversation import notices as out
from antiphon.lab.bench_faults import one
from antiphon.lab.fault_call import Asked, Story
from antiphon.lab.fault_judge import judge
from antiphon.lab.simulated_call import Spoken
from antiphon.types import Message, Role

ALFA = Message(Role.USER, "I would like alfa, please.")


def story(**changes) -> Story:
    """One question, asked and answered."""
    made = Story(
        asked=[Asked("alfa", Spoken(1.0, 2.0))],
        notices=[
            (1.1, out.SpeechStarted()),
            (2.6, out.SpeechStopped()),
            (2.6, out.UserTranscript("m1", ALFA.text)),
            (2.6, out.ReplyStarted("r1", "m2")),
            (3.0, out.ReplyAudio("r1", b"")),
            (5.0, out.ReplyDone("r1", out.ReplyStatus.COMPLETED)),
        ],
        written={"r1": "regarding alfa we have"},
        begun={"r1": 2.6},
        history=(ALFA,),
        settled=True,
        ended=True,
    )
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def again(at: float) -> list[tuple[float, out.Notice]]:
    """A second reply."""
    return [
        (at, out.ReplyStarted("r2", "m3")),
        (at, out.ReplyAudio("r2", b"")),
        (at + 1, out.ReplyDone("r2", out.ReplyStatus.COMPLETED)),
    ]


def test_a_call_as_it_should_be_is_not_blamed():
    assert judge(story()) == {}


def test_what_was_asked_for_and_is_not_remembered_is_lost():
    assert judge(story(history=())) == {"lost": 1}
    assert judge(story(history=(), asked=[Asked("alfa", Spoken(1.0, 2.0), lost=True)])) == {}


def test_what_is_remembered_or_answered_twice_is_doubled():
    assert judge(story(history=(ALFA, ALFA))) == {"doubled": 1}
    twice = story(notices=[*story().notices, *again(6.0)])
    twice.written["r2"], twice.begun["r2"] = twice.written["r1"], 6.0
    assert judge(twice) == {"doubled": 1}
    twice.returned.append(5.5)  # a tool's result came in between, and was spoken of
    assert judge(twice) == {}


def test_a_turn_without_a_sound_after_it_is_unanswered():
    silent = [(at, notice) for at, notice in story().notices if not isinstance(notice, out.ReplyAudio)]
    assert judge(story(notices=silent)) == {"unanswered": 1}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"settled": False}, "stuck"),
        ({"ended": False}, "stuck"),
        ({"left_over": ["tts"]}, "left_over"),
        ({"refused": ["a call without its result"]}, "invalid_request"),
        ({"crashes": ["KeyError"]}, "crash"),
    ],
)
def test_what_may_not_be_left_of_a_call(changes, kind):
    assert judge(story(**changes)) == {kind: 1}


def test_two_replies_at_once_are_out_of_order():
    notices = story().notices
    assert judge(story(notices=[*notices[:5], (4.0, out.ReplyStarted("r3", "m4")), notices[5]]))["disorder"] == 2


@pytest.mark.parametrize("seed", range(1, 13))
def test_whatever_goes_wrong_no_turn_is_lost_or_doubled_and_nothing_hangs(seed):
    result = one(seed)
    assert result.wrong == [] and result.turns


@pytest.mark.soak
def test_ten_thousand_calls_with_all_faults():
    from antiphon.lab.bench_faults import run

    figures = run(calls=10_000)
    assert figures["told"] == []
