"""The caller's turns: when they begin and end, and what the STT may do to them."""

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation.settings import Mode, Settings, Speculation
from tests.conversation.simulate import Answer, Call, Ears

ANSWERED = ["reply started", "agent: All right then.", "reply completed"]


def test_a_question_and_its_answer():
    call = Call(model=[Answer("On Monday.")])
    call.caller("when do you open", at=1_000)
    assert call.run(until=10_000).story() == [
        "speech started",
        "speech stopped",
        "caller: when do you open",
        "reply started",
        "agent: On Monday.",
        "reply completed",
    ]
    assert call.history() == ["user: when do you open", "assistant: On Monday."]


def test_a_turn_ends_at_the_end_of_its_silence_when_the_final_is_there_before():
    call = Call()
    end = call.caller("hello there", at=1_000)
    call.run(until=10_000)
    assert call.when("speech stopped") == end + 600


def test_deltas_are_the_whole_utterance_so_far():
    call = Call()
    call.caller("hello there", at=1_000)
    call.run(until=10_000)
    assert call.story(out.UserTranscriptDelta) == ["caller: hello…", "caller: hello there…"]


def test_a_pause_in_mid_sentence_does_not_end_the_turn():
    call = Call()
    call.caller("my number is", at=1_000)
    call.caller("five five five", at=2_200)  # 450 ms later
    call.run(until=10_000)
    assert call.story()[:3] == ["speech started", "speech stopped", "caller: my number is five five five"]
    assert call.story().count("speech started") == 1


def test_a_final_that_comes_late_is_waited_for():
    call = Call(ears=Ears(final_after=1_000, partials=False))
    end = call.caller("yes", at=1_000)
    call.run(until=10_000)
    assert call.when("caller: yes") == end + 200 + 1_000
    assert call.story() == ["speech started", "speech stopped", "caller: yes", *ANSWERED]


def test_a_final_that_never_comes_is_replaced_by_what_was_heard():
    call = Call(ears=Ears(final_after=None))
    end = call.caller("book a table", at=1_000)
    call.run(until=10_000)
    assert call.when("caller: book a table") == end + 3_000
    assert call.story() == ["speech started", "speech stopped", "caller: book a table", *ANSWERED]


def test_the_wait_for_a_final_ends_even_if_audio_stops_coming():
    call = Call(ears=Ears(final_after=None))
    end = call.caller("book a table", at=1_000)
    call.stall(at=end + 700, lasts=60_000)
    call.run(until=10_000)
    assert call.when("speech stopped") == end + 3_000


def test_a_stalled_network_does_not_end_a_turn():
    call = Call()
    call.caller("my number is", at=1_000)
    call.stall(at=1_900, lasts=5_000)
    call.caller("five five five", at=7_200)
    call.run(until=20_000)
    assert call.story()[:3] == ["speech started", "speech stopped", "caller: my number is five five five"]


def test_a_turn_without_words_is_stopped_and_not_answered():
    call = Call()
    call.voice(at=1_000, lasts=300)
    assert call.run(until=20_000).story() == ["speech started", "speech stopped"]
    assert call.state.turn is None
    assert call.history() == []


def test_wordless_noise_is_closed_by_the_watchdog():
    call = Call()
    call.voice(at=1_000, lasts=60_000)
    call.run(until=30_000)
    assert call.story() == ["speech started", "speech stopped"]
    assert call.when("speech stopped") == 1_000 + 60 + 10_000 + 3_000


def test_the_watchdog_closes_at_once_what_the_stt_has_answered():
    call = Call(Settings(wordless_turn=1_000, idle_after=None))
    call.voice(at=1_000, lasts=500)  # answered at 1 850, its silence complete at 2 100
    call.run(until=10_000)
    assert call.when("speech stopped") == 1_000 + 60 + 1_000


def test_words_in_a_noise_whose_turn_was_closed_open_another():
    call = Call()
    call.voice(at=1_000, lasts=40_000)
    call.words("are you there", at=20_000)
    call.run(until=60_000)
    assert call.story()[2:5] == ["speech started", "speech stopped", "caller: are you there"]


def test_words_that_come_while_a_wordless_turn_is_being_closed_keep_it_open():
    call = Call(ears=Ears(final_after=None))
    call.voice(at=1_000, lasts=15_000)
    call.words("can you hear me now", at=11_500, word=1_000)
    call.run(until=30_000)
    assert call.story()[:3] == ["speech started", "speech stopped", "caller: can you hear me now"]


