"""Python functions as tools: `@tool`."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import re
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from antiphon.errors import ConfigError
from antiphon.tools.base import Tool, ToolContext, ToolResult, as_text, shorten, timed_out
from antiphon.types import ToolCall, ToolSpec

if TYPE_CHECKING:
    from antiphon.tools.schema import Signature

log = logging.getLogger("antiphon.tools")

MAX_THREADS = 32  # of one tool's calls at once; those that hang are among them


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A Python function as a tool. Made by `tool`; called like the function it was made from."""

    spec: ToolSpec
    function: Callable[..., Any]
    signature: Signature
    threads: Threads

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    async def run(self, call: ToolCall, context: ToolContext) -> ToolResult:
        """Whatever the function does is told. One that is async is cancelled at the timeout; one that is not goes on in
        its thread, and its result is dropped."""
        from antiphon.tools.schema import BadArguments

        try:
            arguments = self.signature.check(call.arguments)
        except BadArguments as error:
            return ToolResult(shorten(str(error)), is_error=True)
        try:
            async with asyncio.timeout(self.spec.timeout):
                return await self._invoke(arguments, context)
        except TimeoutError:
            log.warning("tool %s did not answer within %g s", call.name, self.spec.timeout)
            return timed_out(self.spec.timeout)
        except TooManyThreads as error:
            return ToolResult(str(error), is_error=True)

    async def _invoke(self, arguments: dict[str, Any], context: ToolContext) -> ToolResult:
        is_async = inspect.iscoroutinefunction(_target(self.function))
        if self.signature.context:
            given = context if is_async else context.from_thread(asyncio.get_running_loop())
            arguments = {**arguments, self.signature.context: given}
        if not is_async:
            outcome = await asyncio.get_running_loop().run_in_executor(
                self.threads, _call, self.function, arguments, self.spec.name
            )
            if not inspect.isawaitable(outcome):
                return ToolResult(*outcome)
        else:
            outcome = self.function(**arguments)
        return await _awaited(outcome, self.spec.name)


def _call(function: Callable[..., Any], arguments: dict[str, Any], name: str) -> Any:
    """In a thread: the result as text, for making it may take long too; or an awaitable, for the loop to await."""
    try:
        result = function(**arguments)
        return result if inspect.isawaitable(result) else ToolResult(as_text(result))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user's function raises is told to the model
        return _failure(error, name)


async def _awaited(outcome: Any, name: str) -> ToolResult:
    task = asyncio.current_task()
    assert task is not None
    try:
        return ToolResult(as_text(await outcome))
    except asyncio.CancelledError as error:
        if task.cancelling():
            raise
        return _failure(error, name)  # nobody cancelled us: something the function waited for was cancelled
    except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
        return _failure(error, name)


def _failure(error: BaseException, name: str) -> ToolResult:
    log.warning("tool %s failed: %s", name, type(error).__name__)
    log.debug("tool %s", name, exc_info=error)  # the message may hold what the caller said
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - an exception that cannot print itself
        message = ""
    return ToolResult(shorten(f"{type(error).__name__}: {message}" if message else type(error).__name__), is_error=True)


def _target(function: Callable[..., Any]) -> Any:
    return function if inspect.isroutine(function) else type(function).__call__


# --- making tools -------------------------------------------------------------------------------------------------


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float = 120.0,
    hold: bool = False,
    idempotent: bool = False,
    on_success: str = "",
    on_error: str = "",
) -> Callable[[Callable[..., Any]], FunctionTool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float = 120.0,
    hold: bool = False,
    idempotent: bool = False,
    on_success: str = "",
    on_error: str = "",
) -> Any:
    """Makes a function, sync or async, a tool: its name, docstring and type hints become what the model is told.

    Use as `@tool` or `@tool(timeout=10)`. A sync function runs in a thread of its own. `timeout` in seconds. `hold`:
    nobody speaks while it runs. `idempotent`: it may be run again when its outcome is not known. `on_success` and
    `on_error` tell the model how to speak of the result, or of the failure. A parameter annotated
    `ToolContext` is given one, and the model is not told of it.
    Raises ConfigError for a parameter whose type has no JSON Schema, and for a name that no model takes.
    """

    def make(fn: Callable[..., Any]) -> FunctionTool:
        from antiphon.tools.schema import name_of, signature_of

        signature = signature_of(fn)
        spec = ToolSpec(
            name=checked_name(name or name_of(fn)),
            description=description if description is not None else signature.description,
            parameters=signature.parameters,
            hold=hold,
            timeout=timeout,
            idempotent=idempotent,
            on_success=on_success,
            on_error=on_error,
        )
        return FunctionTool(spec, fn, signature, Threads(spec.name))

    return make if function is None else make(function)


def as_tool(candidate: Tool | Callable[..., Any]) -> Tool:
    """A plain function given where a tool is wanted is made one."""
    if isinstance(getattr(candidate, "spec", None), ToolSpec):
        return candidate  # type: ignore[return-value]
    if not callable(candidate):
        raise ConfigError(f"{candidate!r} is no tool: give a function, or a tool object")
    return tool(candidate)


def checked_name(name: str) -> str:
    """Raises ConfigError for a name that models do not take."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise ConfigError(
            f"tool name {name!r}: models take 1 to 64 letters, digits, '_' and '-'; give another by `name`"
        )
    return name


# --- threads ------------------------------------------------------------------------------------------------------


class TooManyThreads(RuntimeError):
    """As many calls of this tool as may be are still running."""


class Threads(Executor):
    """A daemon thread for each call: one that hangs for ever keeps neither other tools from running nor the process
    from ending, as it would in a pool."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._free = threading.Semaphore(MAX_THREADS)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if not self._free.acquire(blocking=False):
            raise TooManyThreads(f"{MAX_THREADS} calls of it are still running; try again later.")
        future: Future[Any] = Future()
        context = contextvars.copy_context()

        def work() -> None:
            future.set_running_or_notify_cancel()
            try:
                future.set_result(context.run(fn, *args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever awaits the future
                future.set_exception(error)
            finally:
                self._free.release()

        threading.Thread(target=work, name=f"tool:{self._name}", daemon=True).start()
        return future
