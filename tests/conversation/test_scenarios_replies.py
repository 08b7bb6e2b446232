"""Replies: which one is made when, and what becomes of one that fails."""

from dataclasses import replace

import pytest

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation.settings import Settings, Speculation
from antiphon.types import Role, ToolCall, ToolSpec
from tests.conversation.simulate import Answer, Call, Tool

FALLBACK = "agent: Sorry, I'm having trouble answering right now."
GREETING = "Hello this is the bakery at the corner how can I help you"


def agent(call: Call) -> list[str]:
    return call.story(out.AgentTranscript)


# --- on request ---------------------------------------------------------------------------------------------------


def test_a_reply_asked_for_in_the_greeting_replaces_it():
    call = Call(greeting=GREETING)
    call.at(1_000, ev.ReplyRequested("Ask for the name."))
    call.run(until=10_000)
    assert agent(call) == ["agent: Hello this is|", "agent: All right then."]
    assert call.requests[0][-1].text == "Ask for the name."


def test_a_reply_asked_for_in_the_callers_turn_follows_its_answer():
    call = Call(model=[Answer("The answer."), Answer("The rest.")])
    call.caller("when do you open", at=1_000)
    call.at(1_500, ev.ReplyRequested())
    call.run(until=10_000)
    assert agent(call) == ["agent: The answer.", "agent: The rest."]


def test_a_reply_asked_for_in_a_reply_follows_it():
    call = Call(model=[Answer("The answer."), Answer("The rest.")])
    call.caller("when do you open", at=1_000)
    call.at(3_000, ev.ReplyRequested())
    call.run(until=10_000)
    assert agent(call) == ["agent: The answer.", "agent: The rest."]


def test_all_that_was_asked_for_is_said_in_order():
    call = Call(greeting=GREETING)
    call.at(1_000, ev.SayRequested("One."), ev.SayRequested("Two."), ev.SayRequested("Three."))
    call.run(until=20_000)
    assert agent(call)[1:] == ["agent: One.", "agent: Two.", "agent: Three."]


def test_what_was_asked_for_in_a_turn_without_words_is_said_after_it():
    call = Call()
    call.voice(at=1_000, lasts=300)
    call.at(1_200, ev.SayRequested("One."))
    call.run(until=20_000)
    assert call.story() == ["speech started", "speech stopped", "reply started", "agent: One.", "reply completed"]


def test_instructions_hold_for_one_reply():
    call = Call()
    call.at(1_000, ev.ReplyRequested("Speak French."))
    call.caller("hello there", at=5_000)
    call.run(until=20_000)
    assert not any(message.text == "Speak French." for message in call.requests[1])


def test_context_is_no_question():
    call = Call()
    call.at(1_000, ev.MessageAdded(Role.SYSTEM, "The caller is on page 3."))
    call.run(until=10_000)
    assert call.requests == []
    assert call.history() == ["system: The caller is on page 3."]


# --- prepared before the turn is certain --------------------------------------------------------------------------

SPECULATIVE = Settings(speculation=Speculation.LLM_TTS, idle_after=None, tools=(ToolSpec("order"),))
ORDER = ToolCall("call_1", "order", {})


def test_a_reply_prepared_in_the_pause_is_committed():
    call = Call(SPECULATIVE, model=[Answer("On Monday.")])
    end = call.caller("when do you open", at=1_000)
    call.run(until=10_000)
    assert call.when("reply started") == end + 600
    assert len(call.requests) == 1
    assert call.when("agent: On Monday.") == end + 350 + 400 + 500  # written from the early final on


def test_a_reply_to_half_a_sentence_is_thrown_away():
    call = Call(SPECULATIVE, model=[Answer("What number?"), Answer("Thank you.")])
    call.caller("my number is", at=1_000)
    call.caller("five five five", at=2_280)
    call.run(until=10_000)
    assert len(call.requests) == 2
    assert call.story()[3:] == ["reply started", "agent: Thank you.", "reply completed"]


def test_a_call_of_a_reply_that_is_thrown_away_is_never_run():
    call = Call(SPECULATIVE, model=[Answer("What number?", calls=(ORDER,), takes=50), Answer("Thank you.")])
    call.caller("my number is", at=1_000)
    call.caller("five five five", at=2_280)
    call.run(until=10_000)
    assert call.ordered(act.RunTool) == []


def test_a_call_of_a_reply_that_is_committed_is_run_once_and_then():
    call = Call(SPECULATIVE, model=[Answer("Yes.", calls=(ORDER, ORDER), takes=50), Answer("Done.")])
    end = call.caller("order a cake", at=1_000)
    call.run(until=10_000)
    assert [time for time, _, actions in call.log if act.RunTool(ORDER) in actions] == [end + 600]
    assert agent(call) == ["agent: Yes.", "agent: Done."]


