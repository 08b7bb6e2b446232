"""Deepgram's /v1/listen: Nova and the models before it.

Results are about stretches of audio: a stretch is told again and again until it is final, then the next one begins.
`Finalize` ends the stretch under way at the audio sent so far. Without audio or `KeepAlive` for 10 s they leave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from antiphon.providers.sockets import Socket
from antiphon.providers.stt.deepgram_flux import reported
from antiphon.providers.stt.socket_stt import SocketSttStream

if TYPE_CHECKING:
    from antiphon.providers.stt.deepgram import Deepgram

_LAG = 0.2  # seconds: a final is asked for some time after the last word, so what is settled up to then is enough


class Alternative(msgspec.Struct):
    transcript: str = ""


class Channel(msgspec.Struct):
    alternatives: list[Alternative] = []


class Message(msgspec.Struct):
    """Any message of theirs: the fields that are used of each."""

    type: str = ""
    start: float = 0.0  # seconds of the session's audio
    duration: float = 0.0  # seconds
    is_final: bool | None = None
    speech_final: bool | None = None
    from_finalize: bool | None = None
    # Of a result it is a Channel, of other messages a list of numbers.
    channel: Channel | list[int] | None = None
    code: str | None = None
    variant: str = ""
    description: str = ""


class NovaStream(SocketSttStream[Message]):
    """One session of theirs."""

    message = Message
    greets = False  # they say nothing before they have heard something
    farewell = '{"type":"CloseStream"}'
    idle = 4.0

    def __init__(self, stt: Deepgram, socket: Socket) -> None:
        super().__init__(stt, socket)
        self._settled_to = 0.0  # seconds of audio up to the end of the last stretch that is final
        self._parted_at = 0.0  # seconds of audio at the last reset

    def stay(self) -> None:
        self.say({"type": "KeepAlive"})

    def take(self, message: Message) -> None:
        if message.type == "Error":
            raise reported(message.code or message.variant, message.description)
        if message.type == "Results":
            self._take_results(message)

    def ask(self) -> None:
        if not self.draft.open and self._settled_to + _LAG >= self.sent_seconds:
            self.answer()
        else:
            self.say({"type": "Finalize"})

    def part(self) -> None:
        self._parted_at = self.sent_seconds
        if self._settled_to < self._parted_at:
            self.say({"type": "Finalize"})

    def _take_results(self, results: Message) -> None:
        if results.is_final:
            self._settled_to = results.start + results.duration
        # One stretch may reach over a reset by a little: it belongs to where most of it is.
        if results.start + results.duration / 2 < self._parted_at:
            return
        said = results.channel.alternatives if isinstance(results.channel, Channel) else []
        transcript = said[0].transcript if said else ""
        if not results.is_final:
            self.draft.open = transcript
            self.show()
            return
        self.draft.settle(transcript)
        if self.draft.asked and results.from_finalize:
            self.answer()
        else:
            self.show(end_of_turn=bool(results.speech_final and self.draft.text))
