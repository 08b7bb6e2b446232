"""What the words of a turn tell about its end: an open phrase, a filler, a number in the middle, an answer.

The words are English, digits are any language's. A sign is data: the estimate in `endpointing.py` weighs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum

from antiphon.conversation.values import digits_in, missing_of
from antiphon.conversation.words import normalise
from antiphon.types import ToolSpec


class Sign(StrEnum):
    """One thing that the words say about the end of the turn. Several may hold at once."""

    OPEN = "open_phrase"  # the last word wants another after it: "a", "with", "um"
    SHORT = "short"  # one word or two, which nobody asked for
    QUESTION = "question"  # it is asked
    ANSWER = "answer"  # a yes or a no to a question that wants one
    LONG_GAP = "value_begun"  # three letters or digits, or more, of a dictated value are still to come
    SHORT_GAP = "value_nearly"  # one or two are: the STT may have missed them
    WHOLE = "value_whole"  # as many as the value has


PHONE_DIGITS = 10  # of a number that is dictated without anyone having asked for it
_LOCAL = 7  # digits that are a number where the area need not be said
_DICTATED = 3  # digits in a row that are no price, time or count

# Words after which more follows, and fillers. Those that often close a sentence ("that", "it", "do") are left out.
_OPEN = frozenset(
    """a about am an and any are as at be because been between but by can could er erm for from get give he his i if in
    into is its just like make may might must my need of on or our over shall she should than the their they through to
    uh uhm um umm under want was we were when while will with would your""".split()
)
_YES_NO = re.compile(
    r"^(?:(?:and|but|so|okay|ok|great|sorry|then|well)\W+)*"
    r"(?:am|are|can|could|did|do|does|had|has|have|is|may|might|shall|should|was|were|will|would|anything)\b",
    re.IGNORECASE,
)
_OR = re.compile(r"\bor\b(?! not\b)", re.IGNORECASE)
_TAGS = re.compile(r"\b(?:right|correct|is that right|okay|isn't it|doesn't it)\?\s*$", re.IGNORECASE)
_ANSWERS = frozenset(
    """yes yeah yep yup no nope nah sure okay ok correct right exactly absolutely definitely certainly fine please
    thanks thank you of course not really it is i do i am that's thats it all good nothing else alright""".split()
)
_ANSWER_WORDS = 5


def signs(text: str, *, question: str = "", tools: Iterable[ToolSpec] = ()) -> frozenset[Sign]:
    """What `text`, the transcript so far, tells after the agent said `question` and with what `tools` take."""
    return frozenset(_found(text, question, tuple(tools)))


def _found(text: str, question: str, tools: tuple[ToolSpec, ...]) -> Iterator[Sign]:
    words = normalise(text).split()
    if not words:
        return
    value = _value(text, question, tools)
    if value:
        yield value
    elif words[-1] in _OPEN:
        yield Sign.OPEN
    if _asks_yes_or_no(question) and len(words) <= _ANSWER_WORDS and words[0] in _ANSWERS and set(words) <= _ANSWERS:
        yield Sign.ANSWER
    elif len(words) <= 2 and not value:
        yield Sign.SHORT
    if text.rstrip().endswith(("?", "？", "؟")):
        yield Sign.QUESTION


def _asks_yes_or_no(said: str) -> bool:
    """Whether the agent's last sentence is a question that a yes or a no answers: "tea or coffee?" is none."""
    if not said.rstrip().endswith("?"):
        return False
    last = re.split(r"[.!?]\s+", said.rstrip())[-1]
    return bool(_TAGS.search(last)) or (bool(_YES_NO.match(last)) and not _OR.search(last))


def _value(text: str, question: str, tools: tuple[ToolSpec, ...]) -> Sign | None:
    """How much of a dictated value is there: by what a tool takes and the agent asked for, else by digits alone."""
    missing = missing_of(text, question=question, tools=tools)
    if missing is None:
        digits = digits_in(text)
        if digits is None or digits < _DICTATED:
            return None
        missing = 2 if digits == _LOCAL else max(PHONE_DIGITS - digits, 0)
    if not missing:
        return Sign.WHOLE
    return Sign.SHORT_GAP if missing <= 2 else Sign.LONG_GAP
