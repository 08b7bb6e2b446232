"""What is counted of every session, for Prometheus: where the silences went, interruptions, failures, tokens, money.

One `Meters` a process. Where several processes serve one port, they share files in the folder that
$PROMETHEUS_MULTIPROC_DIR names, and each tells of all of them (see `sharing`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import tempfile
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.errors import ProviderError
from antiphon.providers.fallback.chain import Chain
from antiphon.session.makings import Hooks, Stages
from antiphon.session.telling import call_hook
from antiphon.types import Cost

SHARED = "PROMETHEUS_MULTIPROC_DIR"
_AGE = re.compile(r"(?:# (?:HELP|TYPE) )?antiphon_\w+_created\b")
SILENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0)  # seconds
SPANS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.9, 1.5, 3.0)  # seconds


class Meters:
    """Counters live for as long as the process does, and only grow."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()

        def counter(name: str, told: str, *labels: str) -> Counter:
            return Counter(f"antiphon_{name}", told, labels, registry=self._registry)

        def histogram(name: str, told: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"antiphon_{name}", told, labels, buckets=buckets, registry=self._registry)

        self._silence = histogram(
            "silence_seconds", "From the caller's last sound to the first of the reply.", SILENCES
        )
        self._spans = histogram("span_seconds", "Where that silence went.", SPANS, "span", "provider")
        self._turns = counter("turns_total", "What callers said and was understood.")
        self._replies = counter("replies_total", "Replies, by how they ended.", "status")
        self._holds = counter("holds_total", "Times the agent paused since the caller made a sound.")
        self._barge_ins = counter("barge_ins_total", "Holds after which the caller took the floor.")
        self._false_holds = counter("false_holds_total", "Holds that were no interruption: the agent went on.")
        self._tools = counter("tool_calls_total", "Tools called.")
        self._sessions = counter("sessions_ended_total", "Sessions, by why they ended.", "reason")
        self._failures = counter("provider_failures_total", "Failed attempts.", "stage", "provider", "error")
        self._used = counter("used_total", "Seconds of audio, tokens and characters.", "unit")
        self._dollars = counter("dollars_total", "What the stages cost, where the price is known.", "stage")

    def text(self) -> str:
        """All of it in Prometheus' text format; that of all processes, where they share."""
        if SHARED not in os.environ:
            return _without_ages(generate_latest(self._registry).decode())
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together).decode()

    def watch(self, stages: Stages) -> None:
        """Counts what fails in the chains among `stages`."""
        for provider in (stages.stt, stages.llm, stages.tts):
            if isinstance(provider, Chain):
                provider.on_failure = self._failed

    def watching(self, hooks: Hooks, stages: Stages) -> Hooks:
        """`hooks` of a session on `stages`, with ours before them."""
        before, after = hooks.on_notice, hooks.journal
        providers = {"stt": stages.stt.name, "llm": stages.llm.name, "tts": stages.tts.name}

        held = False  # nobody knows yet what for

        def notice(notice: out.Notice) -> None:
            nonlocal held
            if held and isinstance(notice, out.SpeechStarted):
                held = False
                self._barge_ins.inc()
            self._notice(notice, providers)
            call_hook(before, notice)

        def step(now: float, event: ev.Event, actions: list[act.Action]) -> None:
            nonlocal held
            for action in actions:
                if isinstance(action, act.HoldPlayout):
                    held = True
                    self._holds.inc()
                elif isinstance(action, act.ResumePlayout):
                    held = False
                    self._false_holds.inc()
            if after:
                after(now, event, actions)

        return dataclasses.replace(hooks, on_notice=notice, journal=step)

    def _notice(self, notice: out.Notice, providers: dict[str, str]) -> None:
        match notice:
            case out.UserTranscript():
                self._turns.inc()
            case out.ReplyDone(status=status):
                self._replies.labels(status.value).inc()
            case out.TurnMetrics(total_ms=total, spans=spans):
                self._silence.observe(total / 1000)
                for span in spans:
                    self._spans.labels(span.name, providers.get(span.name, "")).observe(span.ms / 1000)
            case out.ToolCalled():
                self._tools.inc()
            case out.ReplyFault(code=code):
                self._failures.labels("reply", "", code).inc()
            case out.SessionEnded(reason=reason, cost=cost):
                self._sessions.labels(reason).inc()
                self._spent(cost)

    def _spent(self, cost: Cost) -> None:
        for unit in ("stt_seconds", "input_tokens", "cached_tokens", "output_tokens", "tts_characters", "tts_seconds"):
            self._used.labels(unit).inc(getattr(cost, unit))
        for stage in ("stt", "llm", "tts"):
            self._dollars.labels(stage).inc(getattr(cost, f"{stage}_usd") or 0.0)

    def _failed(self, stage: str, provider: str, error: ProviderError) -> None:
        self._failures.labels(stage, provider, type(error).__name__).inc()


def _without_ages(text: str) -> str:
    """Without the series that say when a counter was made: as many again, and of no use to anyone."""
    return "".join(line for line in text.splitlines(keepends=True) if not _AGE.match(line))


@contextlib.contextmanager
def sharing() -> Iterator[None]:
    """Processes that are started meanwhile count together; an operator's own folder is used where one is named."""
    if SHARED in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="antiphon-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ[SHARED] = folder
        try:
            yield
        finally:
            del os.environ[SHARED]
