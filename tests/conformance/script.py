"""Plays the steps of a table. Each is a mapping of one verb to what it takes; the verbs are the methods `do_…`."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import numpy as np

from antiphon.audio.g711 import codec
from antiphon.audio.pcm import from_float
from antiphon.lab.tones import begun
from antiphon.types import ALAW_8K, PCM_24K, ULAW_8K
from tests.conformance.client import PATIENCE, StrictClient
from tests.conformance.house import CODE, House

Dial = Callable[[str | None, dict[str, str] | None], Awaitable[StrictClient]]
FORMATS = {"audio/pcm": PCM_24K, "audio/pcmu": ULAW_8K, "audio/pcma": ALAW_8K}
WAITING = ("next", "expect", "straight")  # verbs that fill in their pattern when an event is due
_NAME = re.compile(r"\$(\w+)")
PAUSE = 0.9  # seconds, longer than the end of a turn


def spoken(words: str, encoding: str = "audio/pcm", *, pause: float = PAUSE) -> bytes:
    """The caller's words and the pause after them."""
    audio_format = FORMATS[encoding]
    pcm, _ = CODE.speak(words, audio_format.sample_rate)
    return codec(audio_format).encode(pcm + bytes(2 * round(pause * audio_format.sample_rate)))


class Script:
    """`dial` makes another connection to `place`, for a client that lost its own: with this query
    and these headers, or with the same."""

    def __init__(
        self, client: StrictClient, names: dict[str, str], *, place: House | None = None, dial: Dial | None = None
    ) -> None:
        self.client = client
        self._names = names
        self._place = place
        self._dial = dial

    async def play(self, steps: list[dict[str, Any]]) -> None:
        for step in steps:
            ((verb, value),) = step.items()
            try:
                await getattr(self, f"do_{verb}")(value if verb in WAITING else self.fill(value))
            except (AssertionError, TimeoutError) as why:
                raise AssertionError(f"at {step}: {why}; so far {self.client.kinds()}") from why

    def fill(self, value: Any) -> Any:
        """With "$NAME" replaced; "$field" is that field of the newest event that has it, in a longer text as a text."""
        if isinstance(value, dict):
            return {name: self.fill(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, str) and (found := re.fullmatch(_NAME, value)):
            return self._value(found[1])
        return re.sub(_NAME, lambda name: str(self._value(name[1])), value) if isinstance(value, str) else value

    def _value(self, name: str) -> Any:
        return self._names.get(name) or self._newest(name)

    def _newest(self, field: str) -> Any:
        found = (event[field] for event in reversed(self.client.events) if field in event)
        return next(found, f"no event had {field}")

    # --- what the client does

    async def do_open(self, session: dict[str, Any]) -> None:
        await self.do_update(session)
        await self.do_next("session.updated")
        await self.do_next("session.ready")

    async def do_update(self, session: Any) -> None:
        await self.client.send({"type": "session.update", "session": session})

    async def do_send(self, message: dict[str, Any]) -> None:
        await self.client.send(message)

    async def do_text(self, text: str) -> None:
        await self.client.send_raw(text)

    async def do_bytes(self, data: str) -> None:
        await self.client.send_raw(base64.b64decode(data))

    async def do_bad_text(self, data: str) -> None:
        """Bytes in a text frame."""
        await self.client.send_raw(base64.b64decode(data), text=True)

    async def do_say(self, what: str | dict[str, Any]) -> None:
        """Speaks, and is silent after it: these words, or these `words`, with so long a `pause` (seconds), in messages
        of so many bytes (`size`)."""
        encoding = next(self._configs())["config"]["input"]["format"]["encoding"]
        said = what if isinstance(what, dict) else {"words": what}
        audio = spoken(said["words"], encoding, pause=said.get("pause", PAUSE))
        await self.client.send_audio(audio, size=said.get("size", 9_600))

    async def do_hum(self, seconds: float) -> None:
        """A sound that is no word."""
        rate = PCM_24K.sample_rate
        hum = 0.2 * np.sin(2 * np.pi * 150 / rate * np.arange(round(seconds * rate)))
        await self.client.send_audio(from_float(hum.astype(np.float32)) + bytes(2 * round(PAUSE * rate)))

    async def do_utter(self, words: str) -> None:
        """Speaks without the pause that would end the turn."""
        await self.client.send_audio(spoken(words, pause=0.1))

    async def do_cut(self, _: Any) -> None:
        self.client.abandon()

    async def do_redial(self, how: str | dict[str, str] | None) -> None:
        """Another connection, after `cut` or beside the one that is there: made like that, or with this query, or with
        none and these headers."""
        assert self._dial
        query, headers = ("", how) if isinstance(how, dict) else (how, None)
        lost, self.client = self.client, await self._dial(query, headers)
        self.client.succeed(lost)

    async def do_resume(self, more: dict[str, Any]) -> None:
        """Takes up the session; a client that counts its events says how far it got."""
        self.client.order.resumed = True
        if self.client.seq is not None:
            more = {"last_seq": self.client.seq, **more}
        session = {"session_id": self._newest("session_id"), **more}
        await self.client.send({"type": "session.resume", **session})

    async def do_over(self, session_id: str) -> None:
        """Waits until nobody can have the session any more."""
        assert self._place
        async with asyncio.timeout(PATIENCE):
            while not await asyncio.to_thread(self._place.is_over, session_id):  # noqa: ASYNC110  it can only be asked
                await asyncio.sleep(0.02)

    async def do_wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    # --- what must come of it

    async def do_next(self, pattern: Any) -> None:
        """The very next event."""
        pattern = self.fill(pattern)
        event = await self.client.event()
        assert event is not None, f"closed with {self.client.closed}"
        assert matches(event, pattern), f"got {brief(event)}"

    async def do_expect(self, pattern: Any) -> None:
        """An event, after any others."""
        while True:
            wanted = self.fill(pattern)
            if (event := await self.client.event()) is None:
                break
            if matches(event, wanted):
                return
        raise AssertionError(f"closed with {self.client.closed}")

    async def do_straight(self, patterns: list[Any]) -> None:
        """These events in this order, with no other event of their types between."""
        types = {_type(pattern) for pattern in patterns}
        for pattern in patterns:
            wanted = self.fill(pattern)
            while (event := await self.client.event()) is not None and event["type"] not in types:
                wanted = self.fill(pattern)
            assert event is not None, f"closed with {self.client.closed}"
            assert matches(event, wanted), f"got {brief(event)}, not {wanted}"

    async def do_heard(self, words: str) -> None:
        """What the newest reply sounded like until now, in the output format; nothing, where it was silent."""
        audio = [event for event in self.client.events if event["type"] == "reply.audio"]
        assert audio, "no audio came"
        newest = audio[-1]["reply_id"]
        data = b"".join(base64.b64decode(event["data"]) for event in audio if event["reply_id"] == newest)
        audio_format = FORMATS[next(self._configs())["config"]["output"]["format"]["encoding"]]
        found = CODE.decode(codec(audio_format).decode(data), audio_format.sample_rate)
        assert " ".join(begun(found)) == words, f"heard {begun(found)}"

    async def do_never(self, wanted: dict[str, Any]) -> None:
        """None of these types for so many seconds."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wanted["for"]
        try:
            while event := await self.client.event(within=max(until - loop.time(), 0.001)):
                assert event["type"] not in wanted["of"], f"got {brief(event)}"
        except TimeoutError:
            pass

    async def do_shows(self, field: dict[str, Any]) -> None:
        """The newest echo has this value at this path."""
        config = next(self._configs())["config"]
        found = at_path(config, field["path"])
        assert matches(found, field["value"]), f"{field['path']} is {found!r}"

    async def do_updated(self, field: dict[str, Any]) -> None:
        await self.do_expect("session.updated")
        await self.do_shows(field)

    async def do_quiet(self, seconds: float) -> None:
        """Nothing at all comes for so long."""
        try:
            event = await self.client.event(within=seconds)
        except TimeoutError:
            return
        raise AssertionError(f"got {brief(event)}" if event else f"closed with {self.client.closed}")

    async def do_lives(self, _: Any) -> None:
        """The session goes on: it can be updated."""
        await self.do_update({})
        await self.do_expect("session.updated")

    async def do_closes(self, code: int) -> None:
        """No more events, and the socket is closed with this code."""
        event = await self.client.event()
        assert event is None, f"got {brief(event)}" if event else ""
        assert self.client.closed == code, f"closed with {self.client.closed}"

    def _configs(self) -> Iterator[dict[str, Any]]:
        """The events with an echo, the newest first."""
        return (event for event in reversed(self.client.events) if "config" in event)


def matches(event: Any, pattern: Any) -> bool:
    """Whether all that the pattern names is so. A text may be "*" for anything but null, or "~" and a regex; an event's
    pattern may be its type alone, and `without` fields."""
    if isinstance(pattern, str) and isinstance(event, dict):
        return bool(event["type"] == pattern)
    if isinstance(pattern, dict):
        without = pattern.get("without", [])
        wanted = {name: value for name, value in pattern.items() if name != "without"}
        return (
            isinstance(event, dict)
            and event.keys().isdisjoint(without)
            and all(name in event and matches(event[name], value) for name, value in wanted.items())
        )
    if pattern == "*":
        return event is not None
    if isinstance(pattern, str) and pattern.startswith("~"):
        return isinstance(event, str) and re.search(pattern[1:], event) is not None
    return (type(event) is type(pattern) and bool(event == pattern)) or _same_number(event, pattern)


def _same_number(one: Any, other: Any) -> bool:
    numbers = [value for value in (one, other) if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == 2 and numbers[0] == numbers[1]


def _type(pattern: Any) -> str:
    return str(pattern if isinstance(pattern, str) else pattern["type"])


def brief(event: dict[str, Any] | None) -> str:
    return json.dumps(event)[:400]


def at_path(value: Any, path: str) -> Any:
    """ "tools[0].name" of a configuration."""
    for name in path.replace("[", ".").replace("]", "").split("."):
        value = value[int(name)] if name.isdecimal() else value[name]
    return value
