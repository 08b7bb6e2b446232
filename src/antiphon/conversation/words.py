"""What a few words over the agent's voice mean for the floor."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from enum import StrEnum

from antiphon.conversation.interjections import HUMS, INVENTED, interjections

_LONGEST = 4  # words of a phrase in the tables
_SINCE = 4  # words after a question that leave it open
_FEW = 2  # words: as many a recogniser makes of a hum or a cough
_ECHO_WORDS = 3  # in order, that are the agent's own: no accident
_ECHO_SHARE = 0.6  # of the words heard
_ALIKE = 0.75  # of two words' letters: one is the other, misheard


class Said(StrEnum):
    """What kind of words were said over the agent's."""

    NOTHING = "nothing"  # none at all, or one that recognisers invent
    BACKCHANNEL = "backchannel"  # "mm-hm": does not take the floor
    UNFINISHED = "unfinished"  # may still turn out to be one
    FEW = "few"  # a word or two, of any kind
    MANY = "many"
    DEMAND = "demand"  # "wait", "no", "excuse me"
    ANSWER = "answer"  # any word, to what the agent has just asked
    ECHO = "echo"  # the agent's own


# Sounds that say nothing at all. "mm" and "uh huh" may be an answer.
_HESITATIONS = frozenset(("er", "erm", "uhm", "um", "umm"))


def normalise(text: str) -> str:
    """Lower case, letters, their marks and digits only, single spaces: "Mm-hmm." becomes "mm hmm", "I’m" "im"."""
    kept = (c if unicodedata.category(c)[0] in "LMN" else "" if c in "'’" else " " for c in text.lower())
    return " ".join("".join(kept).split())


def is_backchannel(text: str, language: str = "en", *, greeted: bool = False) -> bool:
    """True for a text made of backchannels only ("Yeah, yeah. Okay."), and for one without any word. Where the agent
    has `greeted`, a greeting is one as well."""
    return _made_of(normalise(text).split(), _passing(language, greeted))


def may_become_backchannel(text: str, language: str = "en", *, greeted: bool = False) -> bool:
    """True for a partial transcript with words that are, or may still turn out to be, only backchannels ("Uh-hu")."""
    words, known = normalise(text).split(), _passing(language, greeted)
    return bool(words) and any(
        _made_of(words[:cut], known) and _begins_one(" ".join(words[cut:]), known)
        for cut in range(max(len(words) - _LONGEST, 0), len(words) + 1)
    )


def classify(
    text: str,
    language: str = "en",
    *,
    final: bool,
    agent: str = "",
    greeted: bool = False,
    asked: bool = False,
    asked_lately: bool = False,
) -> Said:
    """What `text`, said over the agent's voice, is. `agent` is what was heard of the agent just before; `asked`: any
    sound with words to it answers it; `asked_lately`: any word but a hum does."""
    words = normalise(text).split()
    if not words or " ".join(words) in INVENTED:
        return Said.NOTHING
    if is_echo(text, agent):
        return Said.ECHO
    if asked or (asked_lately and final and not _made_of(words, HUMS)):
        return Said.ANSWER
    if is_backchannel(text, language, greeted=greeted):
        return Said.BACKCHANNEL
    if not final and may_become_backchannel(text, language, greeted=greeted):
        return Said.UNFINISHED
    if _demands(words, language):
        return Said.DEMAND
    return Said.FEW if len(words) <= _FEW else Said.MANY


def asks(agent: str) -> bool:
    """Whether what was heard of the agent ends with a question, or has gone on for no more than a few words since."""
    _, mark, since = agent.rpartition("?")
    return bool(mark) and len(since.split()) <= _SINCE


def is_echo(text: str, agent: str, *, least: int = _ECHO_WORDS) -> bool:
    """Whether `text` is what the agent was heard to say, come back over the caller's microphone: most of its words,
    `least` of them or more, are the agent's, in the agent's order and close together."""
    words, own = normalise(text).split(), normalise(agent).split()
    return len(words) >= least and echoed(words, own) >= max(least, _ECHO_SHARE * len(words))


def echoed(words: Sequence[str], own: Sequence[str]) -> int:
    """The most words that are in `own` as well, in its order, within a stretch little longer than `words`."""
    span = len(words) + 3
    best = 0
    for begin in range(max(len(own) - span, 0) + 1):
        row = [0] * (len(words) + 1)  # the longest common subsequence, line by line
        for theirs in own[begin : begin + span]:
            corner = 0
            for index, word in enumerate(words):
                above = row[index + 1]
                row[index + 1] = corner + 1 if _alike(word, theirs) else max(above, row[index])
                corner = above
        best = max(best, row[-1])
    return best


def _alike(one: str, other: str) -> bool:
    if one == other:
        return True
    if min(len(one), len(other)) < 4 or one[0] != other[0]:
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _ALIKE


def _passing(language: str, greeted: bool) -> frozenset[str]:
    known = interjections(language)
    return known.backchannels | known.greetings if greeted else known.backchannels


def _made_of(words: Sequence[str], known: frozenset[str]) -> bool:
    """Whether the words are phrases of `known`, one after the other."""
    reached = {0}
    for start in range(len(words)):
        if start in reached:
            lengths = range(1, min(_LONGEST, len(words) - start) + 1)
            reached |= {start + length for length in lengths if " ".join(words[start : start + length]) in known}
    return len(words) in reached


def _begins_one(text: str, known: frozenset[str]) -> bool:
    return any(phrase.startswith(text) for phrase in known)


def _demands(words: Sequence[str], language: str) -> bool:
    """Whether they begin with a demand, be it behind a backchannel: "Yeah, but", "Okay, stop"."""
    known = interjections(language)
    for start in range(min(len(words), _LONGEST)):
        if start and not _made_of(words[:start], known.backchannels):
            continue
        if any(" ".join(words[start:end]) in known.demands for end in range(start + 1, start + 1 + _LONGEST)):
            return True
    return False


def same_words(one: str, other: str) -> bool:
    """True if two transcripts say the same, whatever their case, punctuation and hesitations ("um")."""
    return _without_hesitation(one) == _without_hesitation(other)


def _without_hesitation(text: str) -> list[str]:
    return [word for word in normalise(text).split() if word not in _HESITATIONS]
