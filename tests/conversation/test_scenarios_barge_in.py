"""A voice over the agent's: which one takes the floor, and when."""

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation.settings import Settings
from tests.conversation.simulate import Answer, Call, Ears

GREETING = "Hello this is the bakery at the corner how can I help you"  # 13 words: heard from 0.4 to 3.65 s
NOTICE = "This call is recorded for your safety and ours thank you"
WORDLESS = Settings(partials=False, idle_after=None)  # the STT tells no words before its final
UNTOUCHED = ["reply started", f"agent: {GREETING}", "reply completed"]


def holds(call: Call) -> list[str]:
    return [type(order).__name__ for order in call.ordered(act.HoldPlayout, act.ResumePlayout, act.CancelReply)]


def test_the_greeting_is_heard_whole_with_mm_hm_over_it():
    call = Call(greeting=GREETING)
    call.caller("Mm-hm.", at=1_000)
    assert call.run(until=20_000).story() == UNTOUCHED
    assert holds(call) == ["HoldPlayout", "ResumePlayout"]


def test_a_cough_holds_the_agent_for_a_moment():
    call = Call(greeting=GREETING)
    call.voice(at=1_000, lasts=200)
    assert call.run(until=20_000).story() == UNTOUCHED
    assert holds(call) == ["HoldPlayout", "ResumePlayout"]


def test_many_coughs():
    call = Call(greeting=GREETING)
    for number in range(6):
        call.voice(at=1_000 + number * 700, lasts=150)
    assert call.run(until=30_000).story() == UNTOUCHED


def test_backchannels_do_not_add_up_nor_leak_into_the_next_turn():
    call = Call(greeting=GREETING)
    for at in (700, 1_700, 3_000):
        call.caller("okay", at=at)
    call.caller("when do you open", at=10_000)
    call.run(until=20_000)
    assert call.story()[:3] == UNTOUCHED
    assert call.story(out.UserTranscript) == ["caller: when do you open"]


def test_words_take_the_floor_as_soon_as_they_are_known():
    call = Call(greeting=GREETING, model=[Answer("We open at nine.")])
    call.caller("wait when do you open", at=2_000, word=200)
    call.run(until=20_000)
    assert call.when("speech started") == 2_300
    assert call.story() == [
        "reply started",
        "speech started",
        "agent: Hello this is the bakery at the|",
        "reply interrupted",
        "speech stopped",
        "caller: wait when do you open",
        "reply started",
        "agent: We open at nine.",
        "reply completed",
    ]


def test_history_holds_what_was_heard_before_the_words_that_cut_it():
    call = Call(greeting=GREETING)
    call.caller("wait when do you open", at=2_000)
    call.run(until=6_000)
    assert call.history()[:2] == ["assistant: Hello this is the bakery at the", "user: wait when do you open"]


def test_a_voice_that_lasts_takes_the_floor_without_words():
    call = Call(WORDLESS, greeting=GREETING, ears=Ears(partials=False))
    call.caller("when do you open today", at=2_000)
    call.run(until=20_000)
    assert call.when("speech started") == 2_700
    assert "caller: when do you open today" in call.story()


def test_a_voice_shorter_than_that_does_not():
    call = Call(greeting=GREETING)
    call.voice(at=2_000, lasts=400)
    assert call.run(until=20_000).story() == UNTOUCHED


def test_its_time_counts_from_the_onset_of_the_voice_that_stays():
    call = Call(WORDLESS, greeting=GREETING, ears=Ears(final_after=400))
    call.voice(at=1_000, lasts=300)
    call.voice(at=1_600, lasts=2_000)
    call.run(until=20_000)
    assert holds(call) == ["HoldPlayout", "ResumePlayout", "CancelReply"]
    assert call.when("speech started") == 2_300


def test_a_noise_in_bursts_does_not_hold_the_agent_for_good():
    call = Call(greeting=GREETING, ears=Ears(final_after=None))
    for number in range(100):
        call.voice(at=1_000 + number * 400, lasts=250)
    call.run(until=60_000)
    assert call.story()[:3] == UNTOUCHED
    assert holds(call) == ["HoldPlayout", "ResumePlayout"]


def test_what_may_become_a_backchannel_is_waited_for_and_then_the_agent_goes_on():
    call = Call(greeting=GREETING, ears=Ears(partials=False))
    call.caller("Uh-huh", at=1_000, lasts=1_500)
    call.at(1_300, ev.Heard("Uh-hu", utterance=0, at=1_300))
    assert call.run(until=20_000).story() == UNTOUCHED
    resumed = [time for time, _, actions in call.log if any(isinstance(a, act.ResumePlayout) for a in actions)]
    assert resumed == [1_800]


def test_words_that_come_after_the_agent_went_on_still_take_the_floor():
    call = Call(greeting=GREETING)
    call.caller("Uh-huh", at=1_000, lasts=2_000)
    call.words("but wait", at=2_000)
    call.run(until=20_000)
    assert call.when("speech started") == 2_350
    assert holds(call) == ["HoldPlayout", "ResumePlayout", "CancelReply"]
    assert "caller: Uh-huh but wait" in call.story()


def test_a_voice_that_goes_on_without_words_is_the_callers_turn_when_the_agent_ends():
    call = Call(greeting=GREETING)
    call.caller("Uh-huh", at=1_000, lasts=7_000)
    call.run(until=20_000)
    assert call.story()[:4] == ["reply started", f"agent: {GREETING}", "reply completed", "speech started"]


def test_a_backchannel_with_more_behind_it_takes_the_floor():
    call = Call(greeting=GREETING)
    call.caller("Yeah, but", at=1_000)
    call.run(until=20_000)
    assert call.when("speech started") == 1_600


