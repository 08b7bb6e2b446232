"""Where to write and whom to call: web and mail addresses, telephone numbers, file names, versions."""

from __future__ import annotations

import re

from antiphon.text.spoken.language import Language
from antiphon.text.spoken.markup import ADDRESS
from antiphon.text.spoken.numbers import Numbers
from antiphon.text.spoken.rules import Pieces, Rule, rule

_VOWELS = re.compile("[aeiouyàáâãäèéêëìíîïòóôõöùúûü]", re.IGNORECASE)
_NO_VERSION = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+|\d\d?\.\d\d?\.(?:19|20)\d\d")  # thousands, or a date
_ENDINGS = "com org net edu gov io ai app dev info co uk de es fr it pt br eu ch at us ca au me tv biz mx ar nl be"
_FILES = (
    "pdf txt csv doc docx xls xlsx ppt pptx png jpg jpeg gif mp3 mp4 wav zip json xml yaml yml html htm js py exe md"
)
_SAID = frozenset("com org net info app dev edu gov".split())  # endings that are read as words
_NAME = r"[^\W_](?:[\w-]*[^\W_])?"


class Addresses:
    def __init__(self, language: Language, numbers: Numbers) -> None:
        self._language = language
        self._numbers = numbers

    def rules(self) -> list[Rule]:
        host = rf"{_NAME}(?:\.{_NAME})*\.(?:{_one_of(_ENDINGS)})(?![\w@])(?:/[\w/.~%-]*[\w/])?"
        version = r"""
            (?:(?P<v>[vV])\.?\s?(?=\d+\.))?
            (?P<numbers>\d+(?:\.\d+){2,}|(?<=[vV])\d+\.\d+|(?<=[vV]\.)\d+\.\d+)(?![^\W_])
        """
        return [
            rule("a0", ADDRESS, self._address),
            rule("a0", host, self._address),
            rule("a0", rf"[\w-]+\.(?:{_one_of(_FILES)})(?!\w)", self._address),
            rule("$", r"(?<![\w@])@(?=\w)(?P<name>\w+)", self._handle),
            rule("$", r"(?<![\w\#&])\#(?P<name>[^\W\d]\w*)", self._hashtag),
            rule("0$", self._language.phone, self._phone),
            rule("0", r"\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)", self._address),
            rule("a0", version, self._version),
            rule("a0", r"[^\W_]+(?:_[^\W_]+)+", self._address),
        ]

    # --- reading ----------------------------------------------------------------------------------------------------

    def _address(self, match: re.Match[str]) -> Pieces | None:
        text, start = match.group(), match.start()
        skipped = re.match(r"\w+://(?:www\.)?|www\.", text)
        at = skipped.end() if skipped else 0
        end = len(text) - 1 if text.endswith("/") else len(text)
        pieces: Pieces = []
        for token in re.finditer(r"[^\W\d_]+|\d+|.", text[at:end]):
            pieces.append((self._part(token.group(), text, at + token.start()), start + at + token.start()))
        if pieces:
            pieces[0] = (pieces[0][0], start)
        return pieces

    def _part(self, token: str, text: str, at: int) -> str:
        if token.isdecimal():
            return self._numbers.digits(token)
        if not token[0].isalpha():
            marks = self._language.address_marks
            return marks.get(token, token)
        last = at + len(token) == len(text) or text[at + len(token)] in "/?:"
        country = len(token) == 2 and last and text[at - 1 : at] == "."
        if len(token) > 4 or token.lower() in _SAID or (_VOWELS.search(token) and len(token) > 1 and not country):
            return token
        return " ".join(token.upper())

    def _handle(self, match: re.Match[str]) -> Pieces:
        return [(f"{self._language.address_marks['@']} {match['name'].replace('_', ' ')}", match.start())]

    def _hashtag(self, match: re.Match[str]) -> Pieces:
        return [(f"{self._language.hashtag} {match['name'].replace('_', ' ')}", match.start())]

    def _phone(self, match: re.Match[str]) -> Pieces | None:
        pieces: Pieces = []
        for group in re.finditer(r"\+|\d+", match.group()):
            at = match.start() + group.start()
            if group.group() == "+":
                pieces.append((self._language.symbols["+"], at))
                continue
            if pieces and pieces[-1][0] != self._language.symbols["+"]:
                pieces.append((",", at))
            pieces.append((self._digits(group.group()), at))
        return pieces

    def _digits(self, group: str) -> str:
        if len(group) == 3 and group[1:] == "00" and group[0] != "0" and self._language.numbers == "en":
            return self._numbers.cardinal(int(group))
        if self._language.phone_in_pairs and len(group) == 2 and group[0] != "0":
            return self._numbers.cardinal(int(group))
        return self._numbers.digits(group)

    def _version(self, match: re.Match[str]) -> Pieces | None:
        if not match["v"] and "." in self._language.group and _NO_VERSION.fullmatch(match["numbers"]):
            return None
        pieces: Pieces = [(self._language.version, match.start())] if match["v"] else []
        for token in re.finditer(r"\d+|\.", match["numbers"]):
            number = token.group()
            if number == ".":
                words = self._language.dot
            elif number[0] == "0" and len(number) > 1:
                words = self._numbers.digits(number)
            else:
                words = self._numbers.cardinal(int(number))
            pieces.append((words, match.start("numbers") + token.start()))
        return pieces


def _one_of(words: str) -> str:
    return "|".join(words.split())
