"""A call as a tree of spans."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from antiphon.conversation import notices as out
from antiphon.errors import ConfigError
from antiphon.lab import virtual
from antiphon.lab.scripted import ScriptedLlm
from antiphon.lab.scripted.llm import LlmFaults
from antiphon.lab.simulated_call import SimulatedCall
from antiphon.server import telemetry
from antiphon.server.stores.base import SessionRecord
from antiphon.server.telemetry import Traces
from antiphon.session.makings import Hooks
from antiphon.text.redaction import redactor
from antiphon.tools.function import as_tool
from antiphon.types import SessionConfig, ToolCall
from tests.server_api.serving import serving
from tests.server_api.test_connections import call as one_call
from tests.session.calling import CODE, GREETING, LONG, stages, turn

pytest.importorskip("opentelemetry.sdk")
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

BEGAN = 1_700_000_000.0  # seconds of the epoch
RECORD = SessionRecord(id="sess_1", account="shop", key_name="shop/web", created_at=0, expires_at=9, seen_at=0)


class Spans:
    """All of one call."""

    def __init__(self, spans: tuple[ReadableSpan, ...]) -> None:
        self.all = sorted(spans, key=lambda span: span.start_time or 0)
        self._names = {span.context.span_id: span.name for span in spans}

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.all if span.name == name]

    def below(self, parent: ReadableSpan) -> list[ReadableSpan]:
        return [span for span in self.all if span.parent and span.parent.span_id == parent.context.span_id]

    def tree(self, span: ReadableSpan | None = None) -> Any:
        (root,) = [each for each in self.all if each.parent is None]
        span = span or root
        below = self.below(span)
        return {span.name: [self.tree(each) for each in below]} if below else span.name


def traced(
    scenario: Callable[[SimulatedCall], Awaitable[Any]],
    *,
    content: bool = False,
    hooks: Hooks | None = None,
    **made: Any,
) -> Spans:
    """The spans of a call in virtual time."""
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))

    async def main() -> None:
        traces = Traces(provider, content=content, now=lambda: BEGAN)
        made.setdefault("stages", stages())
        watched = traces.watching(hooks or Hooks(), made["stages"], RECORD)
        async with SimulatedCall(CODE, hooks=watched, **made) as call:
            await scenario(call)

    virtual.run(main(), limit=600)
    return Spans(memory.get_finished_spans())


def seconds(span: ReadableSpan) -> float:
    assert span.start_time is not None and span.end_time is not None
    return (span.end_time - span.start_time) / 1e9


async def a_turn(call: SimulatedCall) -> None:
    await turn(call, "good morning")


async def greeted(call: SimulatedCall) -> None:
    await call.greeted()
    await a_turn(call)


GREETED = SessionConfig(greeting=GREETING)
ANSWERED = {"turn": ["stt", "endpointing", "chat llm", "tts", "playout"]}


def test_a_turn_has_its_stages():
    spans = traced(greeted, config=GREETED)
    assert spans.tree() == {"session": [{"turn": ["tts", "playout"]}, ANSWERED]}


def test_every_span_of_a_turn_lies_within_it_and_the_silence_adds_up():
    spans = traced(a_turn)
    (turn_span,) = spans.named("turn")
    about = turn_span.attributes
    for span in spans.below(turn_span):
        assert turn_span.start_time <= span.start_time <= span.end_time <= turn_span.end_time, span.name
    parts = sum(value for name, value in about.items() if name.startswith("antiphon.silence."))
    assert parts == pytest.approx(about["antiphon.silence_ms"])
    (endpointing,), (playout,) = spans.named("endpointing"), spans.named("playout")
    silence = (playout.start_time - endpointing.start_time) / 1e6
    assert silence == pytest.approx(about["antiphon.silence_ms"], abs=25)  # playout begins with the frame it is in


def test_the_model_is_told_by_the_conventions():
    (chat,) = traced(a_turn).named("chat llm")
    told = chat.attributes
    assert (told["gen_ai.operation.name"], told["gen_ai.provider.name"]) == ("chat", "scripted")
    assert (told["gen_ai.request.model"], told["gen_ai.conversation.id"]) == ("llm", "sess_1")
    assert told["gen_ai.usage.output_tokens"] > 0 and chat.kind.name == "CLIENT"
    assert [event.name for event in chat.events] == ["first_token"]


def test_the_session_begins_when_it_did_and_says_why_it_ended():
    (session,) = traced(a_turn).named("session")
    assert session.start_time == BEGAN * 1e9
    assert session.attributes["antiphon.session.end_reason"] == "client_end"


def test_a_tool_and_the_reply_that_tells_of_it_are_in_the_turn_that_asked():
    def think(request: Any) -> Any:
        told = [message for message in request.messages if message.call_id]
        return "Okay." if told else [ToolCall("call_1", "book", {"people": 2})]

    async def book(people: int) -> str:
        await asyncio.sleep(0.5)
        return "a table"

    async def scenario(call: SimulatedCall) -> None:
        call.say("good morning")
        await call.client.until(out.ReplyDone, count=2)

    spans = traced(scenario, stages=stages(think), tools=(as_tool(book),))
    (tool,) = spans.named("execute_tool book")
    assert tool.attributes["gen_ai.tool.call.id"] == "call_1" and seconds(tool) == pytest.approx(0.5, abs=0.01)
    (asking,) = spans.named("turn")
    assert [span.name for span in spans.below(asking)].count("chat llm") == 2
    assert "gen_ai.tool.call.arguments" not in tool.attributes


def test_an_interrupted_reply_ends_in_its_own_turn():
    async def scenario(call: SimulatedCall) -> None:
        call.say("good morning")
        await call.client.until(out.ReplyStarted)
        await asyncio.sleep(3)
        call.say("stop wait a minute")
        await call.client.until(out.ReplyDone, count=2)

    first, second = traced(scenario, stages=stages(LONG)).named("turn")
    assert [event.name for event in first.events] == ["hold"]
    assert first.end_time - second.start_time < 0.5e9  # the stop takes a moment


def test_what_fails_is_marked():
    async def scenario(call: SimulatedCall) -> None:
        call.say("good morning")
        await call.client.until(out.ReplyDone)

    down = ScriptedLlm("Okay.", faults=LlmFaults(fail_after=0))
    spans = traced(scenario, stages=replace(stages(), llm=down))
    chat = spans.named("chat llm")[0]
    assert chat.attributes["error.type"] == "Disconnected" and chat.status.status_code.name == "ERROR"


# --- what was said ------------------------------------------------------------------------------------------------


def everything(spans: Spans) -> str:
    return "\n".join(span.to_json() for span in spans.all)


def test_what_was_said_is_in_no_span():
    told = everything(traced(greeted, stages=stages("We are closed."), config=GREETED))
    assert [said for said in ("morning", "closed", "Hello there") if said in told] == []


def test_where_it_is_asked_for_it_is_there_and_redacted():
    card = "4111111111111111"
    only = Hooks(redact=redactor(["card"]))
    spans = traced(a_turn, content=True, hooks=only, stages=stages(f"Your card is {card}."))
    (chat,) = spans.named("chat llm")
    (asked,) = json.loads(chat.attributes["gen_ai.input.messages"])
    assert asked == {"role": "user", "parts": [{"type": "text", "content": "good morning"}]}
    (answer,) = json.loads(chat.attributes["gen_ai.output.messages"])
    assert answer["parts"][0]["content"] == "Your card is [card]."
    assert card not in everything(spans)


# --- the environment ----------------------------------------------------------------------------------------------


class Collector(BaseHTTPRequestHandler):
    """Takes traces by OTLP over HTTP, as protobuf."""

    def do_POST(self) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, ExportTraceServiceRequest.FromString(body)))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What a collector took to which the environment sends traces."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.taken = taken = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "front-desk")
    yield taken
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_sends_its_traces_where_the_environment_says(collector: list[Any]):
    async def main() -> None:
        async with asyncio.timeout(30), serving() as served:
            await one_call(served.client())

    asyncio.run(main())
    assert {path for path, _ in collector} == {"/v1/traces"}
    resources = [resource for _, sent in collector for resource in sent.resource_spans]
    names = {item.value.string_value for item in resources[0].resource.attributes if item.key == "service.name"}
    spans = sorted(span.name for resource in resources for scope in resource.scope_spans for span in scope.spans)
    assert (names, spans) == ({"front-desk"}, ["playout", "session", "tts", "turn"])


@pytest.mark.parametrize(
    "environ",
    [{}, {"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}],
)
def test_nothing_is_traced_unless_asked(environ: dict[str, str]):
    assert telemetry.from_environment(environ) is None


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "there are otlp, console and none"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "by http/protobuf only"),
    ],
)
def test_what_cannot_be_is_told(environ: dict[str, str], why: str):
    with pytest.raises(ConfigError, match=why):
        telemetry.from_environment(environ)


def test_without_the_extra_the_server_serves_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    for name in [name for name in sys.modules if name.startswith("opentelemetry.")]:
        monkeypatch.setitem(sys.modules, name, None)
    assert telemetry.from_environment({"OTEL_TRACES_EXPORTER": "otlp"}) is None
    assert "pip install 'antiphon[otel]'" in caplog.text
