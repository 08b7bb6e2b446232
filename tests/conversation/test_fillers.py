"""A tool keeps the caller waiting: told so once, in time, and never in the way of the answer."""

import pytest

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation.settings import Mode, Settings
from antiphon.types import ToolCall, ToolSpec
from tests.conversation.simulate import Answer, Call, Tool

ORDER = ToolCall("call_1", "order", {})
LINES = ("One moment please.", "Just a second.")  # heard for 750 ms, 400 ms after they are ordered
SILENT = Answer(calls=(ORDER,))  # the caller's turn ends at 2 350, the tool is run at 2 750
DONE = Answer("It is ordered.")


def asked(*model: Answer, takes: float | None = 6_000, spec: ToolSpec | None = None, **settings: object) -> Call:
    given = {"idle_after": None, "filler_lines": LINES, "tools": (spec or ToolSpec("order"),), **settings}
    call = Call(Settings(**given), model=[*model, DONE], tools={"order": Tool("ok", takes=takes)})  # type: ignore[arg-type]
    call.caller("order a cake", at=1_000)
    return call


def agent(call: Call) -> list[str]:
    return [line.removeprefix("agent: ") for line in call.story(out.AgentTranscript)]


def starts(call: Call) -> list[float]:
    return [time for time, notice in call.notices if isinstance(notice, out.ReplyStarted)]


def test_a_slow_tool_is_bridged_by_a_line_once():
    call = asked(SILENT).run(until=30_000)
    assert agent(call) == ["One moment please.", "It is ordered."]
    assert starts(call)[1] == 2_750 + 1_500


def test_a_quick_tool_is_not():
    assert agent(asked(SILENT, takes=1_400).run(until=30_000)) == ["It is ordered."]


def test_the_silence_counts_from_the_end_of_what_the_agent_says():
    call = asked(Answer("Let me see.", calls=(ORDER,))).run(until=30_000)
    assert agent(call) == ["Let me see.", "One moment please.", "It is ordered."]
    assert starts(call)[1] == 2_750 + 750 + 1_500


def test_none_is_said_if_none_is_wanted():
    assert agent(asked(SILENT, filler_after=None).run(until=30_000)) == ["It is ordered."]
    assert agent(asked(SILENT, spec=ToolSpec("order", filler_lines=())).run(until=30_000)) == ["It is ordered."]


def test_a_tool_may_have_lines_of_its_own():
    call = asked(SILENT, spec=ToolSpec("order", filler_lines=("I ask the baker.",))).run(until=30_000)
    assert agent(call)[0] == "I ask the baker."


def test_not_while_on_hold():
    call = asked(SILENT, spec=ToolSpec("order", hold=True)).run(until=30_000)
    assert agent(call) == ["It is ordered."]


def test_not_while_the_caller_has_the_floor():
    call = asked(SILENT, Answer("Soon."))
    call.caller("and how long will that take", at=4_000)
    call.run(until=30_000)
    assert agent(call)[0] == "Soon."


def test_a_noise_only_puts_it_off():
    call = asked(SILENT, takes=9_000)
    call.voice(at=4_000, lasts=400)
    call.run(until=30_000)
    assert agent(call) == ["One moment please.", "It is ordered."]
    assert starts(call)[1] >= 4_400 + 600 + 1_500


@pytest.mark.parametrize(("lines", "said"), [(LINES, [*LINES]), (LINES[:1], [LINES[0], LINES[0]])])
def test_two_in_a_row_differ_where_they_can(lines, said):
    call = asked(SILENT, DONE, SILENT, filler_lines=lines)
    call.caller("order another one", at=12_000)
    call.run(until=30_000)
    assert agent(call)[::2] == said


def test_one_line_is_not_said_twice_in_one_silence():
    again = Answer(calls=(ToolCall("call_2", "order", {}),))
    call = asked(SILENT, again, filler_lines=LINES[:1]).run(until=30_000)
    assert agent(call) == ["One moment please.", "It is ordered."]


def test_the_answer_follows_the_line_without_a_wait():
    """The tool returns at 4 800, in the middle of the line; the model takes 400."""
    call = asked(SILENT, takes=2_050).run(until=30_000)
    assert agent(call) == ["One moment please.", "It is ordered."]
    line_ends = 4_250 + 400 + 750
    assert starts(call)[2] == line_ends
    assert [time for time, event, _ in call.log if isinstance(event, ev.PlayoutStarted)][-1] == line_ends


def test_the_prepared_answer_is_dropped_if_the_caller_speaks():
    call = asked(SILENT, Answer("It is ordered."), Answer("Without cherries."), takes=2_050)
    call.caller("without cherries please", at=4_900)
    call.run(until=30_000)
    assert agent(call)[-1] == "Without cherries."
    assert "agent: It is ordered." not in call.story()


def test_cascade_prepares_nothing():
    call = asked(SILENT, takes=2_050, mode=Mode.CASCADE).run(until=30_000)
    assert agent(call) == ["One moment please.", "It is ordered."]
    assert not any(order.speculative for order in call.ordered(act.StartReply))


def test_a_yes_over_the_line_answers_nothing():
    call = asked(SILENT, takes=6_000)
    call.caller("yes", at=4_500)
    call.run(until=30_000)
    assert agent(call) == ["One moment please.", "It is ordered."]


def test_a_line_does_not_count_as_an_answer():
    """A model that only ever calls tools is stopped, lines or no lines."""
    rounds = [Answer(calls=(ToolCall(f"call_{n}", "order", {}),)) for n in range(12)]
    call = asked(*rounds, takes=4_000, silent_rounds=3).run(until=90_000)
    assert len(call.requests) == 3
    assert agent(call)[-1] == Settings().fallback_line


def test_a_line_arms_no_idle_timer():
    call = asked(SILENT, takes=50_000, idle_after=10.0, spec=ToolSpec("order")).run(until=52_000)
    assert agent(call) == ["One moment please."]


def test_a_line_that_cannot_be_spoken_is_not_apologised_for():
    call = asked(SILENT)
    call._script = Answer(fails=True)
    call.run(until=30_000)
    assert agent(call) == ["It is ordered."]
