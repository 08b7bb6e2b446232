"""What must be true of a demo, found missing where it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from antiphon.client.report import CallReport, Turn
from antiphon.lab.demo_caller import Part
from antiphon.lab.demo_checks import checks
from antiphon.lab.demo_json import as_json
from antiphon.lab.demo_outcome import HeardReply, Outcome, Utterance, Word

WORDS = (Word("Once ", 0), Word("there ", 400), Word("was ", 800), Word("a ", 1000))


def reply(reply_id: str, text: str, begins: float, **changed: Any) -> HeardReply:
    """One that was heard whole, for 2 s."""
    whole: dict[str, Any] = {
        "interrupted": False,
        "status": "completed",
        "ends": begins + 2,
        "played_ms": 2000.0,
        "unplayed_ms": 0.0,
        "voiced_ms": 1900.0,
        "paused_ms": 0.0,
        "words": (),
    }
    return HeardReply(reply_id, text, begins=begins, **{**whole, **changed})


GREETING = reply("r1", "Hello!", 0.1)
ANSWER = reply("r2", "Madrid.", 5.0)
STORY = reply("r3", "Once there was", 9.0, interrupted=True, status="interrupted", played_ms=900.0, words=WORDS)
SORRY = reply("r4", "Sorry.", 14.0)
ASKED = Turn("Spain?", "Madrid.", at=3.9, latency_ms=1100.0, replies=["r2"])
WISHED = Turn("A story.", "Once there was", at=8.0, latency_ms=1000.0, interrupted=True, replies=["r3"])
STOPPED = Turn("Stop.", "Sorry.", at=12.9, latency_ms=1100.0, replies=["r4"])
UH_HUH = Utterance("Uh-huh.", Part.BACKCHANNEL, 1.0, 1.5, ())
SPAIN = Utterance("Spain?", Part.TURN, 3.0, 4.0, (ASKED,))
WISH = Utterance("A story.", Part.TURN, 7.5, 8.1, (WISHED,))
STOP = Utterance("Stop.", Part.INTERRUPTION, 10.5, 13.0, (STOPPED,))
GOOD = Outcome(
    report=CallReport("sess_1", (Turn("", "Hello!", replies=["r1"]), ASKED, WISHED, STOPPED), (), 17.0, None, ()),
    greeting="Hello!",
    utterances=(UH_HUH, SPAIN, WISH, STOP),
    replies=(GREETING, ANSWER, STORY, SORRY),
    left_unsaid=0,
    gave_up=None,
    first_reply_s=2.1,
    first_answer_s=7.0,
)


def failures(outcome: Outcome) -> list[str]:
    return [f"{check.name}: {check.reason}" for check in checks(outcome) if not check.passed]


def with_reply(changed: HeardReply) -> Outcome:
    replies = tuple(changed if one.reply_id == changed.reply_id else one for one in GOOD.replies)
    return replace(GOOD, replies=replies)


def with_utterance(changed: Utterance) -> Outcome:
    utterances = tuple(
        changed if one.part is changed.part and one.begins == changed.begins else one for one in GOOD.utterances
    )
    return replace(GOOD, utterances=utterances)


def test_a_good_demo_passes_every_check() -> None:
    assert failures(GOOD) == []
    assert as_json(GOOD, checks(GOOD))["passed"] is True


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (replace(GOOD, replies=()), "nothing was heard"),
        (with_reply(replace(GREETING, text="Hel", interrupted=True)), "cut after: Hel"),
        (with_reply(replace(GREETING, text="Hi!")), "instead of it the agent said: Hi!"),
        (with_reply(replace(GREETING, unplayed_ms=300.0)), "the last 300 ms of its audio were never played"),
        (with_utterance(replace(UH_HUH, turns=(ASKED,))), "it took the floor, heard as: Spain?"),
        (with_utterance(replace(SPAIN, turns=())), "no transcript of 'Spain?'"),
        (replace(GOOD, utterances=()), "nothing was said"),
        (with_reply(replace(ANSWER, voiced_ms=20.0)), "no voice answered: Spain?"),
        (with_reply(replace(STORY, interrupted=False, status="completed")), "it went on"),
        (with_reply(replace(STORY, text="Once there was a")), "heard: Once there was / remembered: Once there was a"),
        (with_reply(replace(STORY, text="Once")), "2 words were heard and are not remembered"),
        (with_reply(replace(STORY, text="")), "nothing of it is remembered"),
        (replace(GOOD, left_unsaid=2, gave_up="tired"), "2 lines were left unsaid: tired"),
        (replace(GOOD, report=replace(GOOD.report, failure="the connection broke")), "the connection broke"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(outcome: Outcome, reason: str) -> None:
    told = failures(outcome)
    assert any(reason in line for line in told)
    assert not any("\n" in line for line in told)


def test_one_word_less_is_right_where_the_cut_fell_on_its_beginning() -> None:
    assert failures(with_reply(replace(STORY, text="Once there"))) == []


def test_an_utterance_that_went_on_needs_one_answer() -> None:
    first = Turn("Chapter.", "", at=3.2, replies=[])
    longer = replace(SPAIN, turns=(first, ASKED))
    turns = (GOOD.report.turns[0], first, *GOOD.report.turns[1:])
    outcome = replace(with_utterance(longer), report=replace(GOOD.report, turns=turns))
    assert failures(outcome) == []


def test_a_backchannel_beside_the_agents_voice_proves_nothing() -> None:
    lonely = replace(GOOD, utterances=(replace(UH_HUH, begins=3.0, ends=3.2), SPAIN, WISH, STOP))
    assert any("not said over the agent's voice" in line for line in failures(lonely))
