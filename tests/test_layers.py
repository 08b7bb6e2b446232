"""The layers of the design: imports point down, never up. Read from the source, so nothing hides in a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "antiphon"

# Bottom first. Parts on one line do not see each other, except by the exceptions below.
LAYERS = (
    ("types", "errors"),
    ("conversation", "audio", "text"),
    ("providers", "tools"),
    ("session", "protocols"),
    ("server", "client"),
    ("agent", "agent_file"),
    ("lab",),
    ("cli",),
    ("__main__",),
)
SIDEWAYS = {
    ("errors", "types"),
    ("agent", "agent_file"),
}
# The front door names parts of every layer; nothing inside may enter by it.
FRONT_DOOR = "__init__"

HEIGHT = {part: height for height, layer in enumerate(LAYERS) for part in layer}


def imports(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Each import as its line and the full name of what is imported: "antiphon.types.Role"."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def violations(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """What `module` ("antiphon.audio.pcm") imports and may not, one line each."""
    part = part_of(module)
    if part == FRONT_DOOR:
        return []
    package = module if is_package else module.rpartition(".")[0]
    found = []
    for line, name in imports(ast.parse(source), package):
        if name.split(".")[0] == "antiphon" and (why := objection(part, part_of(name))):
            found.append(f"{module.replace('.', '/')}:{line}: imports {name}: {why}")
    return found


def part_of(name: str) -> str:
    """The part of the house a full name belongs to."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in HEIGHT else FRONT_DOOR


def objection(part: str, imported: str) -> str:
    if part == imported or (part, imported) in SIDEWAYS:
        return ""
    if imported == FRONT_DOOR:
        return "import from where the name lives, not from the package"
    if HEIGHT[imported] > HEIGHT[part]:
        return f"{imported} lies above {part}"
    if HEIGHT[imported] == HEIGHT[part]:
        return f"{imported} lies beside {part}: they are blind to each other"
    return ""


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def test_every_part_has_a_layer():
    parts = {path.stem if path.is_file() else path.name for path in SOURCE.iterdir() if _is_code(path)}
    assert parts - {FRONT_DOOR} <= set(HEIGHT)


def _is_code(path: Path) -> bool:
    return path.suffix == ".py" or (path / "__init__.py").exists()


@pytest.mark.parametrize("part", sorted(HEIGHT))
def test_imports_point_down(part):
    found = []
    for path in files():
        names = path.relative_to(SOURCE.parent).with_suffix("").parts
        if len(names) > 1 and names[1] == part:
            is_package = names[-1] == "__init__"
            module = ".".join(names[:-1] if is_package else names)
            found += violations(path.read_text(encoding="utf-8"), module, is_package=is_package)
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("module", "source", "why"),
    [
        ("antiphon.audio.pcm", "from antiphon.conversation import state", "blind to each other"),
        ("antiphon.audio.pcm", "def f():\n    import antiphon.server.app", "server lies above audio"),
        ("antiphon.session.session", "from ..server import app", "server lies above session"),
        ("antiphon.client.call", "from antiphon import Agent", "not from the package"),
        ("antiphon.types", "from .agent import Agent", "agent lies above types"),
    ],
)
def test_a_violation_is_found(module, source, why):
    (found,) = violations(source, module)
    assert why in found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("antiphon.session.session", "from antiphon.conversation.notices import Notice"),
        ("antiphon.client.call", "from .client import Client"),
        ("antiphon.audio.pcm", "import numpy"),
        ("antiphon.cli.serve", "from antiphon.agent import Agent"),
    ],
)
def test_imports_downwards_are_allowed(module, source):
    assert violations(source, module) == []
