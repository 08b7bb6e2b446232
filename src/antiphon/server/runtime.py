"""What the sessions of one process share: the providers, loaded and probed once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from antiphon.errors import AntiphonError
from antiphon.protocols.voice_agent import VoiceAgentProtocol
from antiphon.session.makings import Hooks, SessionOptions, Stages
from antiphon.session.replying import Voice
from antiphon.text.spoken import form as spoken_form
from antiphon.tools.base import Tool, ToolSource
from antiphon.types import AudioFormat

log = logging.getLogger("antiphon.server")

WARM_TIMEOUT = 120.0  # seconds all stages together have to load


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What every session of this server is made from."""

    stages: Stages
    defaults: dict[str, Any]  # the `session` object a client's first update is laid over
    tools: tuple[Tool | ToolSource, ...] = ()
    hooks: Hooks = field(default_factory=Hooks)
    options: SessionOptions = field(default_factory=SessionOptions)
    strict: bool = False
    transfers: Mapping[str, str] = field(default_factory=dict)  # whom a telephone call may be handed over to, by name
    send_digits: bool = False  # the agent may press the keys of a telephone


class Runtime:
    """Owns the stages and the sources of tools of a process: warms them once, however many ask, and closes them."""

    def __init__(self, blueprint: Blueprint) -> None:
        # A wrong default is the operator's mistake: better told now than to the first caller.
        VoiceAgentProtocol(defaults=blueprint.defaults)
        self.blueprint = blueprint
        self.error: AntiphonError | None = None
        self._warming: asyncio.Task[AntiphonError | None] | None = None
        self._preparing: asyncio.Task[None] | None = None

    @property
    def is_ready(self) -> bool:
        return self._warming is not None and self._warming.done() and self.error is None

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What every session may run: tools, and what the sources of tools offer now."""
        given = [tool.tools if isinstance(tool, ToolSource) else (tool,) for tool in self.blueprint.tools]
        return tuple(tool for tools in given for tool in tools)

    @property
    def _sources(self) -> list[ToolSource]:
        return [tool for tool in self.blueprint.tools if isinstance(tool, ToolSource)]

    async def ready(self) -> None:
        """Returns once every stage has been loaded and probed; raises what is wrong with one."""
        if self._warming is None or (self._warming.done() and self.error is not None):
            self.error = None
            self._warming = asyncio.create_task(self._warm(), name="warm")
        # Its own result, not `self.error`: another caller may have begun anew by the time this one runs.
        if error := await asyncio.shield(self._warming):
            raise error

    async def _warm(self) -> AntiphonError | None:
        stages = self.blueprint.stages
        try:
            async with asyncio.timeout(WARM_TIMEOUT), asyncio.TaskGroup() as tasks:
                for provider in (stages.vad, stages.stt, stages.llm, stages.tts):
                    tasks.create_task(_warm_one(provider))
                for source in self._sources:
                    tasks.create_task(source.start())
                if self.blueprint.options.spoken_form:
                    tasks.create_task(asyncio.to_thread(spoken_form.prepare, self.blueprint.options.language))
        except* AntiphonError as group:
            error = group.exceptions[0]
            self.error = error if isinstance(error, AntiphonError) else AntiphonError(str(error))
        except* TimeoutError:
            self.error = AntiphonError(f"the stages were not ready within {WARM_TIMEOUT:g} s")
        if self.error is None:
            self._preparing = asyncio.create_task(self._prepare(), name="line")
        return self.error

    async def _prepare(self) -> None:
        """Has the lines spoken into memory that must be heard, in the voice that most sessions have."""
        stages, options = self.blueprint.stages, self.blueprint.options
        voice = Voice(
            stages.tts,
            rate=AudioFormat().sample_rate,
            name=self.blueprint.defaults.get("output", {}).get("voice"),
            language=options.language,
            before_speech=self.blueprint.hooks.before_speech,
            spoken_form=options.spoken_form,
            lines=stages.lines,
        )
        settings = options.settings
        for line in filter(None, (settings.fallback_line, settings.farewell_line, settings.consent_line)):
            await voice.prepare(line)

    async def aclose(self) -> None:
        for task in (self._warming, self._preparing):
            if task:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._warming = self._preparing = None
        stages = self.blueprint.stages
        closing = [stages.stt.aclose(), stages.llm.aclose(), stages.tts.aclose()]
        closing += [source.aclose() for source in self._sources]
        await asyncio.gather(*closing, return_exceptions=True)


async def _warm_one(provider: Any) -> None:
    started = time.monotonic()
    await provider.warm()
    log.info("%s is ready after %.2f s", provider.name, time.monotonic() - started)
