"""Where one model's words end and another's go on: no word is cut in two there, and none is said twice."""

from __future__ import annotations

import re
from dataclasses import replace

from antiphon.errors import Disconnected
from antiphon.providers.base import LlmRequest
from antiphon.types import Message, Role

GO_ON = (
    "A fault cut you off in the middle of your last message, which the caller has heard as far as it goes. Go on from "
    "exactly where it stops, with the very next word. Repeat nothing of it, and do not mention the fault."
)
OVERLAP = 8  # words at the beginning of a continuation that are compared with what was said
RESTART = 3  # of them, which if they are how the reply began say that it is said all over again
LONGEST_WORD = 40  # characters; what goes on for longer without a space is not held back

_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # scripts without spaces
_OPEN_WORD = re.compile(rf"[^\s{_UNSPACED}]{{1,{LONGEST_WORD}}}\Z")
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")


def to_go_on(request: LlmRequest, said: str) -> LlmRequest:
    """Asks a model to finish what another has begun to say."""
    begun = Message(Role.ASSISTANT, said, interrupted=True)
    return replace(request, messages=(*request.messages, begun, Message(Role.SYSTEM, GO_ON)))


class Seam:
    """The text of one answer. `said` is what the answers before it have said of the same reply."""

    def __init__(self, said: str = "") -> None:
        self._said = said
        self._held = ""
        self._compared = not said

    def feed(self, text: str) -> str:
        """What can be said now: whole words. Raises Disconnected if the reply is being told all over again."""
        self._held += text
        if not self._compared:
            if len(_WORD.findall(self._held)) <= OVERLAP:
                return ""
            self._compare()
        open_word = _OPEN_WORD.search(self._held)
        cut = open_word.start() if open_word else len(self._held)
        ready, self._held = self._held[:cut], self._held[cut:]
        return ready

    def end(self) -> str:
        """The rest, once the answer is complete."""
        if not self._compared:
            self._compare()
        rest, self._held = self._held, ""
        return rest

    def _compare(self) -> None:
        """Takes off what was said already, and sees to the space between the two."""
        self._compared = True
        said, matches = _words(self._said), list(_WORD.finditer(self._held))
        going_on = _words(self._held)
        longest = min(OVERLAP, len(said), len(going_on))
        repeated = next((n for n in range(longest, 0, -1) if said[-n:] == going_on[:n]), 0)
        if not repeated and len(said) >= RESTART and said[:RESTART] == going_on[:RESTART]:
            raise Disconnected("the reply was begun all over again")
        if repeated:
            self._held = self._held[matches[repeated - 1].end() :]
        if re.search(rf"[^\s{_UNSPACED}]\Z", self._said) and re.match(rf"[^\W{_UNSPACED}]", self._held):
            self._held = " " + self._held
        elif self._said[-1:].isspace():
            self._held = self._held.lstrip()


def _words(text: str) -> list[str]:
    return [re.sub(r"\W", "", word).lower() for word in _WORD.findall(text)]
