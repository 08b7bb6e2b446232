"""Deepgram's /v2/listen: Flux, a model that follows the turns of a conversation.

About four times a second of audio it tells all of the turn so far, and up to where it has heard. A final is therefore
not asked for but waited for, until it has heard the audio in question: forcing the turn to end would cost it the
context in which it judges turns. It is forced only where it does not come by itself, and where an utterance is dropped.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from antiphon.errors import BadRequest, Disconnected, Overloaded, ProviderError, RateLimited
from antiphon.providers.sockets import Socket
from antiphon.providers.stt.socket_stt import SocketSttStream

if TYPE_CHECKING:
    from antiphon.providers.stt.deepgram import Deepgram

# A final is asked for some time after the last word; what is said to be heard up to so many seconds before that moment
# holds all words. The first is for a turn that is said to be over, or likely so.
_OVER, _GOING_ON = 0.2, 0.1
_PATIENCE = 0.35  # seconds; after that the turn is forced to end
_NUDGE = 0.32  # seconds of silence that make them tell how far they have heard
_ROUNDING = 0.01  # seconds


class Word(msgspec.Struct):
    start: float | None = None  # seconds of the session's audio


class Message(msgspec.Struct):
    """Any message of theirs: the fields that are used of each."""

    type: str = ""
    event: str = ""
    turn_index: int = 0
    audio_window_end: float = 0.0  # seconds of the session's audio
    transcript: str = ""
    words: list[Word] = []
    code: str = ""
    description: str = ""


class FluxStream(SocketSttStream[Message]):
    """One session of theirs."""

    message = Message
    frame = 0.08  # what they recommend
    farewell = '{"type":"CloseStream"}'
    idle = 4.0

    def __init__(self, stt: Deepgram, socket: Socket) -> None:
        super().__init__(stt, socket)
        self._heard_to = 0.0  # seconds of audio they have heard
        self._asked_to = 0.0  # seconds of audio that the final must be about
        self._likely_over = True  # their last word on the turn
        self._foreign = -1  # the turn that began before the last reset
        self._turn = -1  # the newest that has words
        self._parted_at = 0.0  # seconds of audio at the last reset
        self._forcing: asyncio.TimerHandle | None = None

    def greeted(self, message: Message) -> bool:
        self._raise_reported(message)
        return message.type == "Connected"

    def stay(self) -> None:
        """They know no other sign of life than audio."""
        self.send(bytes(2 * int(self.frame * self.rate)))

    def take(self, message: Message) -> None:
        self._raise_reported(message)
        if message.type != "TurnInfo":
            return
        self._heard_to = message.audio_window_end
        if not self._is_foreign(message):
            self._take_turn(message)
        if self.draft.asked and self._has_heard():
            self.answer()

    def ask(self) -> None:
        self._asked_to = self.sent_seconds
        if self._has_heard():
            self.answer()
            return
        self._unforce()
        self._forcing = self._loop.call_later(_PATIENCE, self._force)

    def answer(self) -> None:
        self._unforce()
        super().answer()

    def part(self) -> None:
        self._unforce()
        self._parted_at = self.sent_seconds
        if self.draft.open:
            self._foreign = self._turn
            self._force()

    def _take_turn(self, turn: Message) -> None:
        self._likely_over = turn.event in ("EagerEndOfTurn", "EndOfTurn")
        if turn.event == "EndOfTurn":
            self.draft.settle(turn.transcript)
            if not self.draft.asked or not self._has_heard():
                self.show(end_of_turn=True)
        else:
            self.draft.open = turn.transcript
            self.show()

    def _is_foreign(self, turn: Message) -> bool:
        """It is about what was said before the last reset."""
        if turn.transcript and turn.turn_index != self._turn:
            self._turn = turn.turn_index
            begin = turn.words[0].start if turn.words else None
            if (turn.audio_window_end if begin is None else begin) + _ROUNDING < self._parted_at:
                self._foreign = turn.turn_index
        return turn.turn_index == self._foreign

    def _has_heard(self) -> bool:
        slack = _OVER if self._likely_over else _GOING_ON
        return self._heard_to + slack >= self._asked_to

    def _force(self) -> None:
        self._forcing = None
        self.say({"type": "ForceEndTurn"})
        if self.sent_seconds == self._asked_to:  # no audio comes any more, without which they tell nothing
            self.send(bytes(2 * int(_NUDGE * self.rate)))

    def _unforce(self) -> None:
        if self._forcing:
            self._forcing.cancel()
            self._forcing = None

    @staticmethod
    def _raise_reported(message: Message) -> None:
        if message.type == "Error":
            raise reported(message.code, message.description)


def reported(code: str, description: str) -> ProviderError:
    """The error for an Error message. The codes are an open list."""
    text = f"{code}: {description[:300]}"
    if "RATE" in code or "TOO_MANY" in code:
        return RateLimited(text)
    if "INTERNAL" in code or "UNAVAILABLE" in code or "OVERLOAD" in code:
        return Overloaded(text)
    if "INVALID" in code or "UNPARS" in code or "UNSUPPORTED" in code or code.startswith("DATA"):
        return BadRequest(text)
    return Disconnected(text)
