"""Speech to text by the transcription sessions of OpenAI's Realtime API.

The models of these sessions have no ear for the ends of turns: they are told by a commit, which a final asks for. What
is appended is paid for, so audio goes out only from a voice on, with a little before it, until the final. A session
lasts 60 minutes. Source: the OpenAI API reference, "Realtime", client and server events.
"""

from __future__ import annotations

import base64
from collections import deque
from typing import Any

import msgspec

from antiphon.audio.pcm import SAMPLE_BYTES
from antiphon.audio.resample import Resampler
from antiphon.errors import Disconnected
from antiphon.providers.base import SttCapabilities, Vad
from antiphon.providers.http_errors import from_error
from antiphon.providers.sockets import CONNECT_TIMEOUT, Socket
from antiphon.providers.stt.segmented import Hints
from antiphon.providers.stt.socket_stt import SocketStt, SocketSttStream
from antiphon.providers.stt.utterance import SAMPLE_RATE
from antiphon.providers.stt.vendor_stream import FINAL_TIMEOUT
from antiphon.providers.vad.silero import Silero

_URL = "wss://api.openai.com/v1"
_WIRE_RATE = 24_000  # Hz, the only one for PCM
_BEFORE = 0.3  # seconds of audio sent from before the voice
_VOICED = 2  # windows of 32 ms that begin a voice
_TRANSCRIPTION = "conversation.item.input_audio_transcription."


class Message(msgspec.Struct):
    """Any event of theirs: the fields that are used of each."""

    type: str = ""
    item_id: str = ""
    delta: str = ""
    transcript: str = ""
    error: dict[str, Any] | None = None


