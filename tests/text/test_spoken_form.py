"""The spoken form: what is read aloud, and the way back to what was written."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.text.chunker import Chunker
from antiphon.text.spoken.draft import Spoken, align
from antiphon.text.spoken.form import SpokenForm

CASES = Path(__file__).parent / "spoken_form"
# The share of each language's cases that is read as a native would, as measured. The rest are known to be wrong: most
# of them cannot be told from the text alone.
RIGHT = {"en": 0.99, "de": 0.989, "es": 0.99, "fr": 0.995, "it": 0.989, "pt": 0.992}
LEAST_CASES = 200


def say(text: str, language: str = "en") -> str:
    return SpokenForm(language=language).say(text).text


def cases(language: str) -> list[tuple[str, list[str]]]:
    lines = (CASES / f"{language}.txt").read_text(encoding="utf-8").splitlines()
    parted = (line.partition(" => ") for line in lines if " => " in line and not line.startswith("# "))
    return [(written.replace("\\n", "\n"), spoken.split(" || ")) for written, _, spoken in parted]


def sound(text: str) -> str:
    """What can be heard of a text: no case, no punctuation."""
    return " ".join(re.sub(r"[^\w\s]|_", " ", text.casefold().replace("’", "'")).split())


@pytest.mark.parametrize("language", RIGHT)
def test_how_much_of_a_language_is_read_as_a_native_would(
    language: str, record_property: pytest.FixtureRequest
) -> None:
    wrong, all_cases = [], cases(language)
    for written, spoken in all_cases:
        said = say(written, language)
        if sound(said) not in map(sound, spoken):
            wrong.append(f"{written!r}: {said!r}, not {spoken[0]!r}")
    rate = 1 - len(wrong) / len(all_cases)
    record_property("right", f"{rate:.1%} of {len(all_cases)}")  # type: ignore[operator]
    assert len(all_cases) >= LEAST_CASES
    assert rate >= RIGHT[language], "\n".join(wrong)


# --- any text ------------------------------------------------------------------------------------------------------

PIECES = """
$12.50|12|,|1,250|.|-|3:30 PM|5%|Jan. 5, 2024|Dr. Smith|bob@example.com|https://a.b/c_d?e=f|(555) 123-4567|**|*|_|`|```|
- |# |1. |> || a | b ||[label](http://x.y)|😀|❤️|½|1/2|10-15|5 km|°C|FBI|NASA|Henry VIII|v2.0.1|A1B2|word|Word|don't|
naïve|straße|世界|€|&|@|#|~|<b>|</b>|\\|'|"|(|)|…|—|2024-01-05|24/7|99999999999999999999|1e5|.5|+
""".replace("\n", "").split("|")
TEXTS = st.one_of(
    st.lists(st.sampled_from([*PIECES, " ", " ", " ", "\n", "\n\n", ". "]), max_size=40).map("".join),
    st.text(max_size=60),
)
LANGUAGES = st.sampled_from([*RIGHT, "pt-BR", "nl"])


def spoken_of(deltas: list[str], language: str) -> list[tuple[int, Spoken]]:
    chunker, form = Chunker(language=language), SpokenForm(language=language)
    chunks = [chunk for delta in deltas for chunk in chunker.feed(delta)]
    return [(chunk.char_start, form.say(chunk.text)) for chunk in [*chunks, *chunker.flush()]]


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.lists(st.integers(1, 12), max_size=40), LANGUAGES)
def test_it_does_not_depend_on_how_the_text_is_cut_into_tokens(text: str, sizes: list[int], language: str) -> None:
    deltas, at = [], 0
    for size in sizes:
        deltas.append(text[at : at + size])
        at += size
    assert spoken_of([*deltas, text[at:]], language) == spoken_of([text], language)


@settings(max_examples=300, deadline=None)
@given(TEXTS, LANGUAGES)
def test_every_character_knows_where_it_comes_from_and_they_stand_in_order(text: str, language: str) -> None:
    spoken = SpokenForm(language=language).say(text)
    assert len(spoken.origins) == len(spoken.text)
    assert all(one <= other for one, other in pairwise(spoken.origins))
    assert all(0 <= origin < len(text) for origin in spoken.origins)


WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=9)
PLAIN = st.lists(st.tuples(WORDS, st.sampled_from([" ", ", ", ". ", "! ", "? ", "; "])), min_size=1, max_size=20)


@settings(max_examples=200, deadline=None)
@given(PLAIN)
def test_plain_words_are_left_alone(words: list[tuple[str, str]]) -> None:
    text = "".join(word + mark for word, mark in words)
    assert say(text) == text


SAID_ONCE = {"$12.50": "fifty cents", "5%": "five percent", "FBI": "f b i", "3 km": "three kilometers", "😀": ""}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(WORDS, st.sampled_from([*SAID_ONCE])), min_size=1, max_size=15))
def test_nothing_is_lost_and_nothing_is_said_twice(words: list[str]) -> None:
    said, at = sound(say(" ".join(words))), 0
    for word in words:
        expected = SAID_ONCE.get(word, word)
        assert expected in said[at:]
        at = said.index(expected, at) + len(expected)
    for written, expected in SAID_ONCE.items():
        if expected:
            assert said.count(expected) == words.count(written)


# --- the way back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said", "written"),
    [
        ("It is $12.50 now.", "cents", "$12.50"),
        ("It is $12.50 now.", "now", "now"),
        ("It is worth $5 million today.", "dollars", "million"),
        ("On Jan. 5, 2024 we met.", "fifth", "5"),
        ("On Jan. 5, 2024 we met.", "twenty", "2024"),
        ("Write **to** bob@example.com, please.", "dot", ".com"),
        ("Run 5 km.", "kilometers", "km"),
        ("[Our site](https://example.com) is new.", "site", "site"),
    ],
)
def test_a_spoken_word_leads_to_what_was_written(text: str, said: str, written: str) -> None:
    spoken = SpokenForm().say(text)
    assert text[spoken.origins[spoken.text.index(said)] :].startswith(written)


def test_what_a_filter_made_of_a_text_is_laid_on_it() -> None:
    spoken = align("Ask Dr. Who about it.", "Ask Doctor Who about that thing.")
    origins = {word: spoken.origins[spoken.text.index(word)] for word in ("Doctor", "Who", "that", "thing")}
    assert origins == {"Doctor": 4, "Who": 8, "that": 18, "thing": 18}


def test_the_users_own_filter_goes_first_and_sees_what_the_model_wrote() -> None:
    form = SpokenForm(own=lambda text: text.replace("SQL", "sequel").replace("$1", "$2"))
    assert form.say("SQL costs $1.").text == "sequel costs two dollars."


def test_switched_off_it_leaves_all_but_the_filter_out() -> None:
    form = SpokenForm(own=str.upper, enabled=False)
    assert form.say("It is **$5**.").text == "IT IS **$5**."


def test_a_language_without_tables_is_freed_of_markup_alone() -> None:
    assert say("**Het** kost €5 🎉.", "nl").strip() == "Het kost €5 ."


def test_code_is_not_read_out_even_if_its_chunks_come_apart() -> None:
    form = SpokenForm()
    said = [form.say(text).text.strip() for text in ("Try this:\n```py\nx = 1\n", "y = 2\n", "```\nThat is all.")]
    assert said == ["Try this: a block of code.", "", "That is all."]


def test_a_bullet_is_one_only_at_the_beginning_of_a_line() -> None:
    form = SpokenForm()
    assert form.say("The answer is 5 ").text == "The answer is five "
    assert form.say("- 3, I think.").text.strip() == "three, I think."
