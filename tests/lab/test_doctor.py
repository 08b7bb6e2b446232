"""The doctor, at vendors on loopback sockets: what is found, what is advised, and that no key is ever told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from antiphon.errors import AuthError, ConfigError
from antiphon.lab.doctor import Finding, Status, Subject, everyone, examine, named_by
from antiphon.lab.doctor_advice import as_json, chain, ills, preset_gaps
from antiphon.lab.doctor_measures import Speech, time_to_connect
from antiphon.lab.doctor_secrets import Secrets
from antiphon.providers import registry, vendors
from antiphon.providers.base import LlmRequest, TextDelta
from antiphon.providers.vendors import ALIASES, VENDORS, Region, Vendor
from tests.emulators.assemblyai import AssemblyAIServer
from tests.emulators.cartesia import CartesiaSpeech
from tests.emulators.deepgram import DeepgramServer
from tests.emulators.faults import Fault
from tests.emulators.hearing import say
from tests.emulators.openai_chat import OpenAIChat

KEY = "sk-a-secret-key"
SPEECH = Speech(say("hello world"), 16_000)


def subject(stage: registry.Stage, spec: str, **options: Any) -> Subject:
    return Subject(stage, spec, {"api_key": KEY} | options, named=True)


def look(made: Callable[[AsyncExitStack], Awaitable[list[Subject]]], **options: Any) -> list[Finding]:
    async def main() -> list[Finding]:
        async with AsyncExitStack() as emulators:
            subjects = await made(emulators)
            return await examine(subjects, **{"speech": SPEECH, "timeout": 3.0} | options)

    return asyncio.run(main())


async def three(emulators: AsyncExitStack) -> list[Subject]:
    stt = await emulators.enter_async_context(AssemblyAIServer(key=KEY))
    llm = await emulators.enter_async_context(OpenAIChat())
    tts = await emulators.enter_async_context(CartesiaSpeech())
    return [
        subject("stt", "assemblyai/u3-rt-pro", base_url=stt.url),
        subject("llm", "openai/toy", base_url=llm.url),
        subject("tts", "cartesia", base_url=tts.url),
    ]


def test_providers_that_work_are_measured_to_their_first_result() -> None:
    findings = look(three)
    assert [one.status for one in findings] == [Status.WORKS] * 3, [one.message for one in findings]
    assert all(one.key for one in findings)
    assert all(one.connect_ms and one.ready_ms and one.first_ms for one in findings)
    assert ills(findings) == []


def test_what_costs_money_is_left_out_on_wish() -> None:
    findings = look(three, results=False)
    assert [one.status for one in findings] == [Status.WORKS] * 3
    assert all(one.ready_ms and one.first_ms is None for one in findings)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.AUTH, Status.REFUSED),
        (Fault.QUOTA, Status.REFUSED),
        (Fault.RATE_LIMITED, Status.FAILED),
        (Fault.SERVER_ERROR, Status.FAILED),
        (Fault.HANG, Status.FAILED),
        (Fault.REFUSE, Status.FAILED),
    ],
)
def test_a_vendor_that_does_not_play_its_part_is_told_of_in_time(fault: Fault, status: Status) -> None:
    async def made(emulators: AsyncExitStack) -> list[Subject]:
        stt = await emulators.enter_async_context(DeepgramServer(fault, key=KEY))
        return [subject("stt", "deepgram", base_url=stt.url)]

    (finding,) = look(made, timeout=0.5)
    assert finding.status is status
    assert finding.message
    assert ills([finding]) == ["no stt works here", f"stt {finding.provider}: {status}"]


def test_no_key_is_in_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if a vendor repeats it in its answer."""

    class Babbler:
        name = "babbler/1"

        def __init__(self, model: str, api_key: str) -> None:
            self.key = api_key

        async def warm(self) -> None:
            raise RuntimeError(f"the key {self.key} is unknown, as is {KEY}2")

    monkeypatch.setitem(registry._BUILT_IN["llm"], "babbler", f"{__name__}:Babbler")
    monkeypatch.setattr(f"{__name__}.Babbler", Babbler, raising=False)
    monkeypatch.setenv("SOMEBODYS_API_KEY", f"{KEY}2")

    async def made(_: AsyncExitStack) -> list[Subject]:
        return [subject("llm", "babbler")]

    findings = look(made)
    told = json.dumps(as_json(findings), ensure_ascii=False) + "".join(ills(findings))
    assert "the key … is unknown, as is …" in told
    assert KEY not in told


