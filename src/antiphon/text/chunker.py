"""Cuts the text of a reply, as it streams from the model, into chunks to be spoken: an early first clause, then whole
sentences.

Chunks follow one another without gaps, white space included: `chunk.text == text[chunk.char_start:][:len(chunk.text)]`.
A cut is decided by the text before it and up to the first letter or digit after it, never by how the text was cut into
deltas: the chunker looks at one character more at a time, and takes the first cut it finds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import sentencex

FIRST_CLAUSE = 25  # least size of a clause spoken before its sentence is complete; only the first chunk of a reply
SENTENCE = 12  # least size of a sentence spoken on its own
LONGEST = 220  # size at which a sentence is cut at a clause, else at a space
LONGEST_CODE = 2_000  # the same for what must stay whole: code, or an address

_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_IDEOGRAPH = re.compile(f"[{_IDEOGRAPHS}]")
_IDEOGRAPH_SIZE = 3  # as many letters would take as long to say

_CLOSERS = r"[\"'”’»)\]}*_`]*"
# Each ends with the first letter or digit after the cut; the cut is at the end of its group.
_SENTENCE_END = re.compile(rf"(?P<mark>[.!?…]){_CLOSERS}(?P<cut>\s+)\W*\w\Z")
_LINE_END = re.compile(r"(?P<cut>\n\s*\n\s*|\n\s*(?=[^\w\s]|\d))\W*\w\Z")
_CLAUSE_END = re.compile(rf"(?:[,;:]{_CLOSERS}(?P<cut>\s+)|[—–](?P<dash>\s*))\W*\w\Z")
# Scripts without spaces: the next character of any kind will do.
_WIDE_SENTENCE_END = re.compile(r"[。！？][」』”’）]*(?P<cut>\s*)[^\s。！？」』”’）]\Z")
_WIDE_CLAUSE_END = re.compile(r"[，、；：](?P<cut>\s*)\S\Z")

_CLAUSE = re.compile(r"[,;:—–]\s+|[，、；：]")
_SPACE = re.compile(r"\s+")
_ADDRESS = re.compile(r"(?:\w+://|www\.)\S*\Z")
_OPEN, _CLOSE = "([{（「", ")]}）」"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Text for the TTS. It holds a letter or a digit, and as a rule ends with the white space before the next chunk."""

    text: str
    char_start: int  # its offset in the reply's text


class Chunker:
    """One reply's text. `feed` deltas as they come, then `flush`."""

    def __init__(self, *, language: str = "en") -> None:
        """`language`: an ISO 639-1 code, with or without a region; unknown ones are cut by general rules."""
        self._language = language.replace("_", "-").split("-")[0].lower()
        self._text = ""  # what has come since the last cut
        self._start = 0  # its offset in the reply's text
        self._seen = 0  # how much of it has been searched

    def feed(self, delta: str) -> list[Chunk]:
        """Returns the chunks completed by `delta`."""
        self._text += delta
        chunks = []
        while self._seen < len(self._text):
            self._seen += 1
            if cut := self._cut(self._text[: self._seen]):
                chunks.append(self._take(cut))
        return chunks

    def flush(self) -> list[Chunk]:
        """The text is complete: returns its rest, unless that holds nothing to speak. The chunker begins anew."""
        rest = [self._take(len(self._text))] if _speakable(self._text) else []
        self._text, self._start, self._seen = "", 0, 0
        return rest

    def _take(self, cut: int) -> Chunk:
        chunk = Chunk(self._text[:cut], self._start)
        self._text = self._text[cut:]
        self._start += cut
        self._seen = 0
        return chunk

    def _cut(self, text: str) -> int:
        """Where to cut `text`, whose last character is the newest; 0: nowhere yet."""
        if text[-1].isalnum():
            if cut := self._sentence(text):
                return cut
            if self._start == 0 and (cut := self._first_clause(text)):
                return cut
        return _too_long(text) if len(text) * _IDEOGRAPH_SIZE > LONGEST else 0

    def _sentence(self, text: str) -> int:
        if match := _WIDE_SENTENCE_END.search(text) or _LINE_END.search(text):
            return _allowed(text, match.end("cut"), SENTENCE)
        match = _SENTENCE_END.search(text)
        if match is None:
            return 0
        code_follows = "```" in text[match.end("cut") :]
        if match["mark"] in ".…" and text[-1].islower() and not code_follows:
            return 0
        cut = _allowed(text, match.end("cut"), SENTENCE)
        return cut if cut and self._segmenter_agrees(text[:cut] + text[-1], match.start()) else 0

    def _first_clause(self, text: str) -> int:
        if match := _WIDE_CLAUSE_END.search(text):
            return _allowed(text, match.end("cut"), FIRST_CLAUSE)
        match = _CLAUSE_END.search(text)
        if match is None or (match["cut"] is None and _ADDRESS.search(text)):
            return 0
        return _allowed(text, max(match.end("cut"), match.end("dash")), FIRST_CLAUSE)

    def _segmenter_agrees(self, text: str, mark: int) -> bool:
        """Whether a sentence ends at the mark, by what follows it: not in "Dr. Smith" or "U.S. dollars"."""
        boundary = 0
        for sentence in sentencex.segment(self._language, text)[:-1]:
            boundary += len(sentence)
        return boundary > mark


def _allowed(text: str, cut: int, least: int) -> int:
    """`cut`, or 0 where what is before it is too small, has nothing to speak, or is inside something kept whole."""
    head = text[:cut]
    whole = head.count("```") % 2 == 0 and not _open_bracket(head)
    return cut if whole and _size(head.strip()) >= least and _speakable(head) else 0


def _too_long(text: str) -> int:
    """Where to cut what has no end in sight. Brackets no longer count; code and addresses do, up to a limit."""
    size = _size(text)
    if size <= LONGEST:
        return 0
    if size <= LONGEST_CODE and text.count("```") % 2:
        return 0
    clauses = [m.end() for m in _CLAUSE.finditer(text, len(text) // 3)]
    spaces = [m.end() for m in _SPACE.finditer(text)]
    for cut in (*reversed(clauses), *reversed(spaces)):
        if cut < len(text) and _speakable(text[:cut]) and text[:cut].count("```") % 2 == 0:
            return cut
    if size <= LONGEST_CODE and _ADDRESS.search(text):
        return 0
    return len(text) - 1 if _speakable(text[:-1]) else 0


def _open_bracket(text: str) -> bool:
    depth = 0
    for c in text:
        if c in _OPEN:
            depth += 1
        elif c in _CLOSE:
            depth = max(depth - 1, 0)
    return depth > 0


def _size(text: str) -> int:
    return len(text) + (_IDEOGRAPH_SIZE - 1) * len(_IDEOGRAPH.findall(text))


def _speakable(text: str) -> bool:
    return any(c.isalnum() for c in text)
