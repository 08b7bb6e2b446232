"""A telephone call: the keys that are pressed, and what the agent can do besides talking."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Literal

import httpx2
import msgspec
from pydantic import Field
from starlette.websockets import WebSocket

from antiphon.conversation.notices import Notice, SessionEnded
from antiphon.errors import ConfigError, SessionClosed
from antiphon.protocols.doors import Begin, Command
from antiphon.protocols.phone import Carrier, Request
from antiphon.server.doors.connection import DoorConnection
from antiphon.server.runtime import Runtime
from antiphon.server.service import Service
from antiphon.session.session import Session
from antiphon.tools.base import Tool
from antiphon.tools.function import tool
from antiphon.types import Role

log = logging.getLogger("antiphon.server")

ANSWER_TIMEOUT = 10.0  # seconds a carrier's API has to answer
NEXT_KEY = 2.0  # seconds after which no further key is waited for
MOST_KEYS = 64
FINISH_TIMEOUT = 15.0  # seconds a sentence may take that is spoken before a call is handed over
LAST_KEY = "#"


class CarrierError(Exception):
    """The carrier did not do what it was asked."""


async def ask(request: Request) -> Mapping[str, Any]:
    """Makes a request to a carrier's API; the JSON that answers. Raises CarrierError."""
    try:
        async with httpx2.AsyncClient(timeout=ANSWER_TIMEOUT) as client:
            answer = await client.request(
                request.method, request.url, headers=dict(request.headers), content=request.body
            )
    except httpx2.HTTPError as error:
        raise CarrierError(f"the carrier could not be reached: {type(error).__name__}") from error
    if not answer.is_success:
        raise CarrierError(f"the carrier answered {answer.status_code}")
    try:
        found = msgspec.json.decode(answer.content or b"{}")
    except msgspec.MsgspecError:
        return {}
    return found if isinstance(found, dict) else {}


class Keypad:
    """The keys a caller presses, told to the agent once no more of them come."""

    def __init__(self, on_keys: Callable[[str], None]) -> None:
        self._on_keys = on_keys
        self._pressed = ""
        self._due: asyncio.TimerHandle | None = None

    def press(self, key: str) -> None:
        self.stop()
        if key != LAST_KEY:
            self._pressed += key
        if key == LAST_KEY or len(self._pressed) >= MOST_KEYS:
            self._tell()
        else:
            self._due = asyncio.get_running_loop().call_later(NEXT_KEY, self._tell)

    def stop(self) -> None:
        if self._due:
            self._due.cancel()
            self._due = None

    def _tell(self) -> None:
        self._due = None
        keys, self._pressed = self._pressed or LAST_KEY, ""
        self._on_keys(keys)


class PhoneConnection(DoorConnection):
    """Serves one call."""

    def __init__(self, websocket: WebSocket, runtime: Runtime, service: Service, carrier: Carrier) -> None:
        self._phone = carrier.door()
        super().__init__(websocket, runtime, service, self._phone)
        self._carrier = carrier
        self._call_id = ""
        self._keypad = Keypad(self._keys)
        self._gone = False  # the caller is elsewhere, or has hung up
        self._hanging_up: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        try:
            await super().serve()
        finally:
            self._keypad.stop()
            if self._hanging_up:
                await asyncio.gather(self._hanging_up, return_exceptions=True)

    async def _obey(self, command: Command) -> None:
        if isinstance(command, Begin):
            self._call_id = command.call_id
        await super()._obey(command)

    # --- keys -----------------------------------------------------------------------------------------------------

    def _pressed(self, key: str) -> None:
        if self.session:
            self.session.interrupt()
        self._keypad.press(key)

    def _keys(self, keys: str) -> None:
        if session := self.session:
            session.add_message(Role.USER, f"(pressed on the telephone's keypad: {' '.join(keys)})")
            session.reply()

    # --- what the agent can do ------------------------------------------------------------------------------------

    def _tools(self) -> tuple[Tool, ...]:
        blueprint = self._runtime.blueprint
        made: list[Tool] = []
        if blueprint.transfers:
            made.append(transfer_tool(blueprint.transfers, self._transfer))
        if blueprint.send_digits:
            made.append(digits_tool(self._send_digits))
        return tuple(made)

    async def _transfer(self, number: str) -> None:
        """Hands the caller over, once what is being said has been heard. Raises CarrierError, ConfigError."""
        session, lodger = self._here()
        request = self._carrier.transfer(self._call_id, to=number, now=time.time())
        try:
            async with asyncio.timeout(FINISH_TIMEOUT):
                await lodger.quiet.wait()
        except TimeoutError:
            log.info("%s: handed over in the middle of a sentence", session.session_id)
        await ask(request)
        self._gone = True
        session.end("transferred")

    async def _send_digits(self, keys: str) -> None:
        """Raises ValueError for what is no key."""
        _, lodger = self._here()
        messages = self._phone.keys(keys)
        async with asyncio.timeout(FINISH_TIMEOUT):
            await lodger.quiet.wait()
        for message in messages:
            self._outbox.put(message)

    def _here(self) -> tuple[Session, Any]:
        if self._lodger is None or self._gone:
            raise SessionClosed("the call is over")
        return self._lodger.session, self._lodger

    def _told(self, notice: Notice) -> None:
        if isinstance(notice, SessionEnded) and not self._gone:
            self._hanging_up = asyncio.create_task(self._hang_up(), name="hang-up")

    async def _hang_up(self) -> None:
        """Closing the connection ends the call with most carriers, and this with the others."""
        try:
            if request := self._carrier.hang_up(self._call_id, now=time.time()):
                await ask(request)
        except (CarrierError, ConfigError) as error:
            log.warning("%s: the call could not be ended: %s", self._carrier.name, error)


def transfer_tool(destinations: Mapping[str, str], transfer: Callable[[str], Awaitable[None]]) -> Tool:
    """`transfer_call`: to one of the places that the agent's owner named, and to no other number."""

    async def transfer_call(to: str) -> str:
        """Hand the caller over to somebody else. Say so in the same answer: you leave the call."""
        await transfer(destinations[to])
        return "The caller has been handed over."

    transfer_call.__annotations__["to"] = Literal[tuple(destinations)]
    return tool(timeout=ANSWER_TIMEOUT + FINISH_TIMEOUT)(transfer_call)


def digits_tool(send: Callable[[str], Awaitable[None]]) -> Tool:
    """`send_digits`: presses keys, for the menus of other machines."""

    @tool(name="send_digits", timeout=FINISH_TIMEOUT + 5.0)
    async def send_digits(digits: Annotated[str, Field(pattern="[0-9*#A-Dw]{1,32}")]) -> str:
        """Press keys of the telephone: for an automatic menu, or an extension. w is a pause of half a second."""
        await send(digits)
        return "The keys were pressed."

    return send_digits
