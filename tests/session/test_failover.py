"""Every stage, and everything that can go wrong with it: the caller hears an answer, or that there is none, in time.
Never silence, and nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from antiphon.conversation import notices as out
from antiphon.conversation.settings import Settings
from antiphon.errors import AuthError, BadRequest, Disconnected, Overloaded, ProviderError, QuotaError, RateLimited
from antiphon.lab import virtual
from antiphon.lab.scripted import (
    LlmFaults,
    LlmTiming,
    ScriptedLlm,
    ScriptedStt,
    ScriptedTts,
    SttFaults,
    TtsFaults,
    TtsTiming,
)
from antiphon.lab.simulated_call import SimulatedCall, scripted_stages
from antiphon.lab.tones import ToneCode, words_of
from antiphon.providers.base import LlmRequest
from antiphon.providers.fallback import resolve
from antiphon.providers.fallback.seam import GO_ON
from antiphon.session.lines import Lines
from antiphon.session.makings import SessionOptions, Stages
from antiphon.types import Message, Role

ORDER = "I want to book a table for two please"
REPLY = "We have several tables tonight, one by the window, and another near our kitchen."
FALLBACK = Settings().fallback_line
CODE = ToneCode([ORDER, REPLY, FALLBACK])
PAUSE = 0.6  # seconds of silence that end a turn
WITHIN = 3.0  # seconds from then on

PROMPT = (AuthError, QuotaError, RateLimited, Overloaded, BadRequest, Disconnected)


class HangingStt(ScriptedStt):
    async def open(self, **options: Any) -> Any:
        await asyncio.Event().wait()


class DeafStt(ScriptedStt):
    async def open(self, **options: Any) -> Any:
        stream = await super().open(**options)
        stream.send = lambda pcm: None  # type: ignore[method-assign]
        stream.finalize = lambda: None  # type: ignore[method-assign]
        return stream


def stt(**faults: Any) -> ScriptedStt:
    return ScriptedStt(CODE, faults=SttFaults(**faults))


def llm(**faults: Any) -> ScriptedLlm:
    return ScriptedLlm(_answer, timing=LlmTiming(first_token=0.3, jitter=0), faults=LlmFaults(**faults))


def tts(*, word_times: bool = True, first_audio: float = 0.15, **faults: Any) -> ScriptedTts:
    timing = TtsTiming(first_audio=first_audio, jitter=0)
    return ScriptedTts(CODE, timing=timing, word_times=word_times, faults=TtsFaults(**faults))


def _answer(request: LlmRequest) -> str:
    *_, begun, last = (Message(Role.USER, ""), *request.messages)
    return REPLY[len(begun.text) :] if last.text == GO_ON else REPLY


def _failing(error: ProviderError) -> ScriptedLlm:
    return ScriptedLlm(lambda request: error, timing=LlmTiming.instant())


CELLS: dict[tuple[str, str], Callable[[], Any]] = {
    **{("stt", kind.__name__): lambda kind=kind: stt(open_error=kind("no")) for kind in PROMPT},
    ("stt", "hang"): lambda: HangingStt(CODE),
    ("stt", "silence"): lambda: DeafStt(CODE),
    ("stt", "no finals"): lambda: stt(no_finals=True),
    ("stt", "reset"): lambda: stt(disconnect_after=2.0),
    **{("llm", kind.__name__): lambda kind=kind: _failing(kind("no")) for kind in PROMPT},
    ("llm", "hang"): lambda: llm(stall_after=0),
    ("llm", "slow first token"): lambda: ScriptedLlm(REPLY, timing=LlmTiming(first_token=4, jitter=0)),
    ("llm", "stall"): lambda: llm(stall_after=12),
    ("llm", "reset"): lambda: llm(fail_after=12),
    ("llm", "early reset"): lambda: llm(fail_after=1),
    ("llm", "error event"): lambda: llm(fail_after=12, error=Overloaded("overloaded")),
    ("llm", "empty"): lambda: ScriptedLlm("", timing=LlmTiming(first_token=0.3, jitter=0)),
    **{("tts", kind.__name__): lambda kind=kind: tts(fail_after=0, error=kind("no")) for kind in PROMPT},
    ("tts", "hang"): lambda: tts(stall_after=0),
    ("tts", "slow first audio"): lambda: tts(first_audio=4.0),
    ("tts", "stall"): lambda: tts(stall_after=1.5),
    ("tts", "reset"): lambda: tts(fail_after=1.5),
    ("tts", "stall, untimed"): lambda: tts(stall_after=1.5, word_times=False),
    ("tts", "reset, untimed"): lambda: tts(fail_after=1.5, word_times=False),
}
GOOD: dict[str, Callable[[], Any]] = {"stt": stt, "llm": llm, "tts": tts}


def stages(stage: str, faulty: list[Any]) -> Stages:
    """Good ones, but for one stage. Its lines were prepared by a voice that works."""
    made = replace(scripted_stages(CODE), stt=stt(), llm=llm(), tts=tts(), lines=Lines(tts()))
    provider = faulty[0] if len(faulty) == 1 else resolve(stage, faulty)  # type: ignore[arg-type]
    return replace(made, **{stage: provider})


class Heard:
    """What the caller heard after the turn."""

    def __init__(self, call: SimulatedCall, turn_ended: float) -> None:
        started = call.client.all(out.ReplyStarted)
        pieces = [piece for piece in call.client.playback.pieces if piece.samples]
        rate = call.client.playback.rate
        edges = [(turn_ended, turn_ended), *((p.begins, p.begins + p.samples / rate) for p in pieces)]
        self.words = [word for n in range(len(started)) for word in self._of(call, n)]
        self.longest_silence = max(begin - end for (_, end), (begin, _) in pairwise(edges))
        self.remembered = [notice.text for notice in call.client.all(out.AgentTranscript)]

    def _of(self, call: SimulatedCall, reply: int) -> list[str]:
        pcm = call.client.pcm(call.client.all(out.ReplyStarted)[reply].reply_id)
        first = next(iter(CODE.decode(pcm, call.client.playback.rate)), None)
        return call.heard(reply, FALLBACK if first and first.text == ALL_OF_FALLBACK[0] else REPLY)


ALL_OF_FALLBACK = [word for _, word in words_of(FALLBACK)]
ALL_OF_REPLY = [word for _, word in words_of(REPLY)]


def call(made: Stages) -> Heard:
    async def main() -> Heard:
        async with SimulatedCall(CODE, stages=made, options=SessionOptions()) as simulated:
            simulated.pause(1.0)
            spoken = simulated.say(ORDER)
            await asyncio.sleep(spoken.ends + 14.0 - asyncio.get_running_loop().time())
            heard = Heard(simulated, spoken.ends + PAUSE)
        for provider in (made.stt, made.llm, made.tts):
            await provider.aclose()
        return heard

    return virtual.run(main(), limit=600)


@pytest.mark.parametrize(("stage", "fault"), CELLS)
def test_with_another_provider_the_caller_is_answered(stage: str, fault: str) -> None:
    heard = call(stages(stage, [CELLS[stage, fault](), GOOD[stage]()]))
    if "untimed" in fault:
        assert [word for word in ALL_OF_REPLY if word in heard.words] == heard.words  # some are lost, none comes twice
    else:
        assert heard.words == ALL_OF_REPLY
    assert heard.longest_silence <= WITHIN


@pytest.mark.parametrize(("stage", "fault"), CELLS)
def test_with_no_other_the_caller_hears_what_there_is_or_the_fallback_line(stage: str, fault: str) -> None:
    heard = call(stages(stage, [CELLS[stage, fault]()]))
    words = heard.words
    if words[-len(ALL_OF_FALLBACK) :] == ALL_OF_FALLBACK:
        words = words[: -len(ALL_OF_FALLBACK)]
        assert len(words) < len(ALL_OF_REPLY)
    else:
        assert len(words) == len(ALL_OF_REPLY)
    assert words == ALL_OF_REPLY[: len(words)]
    assert heard.longest_silence <= WITHIN


@pytest.mark.parametrize(("stage", "fault"), CELLS)
def test_when_all_fail_alike_it_is_the_same(stage: str, fault: str) -> None:
    heard = call(stages(stage, [CELLS[stage, fault](), CELLS[stage, fault]()]))
    assert heard.words
    assert heard.longest_silence <= WITHIN


def test_all_three_stages_share_one_budget() -> None:
    first = replace(stages("stt", [DeafStt(CODE), stt()]), llm=resolve("llm", [llm(stall_after=0), llm()]))
    heard = call(replace(first, tts=resolve("tts", [tts(stall_after=0), tts()])))
    assert heard.words in (ALL_OF_REPLY, ALL_OF_FALLBACK)
    assert heard.longest_silence <= WITHIN
