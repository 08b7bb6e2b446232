"""What one session uses, counted where it is used: audio sent to the STT, tokens, characters, audio made.

A reply that is thrown away before anyone heard of it has cost something too. It is told with the next reply that ends,
as is the caller's audio since the one before: so the costs of the replies add up to the session's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from antiphon.conversation.history import CHARS_PER_TOKEN
from antiphon.providers.base import LlmRequest, Usage
from antiphon.providers.cost import BilledStream, Prices, billed_as, estimated_usage, llm_cost, stt_cost, tts_cost
from antiphon.session.budget import SPEECH_RATE
from antiphon.session.makings import Stages
from antiphon.types import Cost

Heard = Mapping[str, tuple[float, float]]


class ReplyMeter:
    """Of one reply, by whoever makes it."""

    def __init__(self, prices: Prices, *, llm: str, tts: str) -> None:
        """`llm` and `tts` as they are named in the table."""
        self._prices = prices
        self._llm = llm
        self._tts = tts
        self._request: LlmRequest | None = None
        self._told: dict[str, Usage] = {}  # by the models that had a part in it, the present one last
        self._whole = False  # the answer came to its end, and the usage with it
        self._failed = False  # before it had answered anything
        self._written = 0  # bytes of text the model wrote
        self._characters = 0
        self._seconds = 0.0
        self._stream: BilledStream | None = None  # that knows better who spoke

    def asked(self, request: LlmRequest) -> None:
        """The model is asked."""
        self._request = request

    def wrote(self, text: str) -> None:
        self._written += len(text.encode())

    def told(self, usage: Usage) -> None:
        """A model says what it used; it may say so several times, of the whole each time."""
        by = usage.by or self._llm
        self._told.pop(by, None)
        self._told[by] = usage

    def answered(self) -> None:
        """The model has said all it will."""
        self._whole = True

    def refused(self) -> None:
        """The model failed: it is taken to have done nothing if it has said nothing."""
        self._failed = not self._written

    def speaks(self, stream: object) -> None:
        """The TTS is about to speak through this."""
        self._stream = stream if isinstance(stream, BilledStream) else None

    def sent(self, text: str) -> None:
        """The TTS is given this to speak."""
        self._characters += len(text)

    def spoke(self, seconds: float) -> None:
        """The TTS gave so much audio."""
        self._seconds += seconds

    @property
    def model(self) -> str:
        """Who answered, as named in the table."""
        return next(reversed(self._told), self._llm)

    def cost(self) -> Cost:
        """So far."""
        cost = Cost()
        spoken = self._stream.used if self._stream else {self._tts: (self._characters, self._seconds)}
        for by, (characters, seconds) in spoken.items():
            cost += tts_cost(self._prices.of("tts", by), characters=characters, seconds=seconds)
        if self._request is None or (self._failed and not self._told):
            return cost
        told = dict(self._told)
        if estimated := not (self._whole and told and not told[next(reversed(told))].estimated):
            by, usage = told.popitem() if told else (self._llm, estimated_usage(self._request))
            written = round(self._written / CHARS_PER_TOKEN) - sum(other.output for other in told.values())
            told[by] = replace(usage, output=max(usage.output, written))
        for by, usage in told.items():
            cost += llm_cost(self._prices.of("llm", by), usage, estimated=estimated)
        return cost


class Meter:
    """Of one session. `heard` says by whom the caller was heard, as named in the table: for how many seconds of audio,
    over connections that were open for how many. `before` is what the session had cost when another process served it.
    """

    def __init__(
        self, stages: Stages, prices: Prices, *, heard: Callable[[], Heard], before: Cost | None = None
    ) -> None:
        self._prices = prices
        self._llm = billed_as(stages.llm)
        self._tts = billed_as(stages.tts)
        self._heard = heard
        self._ended = before or Cost()  # of the replies that are over, told or not
        self._untold = Cost()  # the part of it that was not told
        self._told: Heard = {}

    def speaking(self, text: str) -> Cost:
        """What it would cost to speak this too."""
        price = self._prices.of("tts", self._tts)
        return tts_cost(price, characters=len(text), seconds=len(text) / SPEECH_RATE)

    def reply(self) -> ReplyMeter:
        return ReplyMeter(self._prices, llm=self._llm, tts=self._tts)

    def ended(self, reply: ReplyMeter) -> None:
        """The reply is over, or thrown away."""
        cost = reply.cost()
        self._ended += cost
        self._untold += cost

    def tell(self) -> Cost:
        """All since it was told last, but for replies still in the making."""
        heard = self._heard()
        cost, self._untold = self._untold + self._listening(heard, since=self._told), Cost()
        self._told = heard
        return cost

    def total(self, making: Iterable[ReplyMeter] = ()) -> Cost:
        """Of the session so far, with the replies in the making."""
        cost = self._ended + self._listening(self._heard(), since={})
        return sum((reply.cost() for reply in making), cost)

    def _listening(self, heard: Heard, *, since: Heard) -> Cost:
        cost = Cost()
        for by, (seconds, connected) in heard.items():
            before = since.get(by, (0.0, 0.0))
            price = self._prices.of("stt", by)
            cost += stt_cost(price, seconds=seconds - before[0], connected=connected - before[1])
        return cost
