"""What is remembered, and that it is always a valid and fitting input for the next request."""

from hypothesis import given
from hypothesis import strategies as st

from antiphon.conversation.history import GO_ON, JOINED, STILL_RUNNING, History, estimate_tokens
from antiphon.types import Message, Role, ToolCall
from tests.conversation.rules import check_request

CALL = ToolCall("c1", "order", {"item": "cake"})


def turns(count: int) -> History:
    history = History()
    for number in range(count):
        history = history.said(Role.USER, f"question {number}")
        history = history.spoken(f"r{number}", f"answer {number}", interrupted=False)
    return history


def texts(messages: tuple[Message, ...]) -> list[str]:
    return [message.text for message in messages]


def size(history: History) -> int:
    return sum(estimate_tokens(message) for message in history.messages())


def test_neighbouring_messages_of_the_caller_are_one():
    history = History().said(Role.USER, "I want a cake").said(Role.USER, "with cherries")
    assert texts(history.request(system_prompt="")) == ["I want a cake with cherries"]


def test_a_reply_that_was_not_heard_is_not_remembered():
    assert History().spoken("r1", "", interrupted=True) == History()


def test_a_reply_that_was_cut_holds_what_was_heard():
    (message,) = History().spoken("r1", "We open", interrupted=True).messages()
    assert (message.text, message.interrupted) == ("We open", True)


def test_a_running_call_is_followed_by_a_note():
    history = History().said(Role.USER, "a cake").called("r1", CALL)
    assert history.request(system_prompt="")[-1] == Message(Role.TOOL, STILL_RUNNING, call_id="c1")


def test_a_result_stands_behind_its_call_however_late_it_comes():
    history = History().said(Role.USER, "a cake").called("r1", CALL).spoken("r1", "One moment.", interrupted=False)
    history = history.said(Role.USER, "and tea").spoken("r2", "Sure.", interrupted=False).returned(CALL, "ok")
    assert [message.role for message in history.messages()] == [
        Role.USER,
        Role.ASSISTANT,
        Role.TOOL,
        Role.USER,
        Role.ASSISTANT,
    ]
    assert history.request(system_prompt="")[-1].text == GO_ON


def test_a_result_whose_call_was_dropped_brings_it_along():
    history = turns(1).returned(CALL, "ok")
    assert [message.tool_calls for message in history.messages()[-2:]] == [(CALL,), ()]
    check_request(history.request(system_prompt=""), last=True)


def test_before_anyone_spoke_there_is_something_to_answer():
    assert texts(History().request(system_prompt="Be brief.")) == ["Be brief.", JOINED]


def test_instructions_come_last_and_are_not_remembered():
    history = turns(1)
    assert history.request(system_prompt="", instructions="Be brief.")[-1] == Message(Role.SYSTEM, "Be brief.")
    assert history == turns(1)


def test_the_summary_is_part_of_the_system_prompt():
    request = turns(1).summarised("They talked of cake.").request(system_prompt="Be brief.")
    assert request[0] == Message(Role.SYSTEM, "Be brief.\n\nThey talked of cake.")


def test_the_oldest_turns_are_dropped_first_and_whole():
    history, dropped = turns(10).fit(tokens=size(turns(2)))
    assert texts(history.messages()) == ["question 8", "answer 8", "question 9", "answer 9"]
    assert len(dropped) == 16


def test_what_fits_is_kept():
    assert turns(10).fit(tokens=size(turns(10))) == (turns(10), ())


def test_the_newest_turn_stays_whatever_its_size():
    history = turns(3).said(Role.USER, "very " * 1_000)
    fitted, _ = history.fit(tokens=10)
    assert texts(fitted.messages()) == ["very " * 1_000]


def test_a_turn_with_a_call_is_dropped_with_its_result():
    history = History().said(Role.USER, "a cake").called("r", CALL).returned(CALL, "ok")
    fitted, dropped = history.said(Role.USER, "and tea").fit(tokens=20)
    assert texts(fitted.messages()) == ["and tea"]
    assert len(dropped) == 3


def test_a_call_in_which_the_caller_never_spoke_fits_too():
    history = History()
    for number in range(100):
        history = history.spoken(f"r{number}", f"announcement {number}", interrupted=False)
    fitted, _ = history.fit(tokens=60)
    assert size(fitted) <= 60
    assert texts(fitted.messages())[-1] == "announcement 99"


def test_other_scripts_weigh_more():
    assert estimate_tokens(Message(Role.USER, "お元気ですか")) > estimate_tokens(Message(Role.USER, "how are"))


words = st.sampled_from(["", "yes", "a cake please", "very " * 30])
said = st.tuples(st.just("said"), st.sampled_from([Role.USER, Role.SYSTEM]), words.filter(bool))
numbers = st.integers(0, 6)


@given(
    st.lists(
        said
        | st.tuples(st.just("spoken"), numbers, words)
        | st.tuples(st.just("called"), numbers, st.integers(0, 20))
        | st.tuples(st.just("returned"), st.integers(0, 20), words)
        | st.tuples(st.just("fit"), st.integers(0, 200), words),
        max_size=40,
    )
)
def test_whatever_happens_the_request_is_valid(happened):
    history = History()
    running: set[int] = set()
    ever: set[int] = set()
    ended: set[int] = set()
    for kind, one, other in happened:
        if kind == "said":
            history = history.said(one, other)
        elif kind == "spoken" and one not in ended:
            ended.add(one)
            history = history.spoken(f"r{one}", other, interrupted=False)
        elif kind == "called" and other not in ever:
            history = history.called(f"r{one}", ToolCall(str(other), "order", {}))
            running.add(other)
            ever.add(other)
        elif kind == "returned" and one in running:
            history = history.returned(ToolCall(str(one), "order", {}), other or "done")
            running.discard(one)
        elif kind == "fit":
            history, _ = history.fit(tokens=one)
        check_request(history.request(system_prompt="Be brief."), last=True)