def test_the_caller_goes_on_while_the_reply_is_prepared():
    call = Call(model=[Answer("Which cake?", takes=2_000), Answer("With cherries, sure.")])
    call.caller("I want a cake", at=1_000)
    call.caller("with cherries", at=3_000)
    call.run(until=20_000)
    assert call.story() == [
        "speech started",
        "speech stopped",
        "caller: I want a cake",
        "reply started",
        "speech started",
        "agent: |",
        "reply interrupted",
        "speech stopped",
        "caller: with cherries",
        "reply started",
        "agent: With cherries, sure.",
        "reply completed",
    ]
    assert call.requests[-1][-1].text == "I want a cake with cherries"


def test_a_cough_while_the_reply_is_prepared_only_delays_it():
    call = Call(model=[Answer("Which cake?", takes=2_000)])
    call.caller("I want a cake", at=1_000)
    call.voice(at=3_000, lasts=200)
    call.run(until=20_000)
    assert call.story()[3:] == [
        "reply started",
        "speech started",
        "speech stopped",
        "agent: Which cake?",
        "reply completed",
    ]


def test_a_backchannel_while_the_reply_is_prepared_is_no_objection_to_it():
    call = Call(model=[Answer("Which cake?", takes=2_000)])
    call.caller("I want a cake", at=1_000)
    call.caller("okay", at=3_000)
    call.run(until=20_000)
    assert call.story()[-2:] == ["agent: Which cake?", "reply completed"]
    assert len(call.requests) == 1


def test_a_late_final_of_a_turn_that_is_over_changes_nothing():
    call = Call(ears=Ears(final_after=4_000))
    call.caller("book a table", at=1_000)
    call.run(until=20_000)
    assert call.story(out.UserTranscript) == ["caller: book a table"]
    assert call.story(out.ReplyStarted) == ["reply started"]


def test_a_partial_of_a_turn_that_is_over_does_not_leak_into_the_next():
    call = Call()
    end = call.caller("book a table", at=1_000)
    call.at(end + 900, ev.Heard("book a table and two", utterance=0, at=int(end) + 900))
    call.caller("tomorrow", at=8_000)
    call.run(until=20_000)
    assert call.story(out.UserTranscript) == ["caller: book a table", "caller: tomorrow"]


def test_one_turn_has_one_reply():
    call = Call()
    for number in range(20):
        call.caller("and another thing", at=1_000 + number * 5_000)
    call.run(until=200_000)
    assert len(call.requests) == 20


def test_cascade_asks_for_the_final_only_when_the_silence_is_complete():
    call = Call(Settings(mode=Mode.CASCADE, speculation=Speculation.LLM_TTS, idle_after=None))
    end = call.caller("hello there", at=1_000)
    call.run(until=10_000)
    asked = [time for time, _, actions in call.log if act.Finalize() in actions]
    assert asked == [end + 600]
    assert call.when("speech stopped") == end + 600 + 150
    assert call.story()[-3:] == ANSWERED


def test_a_final_asked_for_after_the_longest_pause_there_is_has_its_time_all_the_same():
    ears = Ears(final_after=300, partials=False)
    call = Call(Settings(mode=Mode.CASCADE, min_silence=3_000, idle_after=None), ears=ears)
    call.caller("book a table", at=1_000)
    assert "caller: book a table" in call.run(until=10_000).story()


def test_streaming_asks_for_the_final_early_and_again_if_speech_goes_on():
    call = Call()
    first = call.caller("my number is", at=1_000)
    second = call.caller("five five five", at=2_200)
    call.run(until=10_000)
    asked = [time for time, _, actions in call.log if act.Finalize() in actions]
    assert asked == [first + 200, second + 200]


def test_a_wordless_turn_closed_while_a_cancelled_reply_stops_ends_with_it():
    call = Call(Settings(wordless_turn=1_000, max_silence=500, idle_after=None), model=[Answer("", hangs=True)])
    call.stops_after = None
    call.at(1_000, ev.ReplyRequested("Greet the caller."))
    call.voice(at=1_100, lasts=60_000)
    call.at(2_600, ev.InterruptRequested())  # the turn is given up at 2 660, the lost answer missed at 3 600
    call.run(until=10_000)
    assert call.when("speech stopped") == 3_600


def test_a_turn_that_opens_again_is_watched_again():
    call = Call(Settings(wordless_turn=2_000, idle_after=None), ears=Ears(final_after=None))
    call.voice(at=1_000, lasts=800)  # being closed at 3 060, when the watchdog would have looked
    call.voice(at=3_500, lasts=60_000)
    call.run(until=30_000)
    assert call.story() == ["speech started", "speech stopped"]
