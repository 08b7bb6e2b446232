"""What `/metrics` counts of the calls themselves."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from antiphon.client import Client
from antiphon.client.events import ReplyDone
from antiphon.conversation import notices as out
from antiphon.errors import Disconnected
from antiphon.lab.scripted import LlmTiming, ScriptedLlm
from antiphon.lab.simulated_call import SimulatedCall
from antiphon.providers.fallback.limits import Limits
from antiphon.providers.fallback.llm import FallbackLlm
from antiphon.server.limits import Limits as ServerLimits
from antiphon.server.meters import Meters
from antiphon.session.makings import Hooks
from antiphon.types import SessionConfig
from tests.server_api.serving import Served, serving, stages
from tests.session.calling import LONG, run_call
from tests.session.calling import stages as voices

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana.json"


class Down(ScriptedLlm):
    async def stream(self, request: Any) -> Any:
        raise Disconnected("it is down")
        yield


def metrics_after_a_call(**options: Any) -> str:
    async def main() -> str:
        async with asyncio.timeout(30), serving(**options) as served:
            async with served.client() as client:
                await client.configure(greeting="hello")
                await replied(client)
                await client.create_reply()
                await replied(client)
                await client.end()
                async for _ in client:
                    pass
            return await asked(served)

    return asyncio.run(main())


async def replied(client: Client) -> None:
    async for event in client:
        if isinstance(event, ReplyDone):
            return


async def asked(served: Served) -> str:
    """Once the session's last notice has been counted."""
    while "sessions_ended_total{" not in (text := await _text(served)):  # noqa: ASYNC110  it can only be asked
        await asyncio.sleep(0.01)
    return text


async def _text(served: Served) -> str:
    return (await served.rest.get(str(served.rest.base_url).replace("/v1/", "/metrics"))).text


def value(text: str, series: str) -> float:
    (line,) = [line for line in text.splitlines() if line.startswith(f"antiphon_{series} ")]
    return float(line.rpartition(" ")[2])


def test_replies_and_what_they_used_are_counted():
    text = metrics_after_a_call()
    assert value(text, 'replies_total{status="completed"}') == 2
    assert value(text, 'sessions_ended_total{reason="client_end"}') == 1
    assert value(text, 'used_total{unit="tts_characters"}') == len("hello" + "hello there")


def test_what_failed_in_a_chain_is_counted_by_provider():
    well = ScriptedLlm("hello there", timing=LlmTiming.instant())
    chain = FallbackLlm([Down("", timing=LlmTiming.instant()), well], limits=Limits())
    text = metrics_after_a_call(made=replace(stages(), llm=chain))
    assert value(text, 'provider_failures_total{error="Disconnected",provider="scripted/llm",stage="llm"}') == 1


def test_servers_of_one_program_count_for_themselves():
    assert value(metrics_after_a_call(), "turns_total") == value(metrics_after_a_call(), "turns_total") == 0


def test_the_dashboard_asks_for_what_there_is():
    text = metrics_after_a_call(limits=ServerLimits(sessions=7))
    told = set(re.findall(r"^# TYPE (antiphon_\w+)", text, re.MULTILINE))
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked_for = {name for panel in panels for target in panel["targets"] for name in names(target["expr"])}
    assert asked_for and {re.sub("_(bucket|sum|count)$", "", name) for name in asked_for} <= told


def test_the_documentation_names_what_there_is():
    text = metrics_after_a_call(limits=ServerLimits(sessions=7))
    told = set(re.findall(r"^# TYPE (antiphon_\w+)", text, re.MULTILINE))
    documented = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    assert set(re.findall(r"`(antiphon_\w+)`", documented)) == told
    assert "_created" not in text


def test_a_barge_in_is_told_from_a_hold_that_was_none():
    def counted(said: str) -> tuple[float, float, float]:
        meters = Meters()

        async def scenario(call: SimulatedCall) -> None:
            call.say("good morning")
            await call.client.until(out.ReplyStarted)
            await asyncio.sleep(3)
            call.say(said)
            await asyncio.sleep(8)

        made = voices(LONG)
        run_call(scenario, stages=made, hooks=meters.watching(Hooks(), made), config=SessionConfig())
        names = ("holds_total", "barge_ins_total", "false_holds_total")
        return tuple(value(meters.text(), name) for name in names)  # type: ignore[return-value]

    assert counted("stop wait a minute") == (1, 1, 0)
    assert counted("mmhmm") == (1, 0, 1)


def names(expression: str) -> list[str]:
    return re.findall(r"antiphon_\w+", expression)
