"""A door is files of its own and a line in the list of routes; nothing that holds a conversation knows of one."""

from __future__ import annotations

import ast

import pytest

from tests.test_layers import SOURCE, imports

CARRIERS = ("twilio", "telnyx", "vonage")
OWN = {  # what each door has to itself
    **{carrier: {f"protocols/{carrier}.py"} for carrier in CARRIERS},
    "realtime": {"protocols/realtime/", "server/doors/realtime.py"},
    "webrtc": {"server/doors/webrtc.py", "server/doors/webrtc_call.py"},
    "livekit": {"protocols/livekit.py", "server/doors/livekit.py", "server/doors/livekit_call.py"},
    "embed": {"server/doors/embed.py", "console/button.js"},
}
SHARED = "server/doors/routes.py"  # names every door that one comes in by; nothing else does
STARTED = {"livekit": "cli/livekit.py"}  # it opens a socket, and has no route
CORE = ("conversation", "audio", "text", "providers", "tools", "session", "protocols/voice_agent")


def importers(door: str) -> set[str]:
    """The files that import any of a door's own."""
    names = {path.removesuffix(".py").removesuffix("/").replace("/", ".") for path in OWN[door]}
    wanted = tuple(f"antiphon.{name}" for name in names)
    found = set()
    for path in SOURCE.rglob("*.py"):
        place = path.relative_to(SOURCE).as_posix()
        package = "antiphon." + place.rpartition("/")[0].replace("/", ".")
        imported = [name for _, name in imports(ast.parse(path.read_text()), package)]
        if any(name == module or name.startswith(f"{module}.") for name in imported for module in wanted):
            found.add(place)
    return found


@pytest.mark.parametrize("door", OWN)
def test_a_door_is_named_in_one_place_only(door: str) -> None:
    doors = tuple(path for own in OWN.values() for path in own)  # Telnyx's frames are built on Twilio's
    named = {place for place in importers(door) if not place.startswith((*doors, "lab/"))}
    assert named == {STARTED.get(door, SHARED)}


@pytest.mark.parametrize("part", CORE)
def test_nothing_that_holds_a_conversation_knows_of_a_door(part: str) -> None:
    doors = ("antiphon.protocols.doors", "antiphon.protocols.phone", "antiphon.protocols.tracks", "antiphon.server")
    for path in (SOURCE / part).rglob("*.py"):
        package = ".".join(("antiphon", *path.parent.relative_to(SOURCE).parts))
        imported = [name for _, name in imports(ast.parse(path.read_text()), package)]
        known = tuple(f"antiphon.protocols.{door}" for door in OWN)
        assert not [name for name in imported if name.startswith((*doors, *known))], path


def test_every_door_is_counted() -> None:
    listed = {path.stem for path in (SOURCE / "protocols").iterdir()} - {"doors", "phone", "tracks", "voice_agent"}
    assert {name for name in listed if not name.startswith("__")} == set(OWN) - {"embed", "webrtc"}
