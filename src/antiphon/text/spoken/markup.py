"""Takes off what is meant for the eye: Markdown, a few HTML tags, and emoji. The same in every language."""

from __future__ import annotations

import html
import re

from antiphon.text.spoken.draft import Draft, Spoken

ADDRESS = (
    r"(?:https?|wss?|ftp)://[^\s<>\[\]()|\"“”]*[\w/]|www\.[^\s<>\[\]()|\"“”]*[\w/]"
    r"|[\w.%+-]+@[\w-]+(?:\.[\w-]+)+"
)
TAGS = (
    "a b big blockquote br code div em h[1-6] hr i img li mark ol p pre s small span strong sub sup table tbody td th "
)
TAGS += "thead tr u ul"
_TAG = "|".join(TAGS.split())

EMOJI = (
    "\U0001f000-\U0001faff"  # pictographs, flags, faces
    "\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2934\u2935\u2b00-\u2bff\u3030\u303d\u3297\u3299"
    "\u00a9\u00ae\u2120\u2122"
    "\ufe0e\ufe0f\u200b-\u200f\u2060\ufeff\u20e3\U000e0020-\U000e007f"  # what joins and varies them
)

_MARKUP = re.compile(
    rf"""
      (?P<fence>```(?P<language>[\w+#-]*[^\S\n]*\n)?)
    | !?\[(?P<label>[^\[\]\n]*)\]\((?:[^()\n]|\([^()\n]*\))*\)
    | <(?=(?:{ADDRESS})>)
    | (?P<break></?(?:br|p|li|tr|div|h[1-6]|hr)\b[^<>]*>)
    | (?P<tag></?(?:{_TAG})\b[^<>]*>)
    | (?P<address>{ADDRESS})
    | (?P<rule>(?<![^\n])[^\S\n]*(?:(?:-[^\S\n]*){{3,}}|(?:\*[^\S\n]*){{3,}}|(?:_[^\S\n]*){{3,}})(?=\n|\Z))
    | (?P<divider>(?<![^\n])[^\S\n]*\|?[^\S\n]*:?-+:?[^\S\n]*(?:\|[^\S\n]*:?-+:?[^\S\n]*)+\|?[^\S\n]*(?=\n|\Z))
    | (?P<lead>(?<![^\n])[^\S\n]*(?:\#{{1,6}}(?=\s)|>|[-*+•‣▪·–](?=\s)(?:\s+\[[ xX]\](?=\s))?|\|)\s*)
    | (?P<cell>[^\S\n]*(?<!\w)\|(?!\w)[^\S\n]*)
    | (?P<stars>\*\*+|(?<!\w)\*(?=\S)|(?<=\S)\*(?!\w))
    | (?P<lines>(?<![^\W_])_{{1,3}}(?=[^\s_])|(?<=[^\s_])_{{1,3}}(?![^\W_]))
    | (?P<other>~~|`+|\\(?=[\\`*_{{}}\[\]()\#+.!|~>-]))
    | (?P<entity>&(?:amp|lt|gt|quot|nbsp|apos|\#\d{{2,5}});)
    | (?P<emoji>[{EMOJI}]+)
    | (?P<newline>[^\S\n]*\n\s*)
    """,
    re.VERBOSE,
)
_STOPS = ".!?…,;:—–"


class Markup:
    """One reply's text, chunk by chunk; a chunk may begin in the middle of a line or of a block of code."""

    def __init__(self, *, code: str) -> None:
        """`code`: what is said in the place of a block of code."""
        self._code = code
        self._in_code = False
        self._new_line = True  # the next chunk begins a line

    def strip(self, text: str) -> Spoken:
        """The text of the next chunk, to be read."""
        draft, at = Draft(text), 0
        if self._in_code:
            at = self._code_end(text, 0)
        while at < len(text):
            found = _MARKUP.search(text, at)
            if found is None:
                break
            draft.copy(at, found.start())
            at = self._take(found, draft)
        draft.copy(at, len(text))
        self._new_line = text.rstrip(" \t").endswith("\n") if text.strip() else self._new_line or "\n" in text
        return draft.done()

    def _take(self, found: re.Match[str], draft: Draft) -> int:
        """What a piece of markup leaves of itself. Returns where the text goes on."""
        start, end, kind = found.start(), found.end(), found.lastgroup
        if kind == "fence":
            draft.write(self._code + ". ", start)
            return self._code_end(found.string, end)
        if kind == "label":
            inner = Markup(code=self._code)
            inner._new_line = False
            draft.insert(inner.strip(found["label"]), found.start("label"))
        elif kind == "address" or (kind in ("lead", "rule", "divider") and start == 0 and not self._new_line):
            draft.copy(start, end)
        elif kind in ("newline", "break"):
            after = found.string[end : end + 1]
            goes_on = after.islower() and found.group().count("\n") < 2  # a line that was merely wrapped
            _pause(draft, "" if goes_on else ".", start)
        elif kind == "entity":
            draft.write(html.unescape(found.group()), start)
        elif kind == "cell":
            _pause(draft, ",", start)
        return end

    def _code_end(self, text: str, at: int) -> int:
        closing = text.find("```", at)
        self._in_code = closing < 0
        return closing + 3 if closing >= 0 else len(text)


def _pause(draft: Draft, mark: str, at: int) -> None:
    """White space, after a mark that makes a pause where there is none."""
    if mark and draft.speaks and draft.speaks not in _STOPS and not draft.last.isspace():
        draft.write(mark, at)
    draft.space(at)