@pytest.mark.parametrize(
    "change",
    [
        ev.SettingsChanged(Settings(speculation=Speculation.LLM_TTS, idle_after=None, system_prompt="Speak French.")),
        ev.MessageAdded(Role.SYSTEM, "The shop is closed."),
    ],
    ids=["settings", "context"],
)
def test_a_reply_that_no_longer_answers_is_thrown_away(change):
    call = Call(SPECULATIVE)
    end = call.caller("when do you open", at=1_000)
    call.at(end + 500, change)
    call.run(until=10_000)
    assert len(call.requests) == 2
    assert len(call.story(out.ReplyStarted)) == 1


@pytest.mark.parametrize(("share", "prepared"), [(0.0, 0), (0.35, 2), (1.0, 3)])
def test_no_more_replies_are_thrown_away_than_may_be(share, prepared):
    call = Call(replace(SPECULATIVE, speculation_waste=share))
    for at, words in enumerate(("my number is", "five five five", "one two three", "four five six")):
        call.caller(words, at=1_000 + 1_280 * at)
    call.run(until=5_400)
    assert call.state.wasted == prepared


def test_a_prepared_reply_that_fails_is_tried_again():
    call = Call(SPECULATIVE, model=[Answer(fails=True, takes=50), Answer("On Monday.")])
    call.caller("when do you open", at=1_000)
    call.run(until=10_000)
    assert call.story()[3:] == ["reply started", "agent: On Monday.", "reply completed"]


def test_a_final_that_only_changes_the_punctuation_keeps_the_reply():
    call = Call(SPECULATIVE)
    end = call.caller("when do you open", at=1_000)
    call.at(end + 500, ev.Heard("When do you open?", utterance=0, at=int(end) + 500, final=True))
    call.run(until=10_000)
    assert len(call.requests) == 1


# --- what fails ---------------------------------------------------------------------------------------------------


def test_a_model_that_fails_is_apologised_for_once():
    call = Call(model=[Answer(fails=True)])
    call.caller("when do you open", at=1_000)
    call.run(until=60_000)
    assert agent(call) == [FALLBACK]
    assert len(call.requests) == 1


def test_a_model_that_fails_in_mid_sentence():
    call = Call(model=[Answer("On Mon", fails=True)])
    call.caller("when do you open", at=1_000)
    call.run(until=60_000)
    assert agent(call) == ["agent: On Mon", FALLBACK]


def test_a_voice_that_fails_too_is_the_end_of_it():
    call = Call(model=[Answer(hangs=True)], script=Answer(hangs=True))
    call.caller("when do you open", at=1_000)
    call.run(until=100_000)
    assert call.story(out.ReplyDone) == ["reply interrupted", "reply interrupted"]
    assert call.state.live is None


@pytest.mark.parametrize("text", ["", "On Mon"], ids=["from the start", "in mid-sentence"])
def test_a_reply_that_stalls_is_given_up_and_apologised_for(text):
    call = Call(model=[Answer(text, hangs=True)])
    call.caller("when do you open", at=1_000)
    call.run(until=60_000)
    assert agent(call) == [f"agent: {text}|", FALLBACK]
    assert "fault: no sound of the reply within 3 s" in call.story()


def test_a_stalled_reply_that_is_held_is_given_up_after_the_hold():
    call = Call(Settings(answer_within=2.0, idle_after=None), model=[Answer(hangs=True)])
    call.caller("when do you open", at=1_000)
    call.voice(at=4_000, lasts=4_000)
    call.run(until=60_000)
    assert agent(call) == ["agent: |", FALLBACK]


def test_a_failure_is_not_apologised_for_if_the_caller_is_answered_meanwhile():
    call = Call(
        Settings(interruptible=False, idle_after=None), model=[Answer("On Mon", fails=True), Answer("On Monday.")]
    )
    call.caller("hello are you there", at=1_000)
    call.caller("on which day", at=3_000)
    call.run(until=60_000)
    assert agent(call) == ["agent: On Mon", "agent: On Monday."]


def test_a_failure_under_a_noise_is_apologised_for_after_it():
    call = Call(model=[Answer(fails=True, takes=1_000)])
    call.caller("when do you open", at=1_000)
    call.voice(at=3_100, lasts=300)
    call.run(until=60_000)
    assert agent(call) == [FALLBACK]


def test_a_late_start_of_playout_does_not_stop_the_wait_for_its_stop():
    call = Call(greeting=GREETING, stops_after=None)
    call.at(1_000, ev.InterruptRequested(), ev.PlayoutStarted("resp_" + "0" * 24 + "00000001"))
    call.run(until=10_000)
    assert call.story() == ["reply started", "agent: |", "reply interrupted"]


def test_a_model_that_only_ever_calls_tools_is_stopped():
    call = Call(
        Settings(idle_after=None, tools=(ToolSpec("order"),)),
        model=lambda messages: Answer(calls=(ToolCall(f"call_{len(messages)}", "order", {}),), takes=100),
        tools={"order": Tool(takes=100)},
    )
    call.caller("order a cake", at=1_000)
    call.run(until=60_000)
    assert len(call.requests) == 8
    assert agent(call) == [FALLBACK]
