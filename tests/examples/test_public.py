"""The examples show what a user has."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import antiphon
from tests.examples.calling import EXAMPLES


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.stem)
def test_an_example_imports_public_names_only_and_is_called_by_a_test(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("antiphon"):
            assert node.module == "antiphon" and {name.name for name in node.names} <= set(antiphon.__all__)
    assert Path(__file__).with_name(f"test_{file.stem}.py").exists()
