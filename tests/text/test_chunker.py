import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.text.chunker import LONGEST, Chunk, Chunker


def chunks(text: str, *, language: str = "en", deltas: list[str] | None = None) -> list[Chunk]:
    chunker, found = Chunker(language=language), []
    for delta in deltas or [text]:
        found += chunker.feed(delta)
    return found + chunker.flush()


def texts(text: str, *, language: str = "en") -> list[str]:
    return [chunk.text for chunk in chunks(text, language=language)]


def test_sentences() -> None:
    assert texts("Hello there, friend. How are you today? Fine, I hope!") == [
        "Hello there, friend. ",
        "How are you today? ",
        "Fine, I hope!",
    ]


def test_the_first_clause_of_a_reply_comes_early_and_only_the_first() -> None:
    assert texts("I can certainly do that for you, once I know your name, and your date of birth.") == [
        "I can certainly do that for you, ",
        "once I know your name, and your date of birth.",
    ]


def test_a_short_first_clause_waits() -> None:
    assert texts("Sure, I can help.") == ["Sure, I can help."]


def test_a_clause_is_cut_at_a_dash_without_spaces() -> None:
    assert texts("It is the one on the left side—you cannot miss it.")[0] == "It is the one on the left side—"


@pytest.mark.parametrize(
    "sentence",
    [
        "That comes to $1.50 and 3.14 in all.",
        "I met Dr. Smith at the U.S. embassy with J. R. Tolkien.",
        "Bring fruit, e.g. apples, i.e. no meat, approx. five of them.",
        "Well... maybe we could try that again.",
        "See https://example.com/a?b=c.d!e or www.example.com/x for more.",
        "It opens at 9 a.m. and closes at 5 p.m. every day.",
        "(This is one. It is in brackets.) That was it.",
        "He wrote [one. Two. Three four five] on the board.",
        "```py\nprint('Hello world. How are you?')\nx = 1. \n``` is what you need.",
    ],
)
def test_what_is_not_a_sentence_end(sentence: str) -> None:
    first, *rest = texts("Well now, dear friend. " + sentence)
    assert first == "Well now, dear friend. "
    assert rest == [sentence]


def test_short_sentences_are_spoken_together() -> None:
    assert texts("Okay. Yes. Sure. Let me see about that.") == ["Okay. Yes. Sure. ", "Let me see about that."]


def test_a_sentence_comes_with_the_first_letter_of_the_next() -> None:
    chunker = Chunker()
    assert chunker.feed("That is all there is.") == []
    assert chunker.feed(" ") == []
    assert chunker.feed("T") == [Chunk("That is all there is. ", 0)]
    assert chunker.flush() == [Chunk("T", 22)]


def test_quotes_and_markup_after_the_mark_belong_to_the_sentence() -> None:
    assert texts('He said "Good morning." Then he left. **That was bold.** Next one.') == [
        'He said "Good morning." ',
        "Then he left. ",
        "**That was bold.** ",
        "Next one.",
    ]


def test_list_items_and_paragraphs_end_at_the_line() -> None:
    assert texts("These are the options\n\n- a small one, red\n- a large one, blue\n1. or something else") == [
        "These are the options\n\n",
        "- a small one, red\n",
        "- a large one, blue\n",
        "1. or something else",
    ]


def test_wide_marks_need_no_space() -> None:
    assert texts("今天天气很好。我们去公园吧！好不好？", language="zh") == [
        "今天天气很好。",
        "我们去公园吧！",
        "好不好？",
    ]


@pytest.mark.parametrize("nothing", ["", "   ", "...", "** -- **", "😀\n"])
def test_what_has_nothing_to_speak_is_no_chunk(nothing: str) -> None:
    assert chunks(nothing) == []


def test_unspeakable_text_joins_the_next_chunk_and_is_dropped_at_the_end() -> None:
    assert chunks("*** \n\n Good morning to you. ... And good night to all. 😀") == [
        Chunk("*** \n\n Good morning to you. ", 0),
        Chunk("... And good night to all. 😀", 28),
    ]


def test_a_sentence_without_end_is_cut_at_a_clause() -> None:
    clause = "and then another thing happened to all of us there, "
    found = texts("It began, " + clause * 20)
    assert all(len(text) <= LONGEST for text in found)
    assert all(text.endswith(", ") for text in found)


def test_a_sentence_without_clauses_is_cut_at_a_space() -> None:
    found = texts("word " * 200)
    assert len(found) == 5
    assert all(text.endswith("word ") for text in found)


def test_a_bracket_never_closed_does_not_stop_the_speech() -> None:
    assert len(texts("Sad :( " + "This goes on for a while. " * 30)) > 3


def test_flush_begins_anew() -> None:
    chunker = Chunker()
    chunker.feed("One two.")
    chunker.flush()
    assert chunker.feed("Three four five six. S") == [Chunk("Three four five six. ", 0)]


WORDS = "word |Dr. |e.g. |3.14 |U.S. |https://a.b/c, |Hello there friend|A|1. |世界|- ".split("|")
MARKS = ". |, |! |?|...|—|\n|\n\n|(|) |**|```|。|，|😀| ".split("|")
PIECES = st.sampled_from([*WORDS, *MARKS])
TEXTS = st.one_of(st.lists(PIECES, max_size=60).map("".join), st.text(max_size=80))


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.lists(st.integers(1, 20), max_size=40))
def test_the_chunks_do_not_depend_on_the_deltas(text: str, sizes: list[int]) -> None:
    deltas, at = [], 0
    for size in sizes:
        deltas.append(text[at : at + size])
        at += size
    assert chunks(text, deltas=[*deltas, text[at:]]) == chunks(text)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_the_chunks_tile_the_text_and_each_can_be_spoken(text: str) -> None:
    at = 0
    for chunk in chunks(text):
        assert chunk.char_start == at
        at += len(chunk.text)
        assert chunk.text == text[chunk.char_start : at]
        assert any(c.isalnum() for c in chunk.text)
    assert not any(c.isalnum() for c in text[at:])
