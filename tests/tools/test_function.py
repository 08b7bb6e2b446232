"""`@tool`: what the model is told of a function, and that it is always told what came of a call."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import partial
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from antiphon.errors import ConfigError
from antiphon.lab import virtual
from antiphon.tools.base import RESULT_LIMIT, ToolContext, ToolResult
from antiphon.tools.function import MAX_THREADS, FunctionTool, as_tool, tool
from antiphon.types import ToolCall


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Address(BaseModel):
    street: str
    city: str = "Rome"


@dataclass
class Point:
    x: int
    y: int


def context(**given: Any) -> ToolContext:
    return ToolContext(**{"call_id": "call_1", "say": lambda text: None, "end_call": lambda: None, **given})


def run(candidate: Any, runner: Any = virtual.run, /, **arguments: Any) -> ToolResult:
    made = as_tool(candidate)
    return runner(made.run(ToolCall("call_1", made.spec.name, arguments), context()))


def parameters(function: Any) -> dict[str, Any]:
    return tool(function).spec.parameters["properties"]


# --- what the model is told -----------------------------------------------------------------------------------------


def google(item: str, size: Size = Size.SMALL) -> None:
    """Orders a cake.

    Only before noon.

    Args:
        item: which cake,
            as on the menu
        size: how large
    """


def numpy(item: str, size: Size = Size.SMALL) -> None:
    """Orders a cake.

    Only before noon.

    Parameters
    ----------
    item : str
        which cake,
        as on the menu
    size : Size
        how large
    """


def sphinx(item: str, size: Size = Size.SMALL) -> None:
    """Orders a cake.

    Only before noon.

    :param item: which cake,
        as on the menu
    :param size: how large
    """


@pytest.mark.parametrize("function", [google, numpy, sphinx])
def test_name_docstring_and_hints_become_the_schema(function):
    spec = tool(function).spec
    assert (spec.name, spec.description) == (function.__name__, "Orders a cake.\n\nOnly before noon.")
    assert spec.parameters == {
        "type": "object",
        "properties": {
            "item": {"type": "string", "description": "which cake,\nas on the menu"},
            "size": {"type": "string", "enum": ["small", "large"], "default": "small", "description": "how large"},
        },
        "required": ["item"],
        "additionalProperties": False,
    }


def test_annotations_say_more_and_win_over_the_docstring():
    def order(count: Annotated[int, Field(description="how many", ge=1)], note: str = Field("", max_length=9)) -> None:
        """Orders.

        Args:
            count: nobody reads this
            note: for the baker
        """

    assert parameters(order) == {
        "count": {"type": "integer", "minimum": 1, "description": "how many"},
        "note": {"type": "string", "maxLength": 9, "default": "", "description": "for the baker"},
    }


def test_nested_optional_and_literal_types_are_spelt_out():
    def send(to: Address, day: date | None = None, how: Literal["bike", "van"] = "van") -> None: ...

    found = parameters(send)
    assert found["to"]["properties"]["city"] == {"type": "string", "default": "Rome"}
    assert found["day"]["anyOf"] == [{"type": "string", "format": "date"}, {"type": "null"}]
    assert found["how"]["enum"] == ["bike", "van"]


class Tree(BaseModel):
    children: list[Tree] = []


def test_a_type_that_contains_itself_stays_a_reference():
    def plant(tree: Tree) -> None: ...

    schema = tool(plant).spec.parameters
    assert schema["properties"]["tree"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
    assert "Tree" in schema["$defs"]


def test_parameters_may_have_any_name():
    def odd(json: str, schema: int, model_config: int, title: str) -> str:
        return f"{json} {schema} {model_config} {title}"

    assert list(parameters(odd)) == ["json", "schema", "model_config", "title"]
    assert run(odd, json="a", schema=1, model_config=2, title="b").text == "a 1 2 b"


def test_a_method_is_a_tool():
    class Shop:
        def order(self, item: str) -> str:
            return f"ordered {item}"

    assert run(Shop().order, item="cake").text == "ordered cake"


def test_a_tool_is_still_a_function():
    made = tool(double)
    assert made(2) == 4


def double(x: int) -> int:
    return 2 * x


@pytest.mark.parametrize("function", [lambda: None, partial(print), threading.Lock().acquire])
def test_what_cannot_be_a_tool_is_refused(function):
    with pytest.raises(ConfigError):
        tool(function)


def test_a_type_without_a_schema_is_refused():
    def bad(lock: threading.Thread) -> None: ...

    with pytest.raises(ConfigError, match=r"bad.*described"):
        tool(bad)


def test_variable_arguments_are_refused():
    def bad(*items: str) -> None: ...

    with pytest.raises(ConfigError, match="items"):
        tool(bad)


# --- arguments ----------------------------------------------------------------------------------------------------


def test_arguments_are_coerced_to_the_hints():
    seen: list[Any] = []

    def order(count: int, day: date, to: Address, size: Size) -> None:
        seen.extend([count, day, to, size])

    run(order, count="2", day="2026-03-05", to={"street": "Via Appia"}, size="large")
    assert seen == [2, date(2026, 3, 5), Address(street="Via Appia"), Size.LARGE]


def test_null_stands_for_what_was_left_out():
    def order(count: int = 1, note: str | None = "none") -> str:
        return f"{count} {note}"

    assert run(order, count=None, note=None).text == "1 None"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "item is missing"),
        ({"item": "cake", "count": "many"}, "count: Input should be a valid integer"),
        ({"item": "cake", "count": "many"}, "not 'many'"),
        ({"item": "cake", "colour": "red"}, "there is no argument colour"),
    ],
)
def test_the_model_is_told_what_is_wrong_with_its_arguments(arguments, told):
    def order(item: str, count: int = 1) -> None:
        raise AssertionError("must not run")

    result = run(order, **arguments)
    assert result.is_error
    assert told in result.text
    assert "call again" in result.text


# --- results ------------------------------------------------------------------------------------------------------


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")


loop_of_lists: list[Any] = []
loop_of_lists.append(loop_of_lists)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("done", "done"),
        ({"n": 1, "ü": [True]}, '{"n": 1, "ü": [true]}'),
        (Address(street="Via Appia"), '{"street": "Via Appia", "city": "Rome"}'),
        (Point(1, 2), '{"x": 1, "y": 2}'),
        ([date(2026, 3, 5), {1}], '["2026-03-05", [1]]'),
        (Size.LARGE, '"large"'),
        ({(1, 2): "x"}, "{(1, 2): 'x'}"),
        (loop_of_lists, "[[...]]"),
        (b"\xff", "\"b'\\\\xff'\""),
    ],
)
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_any_result_becomes_text(value, text, kind):
    def give() -> Any:
        return value

    async def give_later() -> Any:
        return value

    assert run(give if kind == "sync" else give_later) == ToolResult(text)


@pytest.mark.parametrize("value", ["x" * 10_000_000, ["x" * 1000] * 10_000, ["x" * 10_000_000]])
def test_a_huge_result_is_cut_and_says_so(value):
    def give() -> Any:
        return value

    text = run(give).text
    assert RESULT_LIMIT <= len(text) < RESULT_LIMIT + 100
    assert "…" in text


def test_a_result_that_cannot_be_printed_is_told():
    def give() -> Any:
        return Unprintable()

    assert run(give) == ToolResult("RuntimeError: no", is_error=True)


@pytest.mark.parametrize(
    "error", [ValueError("no cake"), SystemExit(2), StopIteration(), KeyError("x"), TimeoutError()]
)
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_whatever_it_raises_is_told(error, kind):
    def fail() -> None:
        raise error

    async def fail_later() -> None:
        raise error

    result = run(fail if kind == "sync" else fail_later, asyncio.run)
    assert result.is_error
    assert type(error).__name__ in result.text


def test_an_inner_cancellation_is_a_failure_not_an_end():
    async def fail() -> None:
        task = asyncio.create_task(asyncio.sleep(9))
        task.cancel()
        await task

    assert run(fail) == ToolResult("CancelledError", is_error=True)


def test_a_sync_function_may_hand_back_a_coroutine():
    async def work() -> str:
        return "done"

    def start() -> Any:
        return work()

    assert run(start, asyncio.run).text == "done"


# --- time ---------------------------------------------------------------------------------------------------------


def test_an_async_function_is_cancelled_at_its_timeout():
    ends: list[str] = []

    @tool(timeout=5)
    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    result = run(slow)
    assert result.is_error
    assert "within 5 s" in result.text
    assert ends == ["cancelled"]


def test_a_hanging_sync_function_is_told_and_keeps_no_other_waiting():
    release = threading.Event()

    @tool(timeout=0.05)
    def hang() -> None:
        release.wait(10)

    @tool
    def quick() -> str:
        return "quick"

    async def both() -> tuple[ToolResult, ToolResult]:
        return await asyncio.gather(
            hang.run(ToolCall("1", "hang", {}), context()), quick.run(ToolCall("2", "quick", {}), context())
        )

    hung, told = asyncio.run(both())
    release.set()
    assert "within 0.05 s" in hung.text
    assert told.text == "quick"


def test_threads_of_one_tool_are_bounded():
    release = threading.Event()

    @tool(timeout=0.2)
    def hang() -> None:
        release.wait(10)

    async def many() -> list[ToolResult]:
        calls = [hang.run(ToolCall(str(n), "hang", {}), context()) for n in range(MAX_THREADS + 1)]
        return await asyncio.gather(*calls)

    results = asyncio.run(many())
    release.set()
    assert "try again later" in results[-1].text


def test_a_sync_function_does_not_block_the_loop():
    def work() -> None:
        time.sleep(0.1)

    async def main() -> int:
        ticks, running = 0, asyncio.create_task(tool(work).run(ToolCall("1", "work", {}), context()))
        while not running.done():
            ticks += 1
            await asyncio.sleep(0.01)
        return ticks

    assert asyncio.run(main()) >= 4


# --- the context --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_function_may_know_its_call(kind):
    said: list[str] = []

    def book(table: int, ctx: ToolContext) -> str:
        ctx.say("One moment.")
        return f"{table} {ctx.call_id}"

    async def book_later(table: int, ctx: ToolContext) -> str:
        return book(table, ctx)

    made: FunctionTool = tool(book if kind == "sync" else book_later)
    assert list(made.spec.parameters["properties"]) == ["table"]
    result = asyncio.run(made.run(ToolCall("call_9", "book", {"table": 4}), context(call_id="call_9", say=said.append)))
    assert result.text == "4 call_9"
    assert said == ["One moment."]
