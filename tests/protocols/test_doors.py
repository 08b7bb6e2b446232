"""A door is a file under `protocols/` and a route: the rest of the house does not know which doors there are."""

from __future__ import annotations

import ast

import pytest

from antiphon.server.doors.routes import CARRIERS
from tests.test_layers import SOURCE, files, imports

PHONES = {"twilio", "telnyx", "vonage"}
DOORS = PHONES | {"realtime"}
ROUTES = dict.fromkeys(PHONES, "server/doors/routes.py") | {"realtime": "server/doors/realtime.py"}
SHARED = {"twilio": {"protocols/telnyx.py"}}  # Telnyx took Twilio's frames over


def who_knows(door: str) -> set[str]:
    """The files outside a door's own that import it."""
    found = set()
    for path in files():
        if path.relative_to(SOURCE).as_posix().startswith(f"protocols/{door}"):
            continue
        names = imports(ast.parse(path.read_text(encoding="utf-8")), "antiphon")
        if any(name.startswith(f"antiphon.protocols.{door}") for _, name in names):
            found.add(path.relative_to(SOURCE).as_posix())
    return found


@pytest.mark.parametrize("door", sorted(DOORS))
def test_only_the_routes_know_a_door(door: str) -> None:
    where = SOURCE / "protocols" / door
    assert where.is_dir() or where.with_suffix(".py").is_file()
    assert who_knows(door) - SHARED.get(door, set()) == {ROUTES[door]}


def test_the_session_and_its_core_know_of_no_door() -> None:
    for path in files():
        if path.relative_to(SOURCE).parts[0] in ("session", "conversation"):
            names = imports(ast.parse(path.read_text(encoding="utf-8")), "antiphon")
            assert not [name for _, name in names if name.startswith(("antiphon.protocols", "antiphon.server"))], path


def test_every_carrier_is_counted() -> None:
    assert {carrier.__module__.rpartition(".")[2] for carrier in CARRIERS} == PHONES
