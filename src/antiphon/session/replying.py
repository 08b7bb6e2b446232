"""Making one reply: model stream -> chunker -> TTS stream -> speech. One object, one task, one way to stop it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

from antiphon.audio.pcm import SAMPLE_BYTES
from antiphon.audio.playout import ReplyLedger
from antiphon.conversation.actions import Prompt, Script, StartReply
from antiphon.conversation.events import Event, ReplyFailed, ReplyText, ReplyToolCall, ReplyWritten
from antiphon.conversation.ledger import Marks
from antiphon.conversation.notices import ReplyMade
from antiphon.conversation.settings import Mode
from antiphon.errors import ProviderError, without_words
from antiphon.providers.base import Llm, LlmRequest, TextDelta, Tts, TtsStream, Usage
from antiphon.providers.fallback import budget
from antiphon.providers.fallback.budget import Budget
from antiphon.session.lines import Lines
from antiphon.session.metering import ReplyMeter
from antiphon.session.speech import Speech
from antiphon.text.chunker import Chunk, Chunker
from antiphon.text.spoken.form import SpokenForm, prepare
from antiphon.types import ToolCall

log = logging.getLogger("antiphon.session")


class Voice:
    """How a session speaks: which TTS, in which voice, at which rate, and what is done to text before it is spoken."""

    def __init__(
        self,
        tts: Tts,
        *,
        rate: int,
        name: str | None = None,
        language: str = "en",
        before_speech: Callable[[str], str] | None = None,
        spoken_form: bool = True,
        lines: Lines | None = None,
    ) -> None:
        self.tts = tts
        self.rate = rate  # Hz, of the session's output
        self.name = name
        self.language = language
        self._before_speech = before_speech
        self._spoken_form = spoken_form
        self._lines = lines
        self._prepared = False  # the tables of the language are loaded
        self.words_apart: bool | None = None  # whether it falls silent between words, as an earlier reply has shown
        rates = tts.capabilities.sample_rates
        self.tts_rate = rate if rate in rates else rates[0]

    async def form(self) -> SpokenForm:
        """How the text of a reply is said."""
        if self._spoken_form and not self._prepared:
            await asyncio.get_running_loop().run_in_executor(None, prepare, self.language)
            self._prepared = True
        return SpokenForm(language=self.language, own=self._before_speech, enabled=self._spoken_form)

    async def prepare(self, line: str) -> None:
        """Has a line spoken into memory, if it is not there yet. Never raises."""
        if self._lines:
            form, chunker = await self.form(), Chunker(language=self.language)
            spoken = [form.say(chunk.text).text for chunk in (*chunker.feed(line), *chunker.flush())]
            segments = [text for text in spoken if text.strip()]
            await self._lines.prepare(line, segments, rate=self.tts_rate, voice=self.name)

    def open(self, source: Prompt | Script) -> TtsStream:
        """The speech of a reply: from memory, if it is a line that was prepared."""
        rendered = None
        if self._lines and isinstance(source, Script):
            rendered = self._lines.open(source.text, rate=self.tts_rate, voice=self.name)
        return rendered or self.tts.open(sample_rate=self.tts_rate, voice=self.name)


@dataclass(slots=True)
class Making:
    """When the stages did their parts, in the loop's time, whoever is answered by it (see ReplyMade)."""

    asked: float | None = None
    first_token: float | None = None
    written: float | None = None
    first_clause: float | None = None
    first_audio: float | None = None
    error: str = ""
    failed_stage: str = ""


