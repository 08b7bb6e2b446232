"""The spoken form of a reply: what stands between the text that a model writes and the voice that reads it.

"**$12.50** by Jan. 5" becomes "twelve dollars and fifty cents by January fifth". Each chunk of the text (see
`antiphon.text.chunker`) is first freed of Markdown and emoji, then read in words, by the tables of its language. Every
character of the result knows which character of the model's text it stands for, so that what was heard is told in the
model's own words.

Chunks do not depend on how the model's text was cut into tokens, so neither does the spoken form; and it waits for
nothing beyond the chunk. Languages without tables are only freed of markup.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module

from antiphon.text.spoken.draft import Spoken, align
from antiphon.text.spoken.markup import Markup
from antiphon.text.spoken.reader import Reader

# Language, in some cases with its region -> the module with its tables, and the name of them there.
_TABLES = {
    "en": "en:ENGLISH",
    "de": "de:GERMAN",
    "es": "es:SPANISH",
    "fr": "fr:FRENCH",
    "it": "it:ITALIAN",
    "pt": "pt:PORTUGUESE",
    "pt-br": "pt:BRAZILIAN",
}


class SpokenForm:
    """One reply's. `say` its chunks in order: a block of code may span several."""

    def __init__(self, *, language: str = "en", own: Callable[[str], str] | None = None, enabled: bool = True) -> None:
        """`language`: an ISO 639-1 code, with or without a region. `own`: a filter of the user's, which gets the text
        as the model wrote it and goes first. `enabled` False leaves all but that filter out."""
        self._own = own
        self._enabled = enabled
        self._reader = reader(language) if enabled else None
        self._markup = Markup(code=code_phrase(language))

    def say(self, text: str) -> Spoken:
        """What is to be said for the next chunk; its text is empty where there is nothing to say."""
        spoken = Spoken.as_written(text) if self._own is None else align(text, self._own(text))
        if not self._enabled:
            return spoken
        spoken = spoken.then(self._markup.strip(spoken.text))
        if self._reader is not None:
            spoken = spoken.then(self._reader.read(spoken.text))
        return spoken if any(c.isalnum() for c in spoken.text) else Spoken("", ())


@lru_cache(maxsize=32)
def reader(language: str) -> Reader | None:
    """Made once for each language, which takes some ten milliseconds; None for one without tables."""
    code = language.replace("_", "-").lower()
    path = _TABLES.get(code) or _TABLES.get(code.split("-")[0])
    if path is None:
        return None
    module, _, name = path.partition(":")
    return Reader(getattr(import_module(f"antiphon.text.spoken.languages.{module}"), name))


def prepare(language: str) -> None:
    """Does now what the first chunk in a language would wait for: loads its tables and its number words. Blocks for
    some hundred milliseconds, once; call it from a thread where that matters."""
    if found := reader(language):
        found.read("1")


def code_phrase(language: str) -> str:
    found = reader(language)
    return found.language.code if found else "…"
