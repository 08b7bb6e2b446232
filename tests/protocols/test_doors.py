"""A door is a file under `protocols/` and a route: the rest of the house does not know which doors there are."""

from __future__ import annotations

import ast

import pytest

from antiphon.server.doors.routes import CARRIERS
from tests.test_layers import SOURCE, files, imports

DOORS = {"twilio", "telnyx", "vonage"}
ROUTES = "server/doors/routes.py"
SHARED = {"telnyx": {"protocols/telnyx.py"}, "twilio": {"protocols/telnyx.py"}}  # Telnyx took Twilio's frames over


def who_knows(door: str) -> set[str]:
    """The files that import a door's module."""
    found = set()
    for path in files():
        names = imports(ast.parse(path.read_text(encoding="utf-8")), "antiphon")
        if any(name.startswith(f"antiphon.protocols.{door}") for _, name in names):
            found.add(path.relative_to(SOURCE).as_posix())
    return found


@pytest.mark.parametrize("door", sorted(DOORS))
def test_only_the_routes_know_a_door(door: str) -> None:
    assert (SOURCE / "protocols" / f"{door}.py").is_file()
    assert who_knows(door) - SHARED.get(door, set()) == {ROUTES}


def test_the_session_and_its_core_know_of_no_door() -> None:
    for path in files():
        if path.relative_to(SOURCE).parts[0] in ("session", "conversation"):
            text = path.read_text(encoding="utf-8").lower()
            assert not [door for door in DOORS if door in text], path


def test_every_carrier_is_counted() -> None:
    assert {carrier.__module__.rpartition(".")[2] for carrier in CARRIERS} == DOORS
