"""Tools: a call ends once, is told to the model once, and the caller is never left waiting for it in vain."""

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation.settings import Settings
from antiphon.types import Message, Role, ToolCall, ToolSpec
from tests.conversation.simulate import Answer, Call, Tool

ORDER = ToolCall("call_1", "order", {"item": "cake"})
PRICE = ToolCall("call_2", "price", {"item": "cake"})
SETTINGS = Settings(
    idle_after=None,
    filler_after=None,
    tools=(
        ToolSpec("order", timeout=5.0),
        ToolSpec("price", timeout=5.0),
        ToolSpec("transfer", hold=True, timeout=20.0),
    ),
)
MOMENT = Answer("One moment while I look that up for you.", calls=(ORDER,))  # heard from 2 850 to 4 850
DONE = Answer("It is ordered.")
TRANSFER = Answer("I put you through.", calls=(ToolCall("call_3", "transfer", {}),))


def asked(*, tool: Tool, model: list[Answer]) -> Call:
    """A call whose first turn ends at 2 350."""
    call = Call(SETTINGS, model=model, tools={"order": tool, "price": Tool("12 euros", takes=900), "transfer": tool})
    call.caller("order a cake", at=1_000)
    return call


def results(call: Call) -> list[str]:
    return [message.text for message in call.state.history.messages() if message.role is Role.TOOL]


def agent(call: Call) -> list[str]:
    return call.story(out.AgentTranscript)


def test_a_result_that_comes_during_the_preamble_is_told_after_it():
    call = asked(tool=Tool("ok", takes=300), model=[MOMENT, DONE]).run(until=20_000)
    assert call.story()[3:] == [
        "reply started",
        "tool order",
        "agent: One moment while I look that up for you.",
        "reply completed",
        "reply started",
        "agent: It is ordered.",
        "reply completed",
    ]
    assert call.when("agent: It is ordered.") == 2_350 + 400 + 9 * 250 + 400 + 3 * 250


def test_a_result_that_comes_after_the_preamble_is_told_at_once():
    call = asked(tool=Tool("ok", takes=4_000), model=[MOMENT, DONE]).run(until=20_000)
    assert agent(call) == ["agent: One moment while I look that up for you.", "agent: It is ordered."]
    assert call.requests[-1][-1] == Message(Role.TOOL, "ok", call_id="call_1")


def test_the_model_knows_what_it_said_before_the_result():
    call = asked(tool=Tool("ok", takes=10), model=[MOMENT, DONE]).run(until=20_000)
    assert call.requests[1][1] == Message(Role.ASSISTANT, MOMENT.text, (ORDER,))


def test_a_line_spoken_during_a_call_may_be_interrupted():
    call = asked(tool=Tool("ok", takes=8_000), model=[Answer(calls=(ORDER,)), Answer("Sure."), DONE])
    call.at(3_000, ev.SayRequested("This takes a little while so please be patient."))
    call.caller("how long is that", at=4_500)
    call.run(until=30_000)
    assert agent(call) == ["agent: This takes a little while|", "agent: Sure.", "agent: It is ordered."]


def test_a_call_without_a_preamble():
    call = asked(tool=Tool("ok"), model=[Answer(calls=(ORDER,)), DONE]).run(until=20_000)
    assert call.story()[3:] == [
        "reply started",
        "tool order",
        "reply completed",
        "reply started",
        "agent: It is ordered.",
        "reply completed",
    ]


def test_a_result_that_comes_during_the_callers_turn_is_told_in_the_answer_to_it():
    call = asked(tool=Tool("ok", takes=4_000), model=[MOMENT, DONE])
    call.caller("and how long will that take", at=6_000)
    call.run(until=20_000)
    assert len(call.requests) == 2
    assert results(call) == ["ok"]
    assert call.requests[-1][-1].text == "and how long will that take"


def test_a_result_that_comes_during_a_turn_without_words_is_told_after_it():
    call = asked(tool=Tool("ok", takes=4_000), model=[MOMENT, DONE])
    call.voice(at=6_500, lasts=300)
    call.run(until=20_000)
    assert call.story()[-5:] == [
        "speech started",
        "speech stopped",
        "reply started",
        "agent: It is ordered.",
        "reply completed",
    ]


