"""Values that callers dictate with pauses in between."""

import pytest

from antiphon.conversation import notices as out
from antiphon.conversation.settings import Settings, Speculation
from antiphon.conversation.values import Expected, Kind, expects, is_partial, is_unfinished
from antiphon.types import ToolSpec
from tests.conversation.simulate import Answer, Call


def tool(**properties: object) -> ToolSpec:
    return ToolSpec("save", parameters={"type": "object", "properties": properties})


STRING = {"type": "string"}


@pytest.mark.parametrize(
    ("name", "schema", "kind", "least"),
    [
        ("email", {"format": "email"}, Kind.EMAIL, 0),
        ("contact", {"type": "string", "format": "email"}, Kind.EMAIL, 0),
        ("e_mail", STRING, Kind.EMAIL, 0),
        ("day", {"format": "date"}, Kind.DATE, 0),
        ("at", {"format": "date-time"}, Kind.DATE, 0),
        ("birthDate", STRING, Kind.DATE, 0),
        ("page", {"format": "uri"}, Kind.URI, 0),
        ("phone_number", STRING, Kind.PHONE, 0),
        ("phone", {"pattern": r"^\d{10}$"}, Kind.PHONE, 10),
        ("zip", {"pattern": r"\d{5}(-\d{4})?"}, Kind.CODE, 5),
        ("order_number", {"pattern": r"^[A-Z]{2}[0-9]{6}$"}, Kind.CODE, 8),
        ("flight", {"pattern": r"[A-Z]{2}\d+"}, Kind.CODE, 3),
        ("card", {"pattern": r"\d{4}[- ]?\d{4}"}, Kind.CODE, 8),
        ("invoice", {"pattern": r"INV-\d{4}"}, Kind.CODE, 7),
    ],
)
def test_a_schema_says_what_is_dictated(name, schema, kind, least):
    (found,) = expects([tool(**{name: schema})])
    assert (found.kind, found.least) == (kind, least)


@pytest.mark.parametrize(
    "schema",
    [
        STRING,
        {"type": "integer"},
        {"pattern": "yes|no"},
        {"pattern": "(a+)+$"},
        {"pattern": ".*"},
        {"pattern": 7},
        {"format": "uuid"},
        "nonsense",
        None,
    ],
)
def test_other_parameters_are_not(schema):
    assert list(expects([tool(item=schema)])) == []


def test_optional_and_nested_parameters_are_found():
    optional = {"anyOf": [{"type": "string", "format": "email"}, {"type": "null"}]}
    inner = {"type": "object", "properties": {"phone": STRING}}
    assert [found.kind for found in expects([tool(contact=optional, who=inner)])] == [Kind.EMAIL, Kind.PHONE]


@pytest.mark.parametrize(
    "parameters",
    [{}, {"properties": 3}, {"properties": {"a": {"anyOf": [1]}}}, {"properties": {"a": {"anyOf": 1, "type": []}}}],
)
def test_any_schema_is_borne(parameters):
    assert list(expects([ToolSpec("save", parameters=parameters)])) == []


PARTIAL = {
    Kind.PHONE: [
        *("my number is", "it's", "Sure, you can reach me at", "five five five", "555", "My number is 555 12"),
        *("oh seven seven double oh nine hundred", "07700 900", "plus one five five five", "+1 555 12", "+49"),
        *("eight hundred five five five", "area code four one five", "um five", "fifty five twelve"),
    ],
    Kind.EMAIL: [
        *("my email is", "my e-mail address is", "it's jane at", "jane dot doe", "jane.doe", "jane at gmail"),
        *("jane at gmail dot", "jane@gmail", "jane underscore", "j a n e", "it's j"),
    ],
    Kind.DATE: ["on the", "March", "in march", "the fifth of", "march twenty", "march fifth nineteen", "next"],
    Kind.URI: ["www", "www dot example", "www.example", "example dot", "https://example", "example.com/"],
}
WHOLE = {
    Kind.PHONE: [
        *(
            "five five five one two three four",
            "555 1234",
            "415-555-0123",
            "oh seven seven double oh nine hundred one two three",
        ),
        *("+1 555 123 4567", "eight hundred five five five one two one two", "I don't have one", "why do you need it"),
        *("yes it is", "no", "I have two phones which one", "", "hold on a second"),
    ],
    Kind.EMAIL: [
        *(
            "jane at gmail dot com",
            "jane.doe@example.co.uk",
            "It's jane dot doe at example dot org.",
            "no",
            "yes it is",
        ),
        *("I don't have one", "why", "I'd rather not say", "jane"),
    ],
    Kind.DATE: [
        *("March fifth", "the fifth of March", "march 5th 2026", "tomorrow", "next Friday", "3/5/2026", "yes you may"),
        *("march twenty first", "march fifth nineteen ninety", "I don't know", "the fifth", "as soon as you can"),
    ],
    Kind.URI: ["example dot com", "www dot example dot com", "https://example.com/page", "I have none"],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in PARTIAL.items() for text in texts])
