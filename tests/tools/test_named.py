"""Tools as an agent file names them."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from antiphon.agent import Agent
from antiphon.errors import ConfigError
from antiphon.tools.base import Tool, ToolContext, ToolResult
from antiphon.tools.http import HttpTool
from antiphon.tools.mcp import McpServer
from antiphon.tools.named import named_tools
from antiphon.types import ToolCall
from tests.tools.loopback import answer, serving

CONTEXT = ToolContext(call_id="call_1", say=lambda text: None, end_call=lambda: None)
MODULE = """
from antiphon import HttpTool, tool

def book(table: int) -> str:
    "Books a table."
    return f"table {table}"

@tool(timeout=7, idempotent=True)
def find(name: str) -> str:
    "Finds a booking."
    return name

class Desk:
    def ring(self) -> str:
        "Rings the bell."
        return "ding"

desk = Desk()
price = HttpTool("price", "https://shop.example/price")
NUMBER = 7
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shop_tools.py").write_text(MODULE)
    (tmp_path / "broken_tools.py").write_text("import no_such_library")
    (tmp_path / "wrong_tools.py").write_text("1 / 0")
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("shop_tools", "broken_tools", "wrong_tools"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def made(entry: Any, folder: Path | None = None) -> Any:
    (found,) = named_tools([entry], source="agent.yaml", folder=folder)
    return found


def ran(tool: Tool, **arguments: Any) -> str:
    return asyncio.run(tool.run(ToolCall("call_1", tool.spec.name, arguments), CONTEXT)).text


# --- functions


def test_a_function_is_found_beside_the_file(shop: Path):
    tool = made("shop_tools:book", shop)
    assert (tool.spec.name, tool.spec.description, ran(tool, table=4)) == ("book", "Books a table.", "table 4")


def test_a_function_takes_options_and_keeps_those_it_has(shop: Path):
    book = made({"function": "shop_tools:book", "name": "reserve", "timeout": 3, "hold": True}, shop)
    assert (book.spec.name, book.spec.timeout, book.spec.hold, ran(book, table=4)) == ("reserve", 3, True, "table 4")
    find = made({"function": "shop_tools:find", "on_success": "Be glad."}, shop)
    assert (find.spec.timeout, find.spec.idempotent, find.spec.on_success) == (7, True, "Be glad.")


def test_methods_and_tools_of_any_kind_may_be_named(shop: Path):
    assert ran(made("shop_tools:desk.ring", shop)) == "ding"
    assert isinstance(made("shop_tools:price", shop), HttpTool)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("shop_tools", "agent.yaml: tools.0: 'shop_tools' is no function: write it as 'module:function'"),
        ("shop_tools:bok", "agent.yaml: tools.0: shop_tools has no 'bok'"),
        ("shop:book", "agent.yaml: tools.0: there is no module 'shop'; it is looked for beside the file"),
        ("broken_tools:x", "broken_tools cannot be imported: No module named 'no_such_library'"),
        ("wrong_tools:x", "wrong_tools cannot be imported: ZeroDivisionError"),
        ("shop_tools:NUMBER", "shop_tools:NUMBER: 7 is no tool: give a function"),
        ({"function": "shop_tools:price", "hold": True}, "shop_tools:price is no function: it takes no hold here"),
        (
            {"function": "shop_tools:book", "time": 3},
            "tools.0.time: there is no such field; there are: function, name,",
        ),
        ({"function": "shop_tools:book", "timeout": 0}, "agent.yaml: tools.0.timeout: Input should be greater than 0"),
        ({"function": "shop_tools:book", "name": "a b"}, "agent.yaml: tools.0: tool name 'a b': models take 1 to 64"),
        ({"name": "order"}, "agent.yaml: tools.0: write 'module:function', or a mapping with `function`"),
        ({"function": "a:b", "url": "https://x.example"}, "agent.yaml: tools.0: write 'module:function', or"),
        (7, "agent.yaml: tools.0: write 'module:function', or"),
        ({"url": "https://x.example"}, "agent.yaml: tools.0.name: it is missing"),
        ({"name": "o", "url": "http://x.example"}, "tools.0: tool 'o': the URL must begin with https://"),
        (
            {"name": "o", "url": "https://x.example", "method": "GOT"},
            "agent.yaml: tools.0.method: Input should be 'GET'",
        ),
        ({"name": "o", "url": "https://x.example", "parameters": {"size": "int"}}, "parameters must be a JSON Schema"),
        ({"name": "o", "url": "https://x.example", "headers": {"X": "$NOT_SET_7"}}, "headers.X: $NOT_SET_7 is not set"),
        ({"mcp": "python 'shop.py"}, "agent.yaml: tools.0: No closing quotation"),
        ({"mcp": []}, "agent.yaml: tools.0: an MCP server needs either the command"),
        ({"mcp": "python shop.py", "headers": {"a": "b"}}, "headers are for a server at a URL"),
        ({"mcp": "https://shop.example/mcp", "env": {"a": "b"}}, "env is for a server that is started here"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_what_to_write(shop: Path, entry: Any, why: str):
    with pytest.raises(ConfigError) as told:
        made(entry, shop)
    assert why in str(told.value)


# --- HTTP and MCP


def test_an_http_tool_with_a_header_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SHOP_KEY", "s3cret-of-theirs")

    async def main() -> tuple[ToolResult, str]:
        async with serving(lambda request: answer({"cake": 12})) as server:
            entry = {
                "name": "price",
                "url": server.url,
                "headers": {"X-Key": "${SHOP_KEY}", "X-Sum": "$$12"},
                "parameters": {"type": "object", "properties": {"item": {"type": "string"}}},
                "allow_private": ["127.0.0.1"],
                "timeout": 9,
            }
            tool = made(entry)
            assert (tool.spec.timeout, tool.spec.parameters["properties"]["item"]["type"]) == (9, "string")
            assert "s3cret" not in repr(tool)
            result = await tool.run(ToolCall("c", "price", {"item": "cake"}), CONTEXT)
            return result, server.requests[0].headers["x-key"] + server.requests[0].headers["x-sum"]

    assert asyncio.run(main()) == (ToolResult('{"cake": 12}'), "s3cret-of-theirs$12")


def test_mcp_servers_are_a_command_or_a_url():
    assert made({"mcp": "python 'shop server.py' --fast"}).name == "python shop server.py --fast"
    assert made({"mcp": ["python", "shop.py"], "only": ["order"]}).name == "python shop.py"
    server = made({"mcp": "https://shop.example/mcp?key=1", "headers": {"X-Key": "k"}, "timeout": 5})
    assert isinstance(server, McpServer) and (server.name, server.timeout) == ("https://shop.example/mcp", 5)


def test_a_variable_that_is_not_set_is_named_and_others_are_not_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SHOP_KEY", "s3cret-of-theirs")
    entry = {"name": "o", "url": "https://x.example", "headers": {"A": "$SHOP_KEY", "B": "$NOT_SET_7"}}
    with pytest.raises(ConfigError) as told:
        made(entry)
    assert "s3cret" not in str(told.value)


# --- an agent of them


def test_an_agent_file_names_its_tools(shop: Path):
    file = shop / "agent.yaml"
    file.write_text(
        "end_call: true\n"
        "tools:\n"
        "  - shop_tools:book\n"
        "  - {name: order, url: https://shop.example/order}\n"
        "  - mcp: [python, shop.py]\n"
    )
    end, book, order, server = Agent.from_yaml(file).blueprint().tools
    assert [end.spec.name, book.spec.name, order.spec.name] == ["end_call", "book", "order"]  # type: ignore[union-attr]
    assert isinstance(server, McpServer)


def test_an_agent_file_with_a_wrong_tool_says_where(shop: Path):
    file = shop / "agent.yaml"
    file.write_text("tools: [shop_tools:book, shop_tools:bok]\n")
    with pytest.raises(ConfigError, match=r"agent\.yaml: tools\.1: shop_tools has no 'bok'"):
        Agent.from_yaml(file)
    with pytest.raises(ConfigError, match=r"the agent: tools: Input should be a valid list"):
        Agent.from_mapping({"tools": "shop_tools:book"})
    with pytest.raises(ConfigError, match=r"limits\.dollars: there is no such field; there are: seconds, tokens,"):
        Agent.from_mapping({"limits": {"dollars": 1}})


def test_the_example_of_the_documents_can_be_written(shop: Path, monkeypatch: pytest.MonkeyPatch):
    page = (Path(__file__).parents[2] / "docs" / "tools.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(tools:.*?)```", page, flags=re.DOTALL)
    package = shop / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "orders.py").write_text(MODULE)
    for name in ("shop", "shop.orders"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setenv("SHOP_KEY", "s3cret-of-theirs")
    entries = yaml.safe_load(example)["tools"]
    assert len(named_tools(entries, source="docs/tools.md", folder=shop)) == len(entries) == 5