class OpenAIRealtime(SocketStt["OpenAIRealtimeStream"]):
    """The STT named "openai-realtime/<model>".

    The key is `api_key`, else $OPENAI_API_KEY. `base_url` ends in "/v1". `extra` is added to the session's
    `transcription`: {"delay": "minimal"} is for gpt-realtime-whisper.
    """

    weights = ("silero-vad",)

    def __init__(
        self,
        model: str = "",
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        vad: Vad | None = None,
        vad_threshold: float = 0.4,
        connect_timeout: float = CONNECT_TIMEOUT,
        final_timeout: float = FINAL_TIMEOUT,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self._model = model or "gpt-live-transcribe"
        self._extra = extra or {}
        self.vad = vad or Silero()
        self.vad_threshold = vad_threshold
        super().__init__(
            f"openai-realtime/{self._model}",
            SttCapabilities(sample_rate=SAMPLE_RATE, partials=True, keyterms=True),
            official_url=_URL,
            base_url=base_url,
            api_key=api_key,
            key_names=("OPENAI_API_KEY",),
            connect_timeout=connect_timeout,
            final_timeout=final_timeout,
        )

    async def warm(self) -> None:
        await self.vad.warm()
        await super().warm()

    async def open(self, *, keyterms: tuple[str, ...] = (), language: str | None = None) -> OpenAIRealtimeStream:
        await self.vad.warm()
        return await super().open(keyterms=keyterms, language=language)

    def make(self, keyterms: tuple[str, ...], language: str | None) -> OpenAIRealtimeStream:
        socket = self.connect(f"{self.base_url}/realtime?intent=transcription")
        return OpenAIRealtimeStream(self, socket, self._session(Hints(keyterms, language)))

    def headers(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"}

    def _session(self, hints: Hints) -> dict[str, Any]:
        transcription: dict[str, Any] = {"model": self._model}
        if hints.language:
            transcription["language"] = hints.language
        if hints.keyterms and self._model.startswith(("gpt-live", "gpt-transcribe")):
            transcription["keywords"] = hints.keyterms
        elif hints.keyterms and "whisper" not in self._model:
            transcription["prompt"] = ", ".join(hints.keyterms)
        sound = {"type": "audio/pcm", "rate": _WIRE_RATE}
        heard = {"format": sound, "transcription": transcription | self._extra, "turn_detection": None}
        return {"type": "transcription", "audio": {"input": heard}}


class OpenAIRealtimeStream(SocketSttStream[Message]):
    """One session of theirs. An item is what lies between two commits."""

    message = Message

    def __init__(self, stt: OpenAIRealtime, socket: Socket, session: dict[str, Any]) -> None:
        super().__init__(stt, socket)
        self._session = session
        self._threshold = stt.vad_threshold
        self._vad = stt.vad.open()
        self._resample = Resampler(SAMPLE_RATE, _WIRE_RATE)
        self._before = bytearray()  # audio kept from before a voice
        self._voiced = 0  # windows in a row
        self._open = False  # audio goes out
        self._seconds = 0.0  # of it
        self._billed_as = stt.billed_as
        self._commits: deque[int] = deque()  # not yet confirmed: the utterance of each
        self._items: dict[str, int] = {}  # those not complete: the utterance of each

    def greeted(self, message: Message) -> bool:
        self._raise_reported(message)
        if message.type != "session.created":
            return False
        self.say({"type": "session.update", "session": self._session})
        return True

    def transmit(self, pcm: bytes) -> None:
        if not self._open:
            self._before += pcm
            self._open = self._hears_voice(pcm)
            if not self._open:
                del self._before[: -2 * int(_BEFORE * SAMPLE_RATE)]
                return
            pcm = bytes(self._before)
            self._before.clear()
        self._seconds += len(pcm) / SAMPLE_BYTES / SAMPLE_RATE
        audio = base64.b64encode(self._resample.process(pcm)).decode()
        self.say({"type": "input_audio_buffer.append", "audio": audio})

    @property
    def used(self) -> dict[str, tuple[int, float]]:
        """As in BilledStream."""
        return {self._billed_as: (0, self._seconds)}

    def take(self, message: Message) -> None:
        match message.type:
            case "error":
                self._raise_reported(message)
                self._drop_commit()
            case "input_audio_buffer.committed":
                self._items.setdefault(message.item_id, self._commits.popleft() if self._commits else self.draft.number)
            case kind if kind.startswith(_TRANSCRIPTION):
                self._take_item(message, kind.removeprefix(_TRANSCRIPTION))

    def ask(self) -> None:
        if self._open:
            self._open, self._voiced = False, 0
            self._commits.append(self.draft.number)
            self.say({"type": "input_audio_buffer.commit"})
        elif not self._outstanding():
            self.answer()

    def part(self) -> None:
        if self._open:
            self._open, self._voiced = False, 0
            self.say({"type": "input_audio_buffer.clear"})

    def _hears_voice(self, pcm: bytes) -> bool:
        heard = False
        for probability in self._vad.feed(pcm):
            self._voiced = self._voiced + 1 if probability >= self._threshold else 0
            heard = heard or self._voiced >= _VOICED
        return heard

    def _take_item(self, message: Message, what: str) -> None:
        number = self._items.setdefault(message.item_id, self._commits[0] if self._commits else self.draft.number)
        if what in ("completed", "failed"):
            del self._items[message.item_id]
        if number != self.draft.number:
            return
        if what == "failed":
            raise from_error(message.error or {})
        if what == "delta":
            self.draft.open += message.delta
            self.show()
        elif what == "completed":
            self.draft.settle(message.transcript)
            if self.draft.asked and not self._outstanding():
                self.answer()
            else:
                self.show()

    def _outstanding(self) -> bool:
        """Something of the open utterance was committed and is not complete."""
        return self.draft.number in self._commits or self.draft.number in self._items.values()

    def _drop_commit(self) -> None:
        """There was too little audio to be transcribed."""
        if self._commits:
            self._commits.popleft()
        if self.draft.asked and not self._outstanding():
            self.answer()

    @staticmethod
    def _raise_reported(message: Message) -> None:
        if message.type != "error" or _code(message) == "input_audio_buffer_commit_empty":
            return
        if _code(message) == "session_expired":
            raise Disconnected("the session had reached its age limit")
        raise from_error(message.error or {})


def _code(message: Message) -> str:
    return str((message.error or {}).get("code"))
