"""OpenTelemetry: where traces go, as its own environment variables say. Needs the `otel` extra.

Nothing is traced unless a program that mounts Antiphon has set a tracer provider, or the environment names where traces
go: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_TRACES_EXPORTER. Every other variable of the
SDK's (OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, OTEL_BSP_…, OTEL_EXPORTER_OTLP_HEADERS) is read by the SDK itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from antiphon.errors import ConfigError
from antiphon.server.stores.base import SessionRecord
from antiphon.server.trace import SessionTrace
from antiphon.session.makings import Hooks, Stages

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

log = logging.getLogger("antiphon.server")

SCOPE = "antiphon"  # the instrumentation's name
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
EXPORTER = "OTEL_TRACES_EXPORTER"
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
# Of OpenTelemetry's instrumentations of language models: what was said is in no attribute unless asked for.
CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
CONTENT_IN_SPANS = ("true", "span_only", "span_and_event")
FLUSH_TIMEOUT = 5.0  # seconds that a collector has to take the last spans


class Traces:
    """All of a process. Close it where it owns its provider."""

    def __init__(
        self,
        provider: TracerProvider,
        *,
        content: bool = False,
        owned: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`content`: what was said is in the spans. `owned`: the provider is shut down with this."""
        self._tracer = provider.get_tracer(SCOPE)
        self._provider: Any = provider
        self._content = content
        self._owned = owned
        self._now = now

    def watching(self, hooks: Hooks, stages: Stages, record: SessionRecord) -> Hooks:
        """`hooks` of a session on `stages`, with ours before them."""
        trace = SessionTrace(
            self._tracer, stages, record, redact=hooks.redact, content=self._content, epoch=self._now()
        )
        return trace.watching(hooks)

    async def aclose(self) -> None:
        """Sends what is left, if the collector takes it in time."""
        if not self._owned:
            return
        closing = asyncio.get_running_loop().run_in_executor(None, self._provider.shutdown)
        _, late = await asyncio.wait([closing], timeout=FLUSH_TIMEOUT)
        if late:
            log.error("the collector of traces did not take the last of them in %g s", FLUSH_TIMEOUT)


def from_environment(environ: Mapping[str, str]) -> Traces | None:
    """None where nobody asked for traces, or the extra is not installed. Raises ConfigError."""
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    content = environ.get(CONTENT, "").strip().lower() in CONTENT_IN_SPANS
    if not disabled and (given := _given_provider()):
        return Traces(given, content=content)
    exporter = environ.get(EXPORTER, "").strip().lower()
    wanted = exporter or any(environ.get(name, "").strip() for name in ENDPOINTS)
    if disabled or not wanted or exporter == "none":
        return None
    try:
        return Traces(_provider(exporter or "otlp", environ), content=content, owned=True)
    except ImportError:  # the variables may be the whole machine's, and meant for others
        log.warning("the environment asks for traces, but they need: pip install 'antiphon[otel]'")
        return None


def _given_provider() -> TracerProvider | None:
    """That of the program we are part of, if it has set one."""
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    provider = trace.get_tracer_provider()
    return None if isinstance(provider, trace.ProxyTracerProvider) else provider


def _provider(exporter: str, environ: Mapping[str, str]) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor

    protocol = next((value for name in PROTOCOLS if (value := environ.get(name, "").strip())), "http/protobuf")
    if exporter == "otlp" and protocol != "http/protobuf":
        raise ConfigError(f"{PROTOCOLS[1]}={protocol}: traces are sent by http/protobuf only (port 4318, not 4317)")
    # What the operator calls the service, in OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES, stands before our name.
    named = "OTEL_SERVICE_NAME" in environ or SERVICE_NAME in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    provider = TracerProvider(resource=Resource.create({} if named else {SERVICE_NAME: "antiphon"}))
    if exporter == "otlp":
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    elif exporter == "console":
        provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    else:
        raise ConfigError(f"{EXPORTER}={exporter}: there are otlp, console and none")
    return provider