def test_a_cough_whose_final_is_lost_is_forgotten():
    call = Call(greeting=GREETING + " or somebody else who is not here", ears=Ears(final_after=None))
    call.caller("Mm-hm.", at=1_000)
    call.run(until=30_000)
    assert call.story(out.SpeechStarted, out.UserTranscript) == []
    assert call.state.turn is None


def test_yes_over_the_last_words_of_a_question_is_its_answer():
    call = Call(greeting="Shall I book it for you?", model=[Answer("Done.")])
    call.caller("Yes.", at=1_400)  # the question would end at 1 900
    call.run(until=20_000)
    assert call.story() == [
        "reply started",
        "agent: Shall I book it for you?",
        "reply completed",
        "speech started",
        "speech stopped",
        "caller: Yes.",
        "reply started",
        "agent: Done.",
        "reply completed",
    ]


def test_any_word_answers_are_you_still_there():
    call = Call(Settings(idle_after=5.0, idle_line="Hello are you still there or have you gone away now?"))
    call.caller("Yeah.", at=6_000)
    call.run(until=7_500)
    assert call.story()[:3] == ["reply started", "speech started", "agent: Hello are you|"]


def test_yes_in_the_middle_of_a_long_reply_is_none():
    call = Call(greeting=GREETING)
    call.caller("Yes.", at=800)
    assert call.run(until=20_000).story() == UNTOUCHED


def test_a_reply_that_ends_under_a_voice_leaves_it_the_floor():
    call = Call(greeting=GREETING, settings=Settings(interruptible=False, idle_after=None))
    call.caller("when do you open", at=3_000)
    call.run(until=20_000)
    assert call.story()[:6] == [*UNTOUCHED, "speech started", "speech stopped", "caller: when do you open"]


def test_a_say_that_must_be_heard_is_not_interrupted():
    call = Call()
    call.at(1_000, ev.SayRequested(NOTICE, interruptible=False))
    call.caller("no wait stop", at=2_000)
    call.run(until=20_000)
    assert holds(call) == []
    assert call.story()[:5] == [
        "reply started",
        f"agent: {NOTICE}",
        "reply completed",
        "speech started",
        "speech stopped",
    ]
    assert "caller: no wait stop" in call.story()
    assert call.requests[-1][-1].text == "no wait stop"


def test_what_is_said_before_a_say_that_must_be_heard_is_answered_after_it():
    call = Call()
    call.at(1_000, ev.SayRequested(NOTICE, interruptible=False))
    call.caller("hello", at=1_050)
    call.run(until=20_000)
    assert len(call.requests) == 1
    assert call.history() == [f"assistant: {NOTICE}", "user: hello", "assistant: All right then."]


def test_mm_hm_over_a_say_that_must_be_heard_is_not_answered():
    call = Call()
    call.at(1_000, ev.SayRequested(NOTICE, interruptible=False))
    call.caller("Mm-hm.", at=1_500)
    call.run(until=20_000)
    assert call.requests == []


def test_interruption_off_still_answers_what_was_said():
    call = Call(Settings(interruptible=False, idle_after=None), greeting=GREETING)
    call.caller("hello again", at=1_000)
    call.run(until=20_000)
    assert call.story()[:3] == UNTOUCHED
    assert "caller: hello again" in call.story()


def test_the_client_stops_the_agent():
    call = Call(greeting=GREETING)
    call.at(1_500, ev.InterruptRequested())
    call.run(until=20_000)
    assert call.story() == ["reply started", "agent: Hello this is the bakery|", "reply interrupted"]


def test_the_client_stops_a_reply_that_is_over():
    call = Call(greeting=GREETING)
    call.at(1_500, ev.InterruptRequested("resp_of_old"))
    assert call.run(until=20_000).story() == UNTOUCHED


def test_a_turn_that_is_over_before_the_reply_has_stopped_is_answered_after_it():
    call = Call(Settings(min_silence=300, idle_after=None), greeting=GREETING, stops_after=900)
    call.caller("stop please", at=2_000, word=200)
    call.run(until=20_000)
    assert call.story()[:6] == [
        "reply started",
        "speech started",
        "agent: Hello this is the bakery at the|",
        "reply interrupted",
        "speech stopped",
        "caller: stop please",
    ]
    assert call.history()[:2] == ["assistant: Hello this is the bakery at the", "user: stop please"]


def test_a_lost_answer_to_a_cancel_does_not_wedge():
    call = Call(greeting=GREETING, stops_after=None)
    call.caller("wait when do you open", at=2_000)
    call.run(until=20_000)
    assert call.story()[1:4] == ["speech started", "agent: |", "reply interrupted"]
    assert call.story()[-1] == "reply completed"


def test_a_reply_cut_by_a_noise_goes_on_with_what_was_not_heard():
    call = Call(WORDLESS, greeting=GREETING)
    call.voice(at=1_000, lasts=700)
    call.run(until=20_000)
    assert call.story() == [
        "reply started",
        "speech started",
        "agent: Hello this is|",
        "reply interrupted",
        "speech stopped",
        "reply started",
        "agent: the bakery at the corner how can I help you",
        "reply completed",
    ]


def test_a_reply_cut_in_its_last_word_by_a_noise_is_not_given_again():
    call = Call(WORDLESS, greeting=GREETING)
    call.voice(at=3_550, lasts=700)
    call.run(until=20_000)
    assert call.story() == [
        "reply started",
        "speech started",
        f"agent: {GREETING}|",
        "reply interrupted",
        "speech stopped",
    ]


def test_a_reply_stopped_by_the_client_does_not_go_on():
    call = Call(greeting=GREETING)
    call.at(1_000, ev.InterruptRequested())
    assert call.run(until=20_000).story()[-1] == "reply interrupted"
