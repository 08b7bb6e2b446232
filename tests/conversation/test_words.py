"""What a few words over the agent's mean for the floor."""

import pytest

from antiphon.conversation.words import is_backchannel, may_become_backchannel, normalise, same_words


@pytest.mark.parametrize(
    "text",
    [
        "Mm-hmm.",
        "Mm-hm",
        "mhm",
        "Uh-huh.",
        "Yeah, yeah. Okay.",
        "OK",
        "I see.",
        "Got it, great!",
        "Oh right.",
        "Of course.",
    ],
)
def test_backchannels(text):
    assert is_backchannel(text)
    assert may_become_backchannel(text)


@pytest.mark.parametrize(
    "text", ["Yeah, but", "No.", "Wait", "Stop", "Hello?", "Okay so when", "Right now", "Sure thing boss", "I", "हाँ"]
)
def test_no_backchannels(text):
    assert not is_backchannel(text)


@pytest.mark.parametrize("partial", ["Uh-hu", "M", "I", "I s", "of", "Of cour", "Yeah, o", "yeah i", "ye", "Got"])
def test_what_may_still_become_one(partial):
    assert may_become_backchannel(partial)


@pytest.mark.parametrize("partial", ["", "...", "Yeah, but", "No", "Wa", "okay wh", "I want", "of c d", "Got to"])
def test_what_can_no_longer_become_one(partial):
    assert not may_become_backchannel(partial)


@pytest.mark.parametrize("text", ["", " ", "...", "-"])
def test_nothing_said_is_no_objection(text):
    assert is_backchannel(text)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Mm-hmm.", "mm hmm"),
        ("I’m  here!", "im here"),
        ("I'm here", "im here"),
        ("à la carte", "à la carte"),
        ("हाँ।", "हाँ"),
    ],
)
def test_normalise(text, plain):
    assert normalise(text) == plain


def test_the_same_words_whatever_their_case_and_punctuation():
    assert same_words("When do you open?", "when do you open")
    assert not same_words("When do you open?", "When did you open?")
    assert not same_words("का", "की")


def test_a_hesitation_leaves_the_words_the_same_and_an_answer_does_not():
    assert same_words("Um, when do you open?", "when do you, uhm, open")
    assert not same_words("mm", "")