class Reply:
    """One reply in the making. `run` is its task; cancelling that task stops the model and the TTS at the source."""

    def __init__(
        self,
        order: StartReply,
        *,
        llm: Llm,
        voice: Voice,
        ledger: ReplyLedger,
        mode: Mode,
        max_tokens: int,
        post: Callable[[Event], None],
        on_change: Callable[[], None],
        wants_more: Callable[[Speech], bool],
        on_made: Callable[[ReplyMade], None],
        meter: ReplyMeter,
    ) -> None:
        self.reply_id = order.reply_id
        self.item_id = order.item_id
        self.marks = Marks()
        self.meter = meter
        self.budget = Budget()  # how long it may take to become audible: no end as long as it is not certain
        self.text = ""  # what the model has written so far
        self._source = order.source
        self._certain = not order.speculative
        self._voiced = order.voiced
        self._llm = llm
        self._voice = voice
        self._mode = mode
        self._max_tokens = max_tokens
        self._post = post
        self._wants_more = wants_more
        self._on_made = on_made
        self._making = Making()
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Event()  # set when the speech may want more text
        self._called = False  # the model asked for a tool
        self.speech = Speech(
            rate=voice.rate,
            tts_rate=voice.tts_rate,
            ledger=ledger,
            on_change=on_change,
            segmented=voice.tts.capabilities.segments,
        )

    def become(self, reply_id: str, item_id: str) -> None:
        """Goes on as another reply: the rest of this one, which answers no turn of its own."""
        self.reply_id, self.item_id, self.marks = reply_id, item_id, Marks()

    def commit(self) -> None:
        """It is certain: all of it is spoken."""
        self._certain = True
        self._room.set()

    def room(self) -> None:
        """Audio was sent: there may be room for more."""
        self._room.set()

    async def run(self) -> None:
        """Writes and speaks the reply. Failures become ReplyFailed; what was made until then is still played, and what
        the model wrote before it failed is still spoken."""
        budget.begin(self.budget)
        stream = self._voice.open(self._source)
        self.meter.speaks(stream)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._speak(stream))
                await self._write(stream)
        except* ProviderError as failures:
            self._failed(cast(ProviderError, failures.exceptions[0]))
        except* Exception as failures:  # a bug in a provider or a hook costs the reply, not the call
            unforeseen = failures.exceptions[0]
            log.error("reply %s failed: %s", self.reply_id, without_words(unforeseen))
            log.debug("reply %s", self.reply_id, exc_info=unforeseen)
            self._making.error, self._making.failed_stage = type(unforeseen).__name__, "reply"
            self._post(ReplyFailed(self.reply_id, "reply", f"unforeseen: {type(unforeseen).__name__}"))
        finally:
            self.speech.abandon()
            self._voice.words_apart = self.speech.ledger.words_apart
            self._made()
            await stream.aclose()

    def _made(self) -> None:
        making = {name: getattr(self._making, name) for name in Making.__slots__}
        made = ReplyMade(self.reply_id, **making, ended=self._loop.time(), cost=self.meter.cost(), llm=self.meter.model)
        self._on_made(made)

    def _failed(self, error: ProviderError) -> None:
        self._making.error, self._making.failed_stage = type(error).__name__, error.stage or "reply"
        log.warning("reply %s failed: %s", self.reply_id, error.brief)
        log.debug("reply %s: %s", self.reply_id, error)
        self._post(ReplyFailed(self.reply_id, error.stage or "reply", str(error), error.retryable, error.status))

    # --- writing --------------------------------------------------------------------------------------------------

    async def _write(self, stream: TtsStream) -> None:
        try:
            await self._write_all(stream)
            self._post(ReplyWritten(self.reply_id))
        except ProviderError as error:
            self._failed(error)
        stream.end()

    async def _write_all(self, stream: TtsStream) -> None:
        chunker, form = Chunker(language=self._voice.language), await self._voice.form()
        held_back: list[Chunk] = []  # in cascade mode nothing is spoken before all is written
        async for delta in self._text():
            chunks = chunker.feed(delta)
            if self._mode is Mode.CASCADE:
                held_back += chunks
            else:
                await self._send(stream, chunks, form)
        await self._send(stream, [*held_back, *chunker.flush()], form)
        if not self.text.strip() and not self._called:
            raise ProviderError("the model's answer was empty", stage="llm", provider=self._llm.name)

    async def _text(self) -> AsyncIterator[str]:
        if isinstance(self._source, Script):
            self.text = self._source.text
            yield self.text
            return
        request = LlmRequest(self._source.messages, self._source.tools, self._max_tokens)
        self.meter.asked(request)
        self._making.asked = self._loop.time()
        try:
            async with aclosing(self._llm.stream(request)) as events:
                async for event in events:
                    if self.marks.llm is None and isinstance(event, TextDelta | ToolCall):
                        self.marks.llm = self._loop.time()
                        self._making.first_token = self._making.first_token or self.marks.llm
                    if isinstance(event, TextDelta):
                        self.text += event.text
                        self.meter.wrote(event.text)
                        self._post(ReplyText(self.reply_id, event.text))
                        yield event.text
                    elif isinstance(event, ToolCall):
                        self._called = True
                        self.meter.wrote(f"{event.name}{event.arguments}")
                        self._post(ReplyToolCall(self.reply_id, event))
                    elif isinstance(event, Usage):
                        self.meter.told(event)
            self.meter.answered()
        except ProviderError:
            self.meter.refused()
            raise
        finally:
            self._making.written = self._loop.time()

    async def _send(self, stream: TtsStream, chunks: list[Chunk], form: SpokenForm) -> None:
        """Feeds the TTS no further ahead of the playout than needed: text not sent costs nothing if interrupted."""
        for chunk in chunks:
            while self._mode is Mode.STREAMING and not self._may_speak_on():
                self._room.clear()
                await self._room.wait()
            spoken = form.say(chunk.text)
            if not spoken.text.strip():
                continue
            if self.marks.chunking is None:
                self.marks.chunking = self._loop.time()
                self._making.first_clause = self._making.first_clause or self.marks.chunking
            self.speech.expect(chunk, spoken)
            self.meter.sent(spoken.text)
            stream.send(spoken.text)

    def _may_speak_on(self) -> bool:
        """As long as it is not certain, at most its first sentence is spoken."""
        if not self._certain and (not self._voiced or self.marks.chunking is not None):
            return False
        return self._wants_more(self.speech)

    # --- speaking -------------------------------------------------------------------------------------------------

    async def _speak(self, stream: TtsStream) -> None:
        whole = []
        async for chunk in stream:
            self.meter.spoke(len(chunk.pcm) / SAMPLE_BYTES / self._voice.tts_rate)
            if self._mode is Mode.CASCADE:
                whole.append(chunk)
            elif self.speech.add(chunk):
                self.marks.tts = self._making.first_audio = self._loop.time()
        for chunk in whole:
            if self.speech.add(chunk):
                self.marks.tts = self._making.first_audio = self._loop.time()
        self.speech.finish()