def test_secrets_of_files_are_hidden_too(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("from-a-file\n")
    monkeypatch.setenv("DEEPGRAM_API_KEY_FILE", str(tmp_path / "key"))
    assert Secrets().hide("it is from-a-file") == "it is …"


# --- regions --------------------------------------------------------------------------------------------------------


class Placed:
    """A model in two places; in "eu" it takes the key that ends in "eu" alone."""

    def __init__(self, model: str, *, place: str = "us", api_key: str) -> None:
        self.name = "placed/1"
        self._refuses = place == "eu" and not api_key.endswith("eu")

    async def warm(self) -> None:
        if self._refuses:
            raise AuthError("not a key of this region")

    async def stream(self, request: LlmRequest) -> AsyncIterator[TextDelta]:
        yield TextDelta("Good morning.")


@pytest.mark.parametrize(
    ("key", "us", "eu", "advised"),
    [
        ("key-eu", 120.0, 20.0, "eu"),
        ("key-us", 120.0, 20.0, "us"),  # the nearer one does not take it
        ("key-eu", 30.0, 20.0, "us"),  # hardly nearer
        ("key-eu", 120.0, None, "us"),
    ],
)
def test_the_nearest_region_that_takes_the_key_is_advised(
    key: str, us: float, eu: float | None, advised: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connect(host: str) -> float | None:
        return {"us.example": us, "eu.example": eu}[host]

    async def made(_: AsyncExitStack) -> list[Subject]:
        return [Subject("llm", "placed", {"api_key": key})]

    regions = (Region("us", "us.example"), Region("eu", "eu.example", {"place": "eu"}))
    monkeypatch.setitem(VENDORS, ("llm", "placed"), Vendor(("PLACED_API_KEY",), regions))
    monkeypatch.setitem(registry._BUILT_IN["llm"], "placed", f"{__name__}:Placed")
    (finding,) = look(made, connect=connect)
    assert finding.regions == {"us": us, "eu": eu}
    assert (finding.status, finding.region) == (Status.WORKS, advised if eu else None)
    assert chain([finding], "llm") == [{"provider": "placed", "place": "eu"} if advised == "eu" else "placed"]


def test_the_way_to_a_place_where_nobody_listens_is_not_measured() -> None:
    assert asyncio.run(time_to_connect("ws://127.0.0.1:1")) is None


# --- who is looked at, and what is advised ----------------------------------------------------------------------------


def test_every_provider_is_looked_at_with_a_model_to_try() -> None:
    subjects = everyone()
    names = {(one.stage, one.name) for one in subjects} | set(ALIASES)
    assert names == {(stage, name) for stage in ("stt", "llm", "tts", "vad") for name in registry.names(stage)}  # type: ignore[arg-type]
    assert "llm openai/gpt-6-luna" in {f"{one.stage} {one.spec}" for one in subjects}


def test_without_keys_all_are_listed_and_nothing_that_has_none_is_an_ill(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in {key for vendor in VENDORS.values() for key in vendor.keys} | {"AWS_REGION"}:
        monkeypatch.delenv(name, raising=False)

    async def unreachable(host: str) -> float | None:
        return None

    async def made(_: AsyncExitStack) -> list[Subject]:
        return [one for one in everyone() if (one.stage, one.name) in VENDORS]

    findings = look(made, connect=unreachable, timeout=2.0)
    assert len(findings) == len(VENDORS)
    assert {one.status for one in findings} <= {Status.NO_KEY, Status.MISSING}, [
        (one.provider, one.status, one.message) for one in findings
    ]
    assert ills(findings) == [f"no {stage} works here" for stage in ("stt", "llm", "tts")]
    rows = as_json(findings)["providers"]
    assert all(row["key"] is False and row["message"] for row in rows)


def test_what_would_be_downloaded_is_not_tried() -> None:
    assert {("stt", "whisper")} == vendors.FETCHES
    pytest.importorskip("faster_whisper")
    (finding,) = look(lambda _: asyncio.sleep(0, [Subject("stt", "whisper")]))
    assert finding.status is Status.UNTRIED


def test_an_agent_names_its_providers_in_many_ways() -> None:
    given = {
        "stt": ["deepgram", {"provider": "assemblyai", "mode": "balanced"}],
        "llm": {"fallback": ["openai/gpt-6-luna", "local"], "first": 2.0},
        "tts": "local",
    }
    named = [(one.stage, one.spec, dict(one.options)) for one in named_by(given)]  # type: ignore[arg-type]
    assert named == [
        ("stt", "deepgram", {}),
        ("stt", "assemblyai", {"mode": "balanced"}),
        ("llm", "openai/gpt-6-luna", {}),
        ("llm", "local", {}),
        ("tts", "local", {}),
    ]
    with pytest.raises(ConfigError, match="named by a string"):
        named_by({"llm": object()})


def found(stage: registry.Stage, spec: str, *, first: float | None, here: bool = False) -> Finding:
    return Finding(Subject(stage, spec), spec, Status.WORKS, here=here, first_ms=first)


def test_the_chain_is_the_quickest_first_and_what_runs_here_last() -> None:
    findings = [
        found("llm", "smollm2", first=90.0, here=True),
        found("llm", "anthropic/claude-haiku-5-5", first=500.0),
        found("llm", "openai/gpt-6-luna", first=400.0),
        Finding(Subject("llm", "google/gemini-3.5-flash-lite"), "google", Status.REFUSED, key=True),
    ]
    assert chain(findings, "llm") == ["openai/gpt-6-luna", "anthropic/claude-haiku-5-5", "local"]
    assert ills(findings) == ["llm google: refused"]


def test_a_preset_works_where_each_of_its_stages_has_somebody() -> None:
    local = [found(stage, name, first=1.0, here=True) for stage, name in registry.LOCAL.items()]
    gaps = preset_gaps([*local, found("stt", "assemblyai", first=1.0), found("llm", "anthropic/x", first=1.0)])
    assert gaps["private"] == []
    assert gaps["fast"] == ["tts"]