def test_a_call_survives_the_interruption_of_its_reply():
    call = asked(tool=Tool("ok", takes=3_000), model=[MOMENT, Answer("Sure."), DONE])
    call.caller("wait with cherries please", at=3_500)
    call.run(until=20_000)
    assert results(call) == ["ok"]
    assert len(call.ordered(act.RunTool)) == 1
    assert agent(call) == ["agent: One moment while I|", "agent: Sure.", "agent: It is ordered."]


def test_the_model_is_told_that_a_call_still_runs():
    call = asked(tool=Tool("ok", takes=4_900), model=[MOMENT, Answer("Soon."), DONE])
    call.caller("is it done yet", at=5_000)
    call.run(until=20_000)
    assert [message.role for message in call.requests[1]] == [Role.USER, Role.ASSISTANT, Role.TOOL, Role.USER]
    assert "still running" in call.requests[1][2].text


def test_a_late_result_is_told_though_the_agent_spoke_last():
    """The result stands by its call, far up; the end of the request says that it is new."""
    call = asked(tool=Tool("ok", takes=4_900), model=[MOMENT, Answer("Soon."), DONE])
    call.caller("is it done yet", at=5_000)
    call.run(until=20_000)
    assert agent(call)[-1] == "agent: It is ordered."
    assert call.requests[2][-1].role is Role.SYSTEM


def test_parallel_calls_are_answered_together():
    both = Answer("Let me see.", calls=(ORDER, PRICE))
    call = asked(tool=Tool("ok", takes=4_000), model=[both, DONE]).run(until=20_000)
    assert len(call.requests) == 2
    assert results(call) == ["12 euros", "ok"]


def test_a_tool_that_nobody_offered_is_answered_for_the_model_to_read():
    call = asked(tool=Tool(), model=[Answer("Let me see.", calls=(ToolCall("x", "fly", {}),)), DONE]).run(until=20_000)
    assert call.ordered(act.RunTool) == []
    assert results(call) == ["There is no tool called 'fly'."]
    assert agent(call)[-1] == "agent: It is ordered."


def test_a_tool_that_never_returns_times_out():
    call = asked(tool=Tool(takes=None), model=[MOMENT, Answer("I could not reach them.")]).run(until=20_000)
    assert "outcome is unknown" in results(call)[0]
    assert agent(call)[-1] == "agent: I could not reach them."


def test_a_result_after_the_timeout_is_dropped():
    call = asked(tool=Tool("ok", takes=9_000), model=[MOMENT, DONE]).run(until=20_000)
    assert len(results(call)) == 1
    assert len(call.requests) == 2


def test_a_result_that_comes_twice_counts_once():
    call = asked(tool=Tool("ok", takes=3_000), model=[MOMENT, DONE])
    call.at(5_900, ev.ToolReturned("call_1", "again"))
    call.run(until=20_000)
    assert results(call) == ["ok"]
    assert len(call.requests) == 2


def test_an_empty_result_is_a_result():
    call = asked(tool=Tool("", takes=500), model=[MOMENT, DONE]).run(until=20_000)
    assert results(call) == ["(The tool returned nothing.)"]
    assert agent(call)[-1] == "agent: It is ordered."


def test_a_tool_that_fails_is_told_to_the_model():
    call = asked(tool=Tool("no such item", is_error=True), model=[MOMENT, DONE]).run(until=20_000)
    assert results(call) == ["The tool failed: no such item"]


def test_a_call_of_a_reply_that_was_cancelled_is_not_run():
    call = asked(tool=Tool(), model=[Answer("One moment.", calls=(ORDER,), takes=3_000), DONE])
    call.at(3_000, ev.InterruptRequested())
    call.run(until=20_000)
    assert call.ordered(act.RunTool) == []


def test_a_call_that_comes_twice_is_run_once():
    call = asked(tool=Tool("ok", takes=100), model=[Answer("One moment please.", calls=(ORDER, ORDER)), DONE])
    call.at(3_000, ev.ReplyToolCall("resp_" + "0" * 24 + "00000002", ORDER))  # again, after its result
    call.run(until=20_000)
    assert len(call.ordered(act.RunTool)) == 1
    assert results(call) == ["ok"]


def test_a_model_that_numbers_its_calls_anew_in_each_reply():
    call = asked(tool=Tool("ok"), model=[MOMENT, DONE, MOMENT, DONE])
    call.caller("another one", at=10_000)
    call.run(until=20_000)
    assert [order.call.call_id == "call_1" for order in call.ordered(act.RunTool)] == [True, False]
    assert results(call) == ["ok", "ok"]


