"""The Voice Agent API, rule by rule: a strict client plays every case of the tables against a server on a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import Any

import pytest

from tests.conformance.cases import Case, field_cases, load, message_cases
from tests.conformance.client import StrictClient, dialled
from tests.conformance.house import House, house
from tests.conformance.script import Script


@pytest.fixture(scope="session")
def enter() -> Iterator[Callable[[str], House]]:
    """The house of a name, opened when it is first asked for."""
    with ExitStack() as stack:
        opened: dict[str, House] = {}

        def find(name: str) -> House:
            if name not in opened:
                opened[name] = stack.enter_context(house(name))
            return opened[name]

        yield find


def named(cases: list[Case]) -> Any:
    return pytest.mark.parametrize("steps", [pytest.param(steps, id=name) for name, steps in cases])


def play(
    place: House,
    steps: list[dict[str, Any]],
    *,
    query: str = "token=$KEY",
    beside: list[dict[str, Any]] | None = None,
    silent: bool = False,
    **headers: str,
) -> None:
    """One connection's script, ended in good order unless it ended otherwise. `beside`: the steps of a connection that
    is open all the while. `silent`: the client is told something though it never spoke."""
    names = place.names(json.dumps([steps, query, headers]))

    def fill(text: str) -> str:
        for name, value in names.items():
            text = text.replace(f"${name}", value)
        return text

    async def main() -> None:
        async with asyncio.timeout(30), AsyncExitStack() as stack:

            async def dial(wanted: str | None = None, others: dict[str, str] | None = None) -> StrictClient:
                url = f"{place.ws}?{fill(query if wanted is None else wanted)}"
                upgrade = {name: fill(value) for name, value in (headers if others is None else others).items()}
                return await stack.enter_async_context(dialled(url, **upgrade))

            if beside is not None:
                await Script(await dial(), names).play(beside)
            script = Script(await dial(), names, place=place, dial=dial)
            script.client.order.said_something = silent
            await script.play(steps)
            await script.client.finish()

    asyncio.run(main())


@named(list(field_cases()))
def test_fields_of_the_session(enter: Callable[[str], House], steps: list[dict[str, Any]]) -> None:
    play(enter("open"), steps)


@named(list(message_cases()))
def test_fields_of_messages(enter: Callable[[str], House], steps: list[dict[str, Any]]) -> None:
    play(enter("open"), steps)


def rules(name: str) -> Any:
    table = load(f"rules/{name}.yaml")
    return pytest.mark.parametrize("rule", [pytest.param(rule, id=title) for title, rule in table.items()])


def obey(enter: Callable[[str], House], rule: dict[str, Any]) -> None:
    play(
        enter(rule.get("house", "open")),
        rule["steps"],
        query=rule.get("query", "token=$KEY"),
        beside=rule.get("beside"),
        silent=rule.get("silent", False),
        **rule.get("headers", {}),
    )


@rules("connect")
def test_connecting(enter: Callable[[str], House], rule: dict[str, Any]) -> None:
    obey(enter, rule)


@rules("update")
def test_updates(enter: Callable[[str], House], rule: dict[str, Any]) -> None:
    obey(enter, rule)


@rules("frames")
def test_frames(enter: Callable[[str], House], rule: dict[str, Any]) -> None:
    obey(enter, rule)


@rules("turns")
def test_turns_and_replies(enter: Callable[[str], House], rule: dict[str, Any]) -> None:
    obey(enter, rule)


@rules("tools")
def test_tools(enter: Callable[[str], House], rule: dict[str, Any]) -> None:
    obey(enter, rule)


@rules("older")
def test_older_clients(enter: Callable[[str], House], rule: dict[str, Any]) -> None:
    obey(enter, rule)


@rules("extensions")
def test_extensions(enter: Callable[[str], House], rule: dict[str, Any]) -> None:
    obey(enter, rule)


@rules("resume")
def test_resuming(enter: Callable[[str], House], rule: dict[str, Any]) -> None:
    obey(enter, rule)