def test_the_beginning_of_a_value(kind, text):
    assert is_partial(Expected(kind, "value"), text)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in WHOLE.items() for text in texts])
def test_a_whole_value_or_something_else(kind, text):
    assert not is_partial(Expected(kind, "value"), text)


@pytest.mark.parametrize(
    ("text", "partial"),
    [
        ("a b one two three", True),
        ("AB123456", False),
        ("a b dash one two three four five six", False),
        ("AB-123", True),
        ("it's a b", True),
        ("I lost it", False),
    ],
)
def test_a_code_has_its_length(text, partial):
    assert is_partial(Expected(Kind.CODE, "order number", 8), text) is partial


@pytest.mark.parametrize(
    ("question", "text", "unfinished"),
    [
        ("What's your phone number?", "five five five", True),
        ("Where can I reach you?", "five five five", True),
        ("What is your order number?", "a b one two", True),
        ("What is your order number?", "a b one two three four five six", False),
        ("How many people?", "five", False),
        ("What is the number of guests?", "five", False),
        ("Anything else?", "five five five", False),
        ("", "five five five", False),
    ],
)
def test_only_what_was_asked_for_is_waited_for(question, text, unfinished):
    tools = [tool(phone=STRING, order_number={"pattern": "[A-Z]{2}[0-9]{6}"})]
    assert is_unfinished(text, question=question, tools=tools) is unfinished


# --- in a call ----------------------------------------------------------------------------------------------------

SETTINGS = Settings(idle_after=None, filler_after=None, tools=(tool(phone=STRING),))
GREETING = "What is your number?"  # heard from 400 to 1 400


def dictated(*parts: tuple[str, int], settings: Settings = SETTINGS) -> Call:
    call = Call(settings, greeting=GREETING)
    for text, at in parts:
        call.caller(text, at=at)
    return call.run(until=30_000)


def said(call: Call) -> list[str]:
    return [line.removeprefix("caller: ") for line in call.story(out.UserTranscript)]


def test_a_pause_in_a_number_does_not_end_the_turn():
    call = dictated(("five five five", 2_000), ("one two three four", 4_500))
    assert said(call) == ["five five five one two three four"]
    assert call.when("speech stopped") == 5_500 + 600


def test_a_number_that_stays_short_is_answered_in_the_end():
    call = dictated(("five five five", 2_000))
    assert said(call) == ["five five five"]
    assert call.when("speech stopped") == 2_750 + 3_000


def test_something_else_is_answered_as_ever():
    assert dictated(("what for", 2_000)).when("speech stopped") == 2_500 + 600


def test_a_final_that_comes_late_changes_nothing():
    call = Call(SETTINGS, greeting=GREETING)
    call.ears.final_after = 700
    call.caller("five five five", at=2_000)
    call.caller("one two three four", at=4_500)
    assert said(call.run(until=30_000)) == ["five five five one two three four"]


def test_without_such_a_tool_nothing_is_waited_for():
    call = dictated(("five five five", 2_000), settings=Settings(idle_after=None))
    assert call.when("speech stopped") == 2_750 + 600


def test_it_may_be_turned_off():
    off = Settings(idle_after=None, tools=SETTINGS.tools, whole_values=False)
    assert dictated(("five five five", 2_000), settings=off).when("speech stopped") == 2_750 + 600


def test_the_model_may_answer_while_it_is_waited():
    """A reply prepared for what was said so far is thrown away when the caller goes on."""
    settings = Settings(idle_after=None, tools=SETTINGS.tools, speculation=Speculation.LLM_TTS)
    call = Call(settings, greeting=GREETING, model=[Answer("Thanks.")])
    call.caller("five five five", at=2_000)
    call.caller("one two three four", at=4_500)
    assert said(call.run(until=30_000)) == ["five five five one two three four"]
    assert call.story(out.AgentTranscript)[1:] == ["agent: Thanks."]