def test_a_call_whose_turn_no_longer_fits_the_window_is_still_told():
    settings = Settings(idle_after=None, tools=(ToolSpec("order", timeout=60.0),), context_window=260, max_tokens=100)
    chatter = [Answer("Soon " + "very " * 20)] * 4
    call = Call(settings, model=[MOMENT, *chatter, DONE], tools={"order": Tool("ok", takes=45_000)})
    call.caller("order a cake", at=1_000)
    for number in range(4):
        call.caller("is it done yet or not now", at=6_000 + 10_000 * number)
    call.run(until=60_000)
    assert "user: order a cake" not in call.history()
    assert results(call) == ["ok"]
    assert agent(call)[-1] == "agent: It is ordered."


def test_a_call_of_a_held_reply_waits_until_it_goes_on():
    call = asked(tool=Tool("ok"), model=[Answer("One moment.", calls=(ORDER,), takes=1_500), DONE])
    call.voice(at=3_000, lasts=1_500)  # the call comes at 3 850
    call.run(until=20_000)
    assert [time for time, _, actions in call.log if act.RunTool(ORDER) in actions] == [4_500 + 600]
    assert agent(call) == ["agent: One moment.", "agent: It is ordered."]


def test_a_call_of_a_held_reply_that_is_cancelled_is_never_run():
    """The caller had not finished: what the model wanted to do is no longer what was asked for."""
    call = asked(tool=Tool("ok"), model=[Answer("One moment.", calls=(ORDER,), takes=1_000), Answer("No cake then.")])
    call.caller("no wait not a cake", at=3_200, word=400)  # the call comes at 3 350, the first word at 3 700
    call.run(until=20_000)
    assert call.ordered(act.RunTool) == []
    assert call.story(out.ToolCalled) == []
    assert agent(call)[-1] == "agent: No cake then."


# --- on hold ------------------------------------------------------------------------------------------------------


def test_on_hold_nobody_is_answered_and_transcripts_are_withheld():
    call = asked(tool=Tool("connected", takes=8_000), model=[TRANSFER, DONE])
    call.caller("are you still there", at=6_000)
    call.run(until=20_000)
    assert call.story()[5:] == [
        "agent: I put you through.",
        "reply completed",
        "speech started",
        "speech stopped",
        "caller: are you still there",
        "reply started",
        "agent: It is ordered.",
        "reply completed",
    ]
    assert call.when("caller: are you still there") == 2_350 + 400 + 8_000
    assert len(call.requests) == 2


def test_on_hold_the_client_may_make_the_agent_speak():
    call = asked(tool=Tool("connected", takes=8_000), model=[TRANSFER, Answer("Still waiting."), DONE])
    call.at(5_000, ev.ReplyRequested("Say that it takes a while."))
    call.run(until=20_000)
    assert agent(call) == ["agent: I put you through.", "agent: Still waiting.", "agent: It is ordered."]


def test_on_hold_a_backchannel_before_such_a_reply_is_heard_does_not_stop_it():
    call = asked(tool=Tool("connected", takes=12_000), model=[TRANSFER, Answer("Still waiting.", takes=2_000), DONE])
    call.at(5_000, ev.ReplyRequested("Say that it takes a while."))
    call.caller("okay", at=5_500)
    call.run(until=12_000)
    assert agent(call)[-1] == "agent: Still waiting."


def test_what_was_said_on_hold_is_not_lost_when_the_session_ends():
    call = asked(tool=Tool("connected", takes=None), model=[TRANSFER])
    call.caller("are you still there", at=6_000)
    call.at(10_000, ev.EndRequested("client_end"))
    call.run(until=20_000)
    assert call.story()[-1] == "caller: are you still there"


def test_what_was_said_on_hold_is_answered_though_another_call_still_runs():
    both = Answer("I put you through.", calls=(*TRANSFER.calls, ORDER))
    call = asked(tool=Tool("connected", takes=4_000), model=[both, Answer("Yes, I am."), DONE])
    call.tools["order"] = Tool(takes=None)
    call.caller("are you still there", at=4_500)
    call.run(until=20_000)
    assert call.when("agent: Yes, I am.") == 2_750 + 4_000 + 400 + 750  # not after the other's timeout
