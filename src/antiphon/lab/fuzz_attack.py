"""Connections that send what no client should, as fast as the server takes it, from a process of their own."""

from __future__ import annotations

import asyncio
import base64
import multiprocessing
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from typing import cast

from antiphon.lab.fuzz_frames import Frames, frame

BATCH = 25  # frames between two pings whose pongs say that what was before them was read
LONGEST = 2_000  # frames of one connection
PATIENCE = 20.0  # seconds the server has to answer a ping; it reads one who sends too much more slowly
NICE = 19  # the attackers yield to the healthy call when they share its core


@dataclass(slots=True)
class Damage:
    """What an attack amounted to."""

    frames: int = 0  # that the server has read
    connections: int = 0
    closed: Counter[str] = field(default_factory=Counter)  # how connections ended that were not ended by the attacker
    silent: int = 0  # connections that were not answered in time


class Attacker(asyncio.Protocol):
    """One connection. Reads no more of what comes than its pongs and how it ends."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.open: asyncio.Future[None] = loop.create_future()
        self.gone: asyncio.Future[str] = loop.create_future()
        self._pongs: dict[bytes, asyncio.Future[None]] = {}
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            "GET /v1/ws?extensions=playout,metrics HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        if not self.gone.done():
            self.gone.set_result("no close frame")
        if not self.open.done():
            self.open.set_exception(ConnectionError("the server refused the upgrade"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self.open.done():
            _, found, rest = bytes(self._received).partition(b"\r\n\r\n")
            if not found:
                return
            self._received = bytearray(rest)
            self.open.set_result(None)
        at = 0
        while (end := self._hear(at)) is not None:
            at = end
        del self._received[:at]

    def _hear(self, at: int) -> int | None:
        """Takes in the whole frame at this place; where the next one begins."""
        data = self._received
        if len(data) < at + 2:
            return None
        size, head = data[at + 1], at + 2
        if size >= 126:
            head = at + (4 if size == 126 else 10)
            if len(data) < head:
                return None
            size = int.from_bytes(data[at + 2 : head], "big")
        if len(data) < head + size:
            return None
        match data[at] & 0x0F:
            case 0xA:
                if pong := self._pongs.pop(bytes(data[head : head + size]), None):
                    pong.set_result(None)
            case 0x8 if not self.gone.done():
                code = int.from_bytes(data[head : head + 2], "big") if size >= 2 else 1005
                self.gone.set_result(str(code))
        return head + size

    async def send(self, frames: list[bytes], name: bytes) -> bool:
        """Sends them and waits until they have been read. False: the connection is gone. Raises TimeoutError."""
        if self.gone.done():
            return False
        pong = self._pongs[name] = asyncio.get_running_loop().create_future()
        self._transport.write(b"".join(frames) + frame(name, 0x9))
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait((pong, self.gone), return_when=asyncio.FIRST_COMPLETED)
        return pong.done()

    def leave(self, rng: random.Random) -> None:
        """Politely, in mid-frame, or not at all."""
        if self._transport.is_closing():
            return
        match rng.randrange(3):
            case 0:
                self._transport.write(frame(b"\x03\xe8", 0x8))
                self._transport.close()
            case 1:
                self._transport.write(frame(b"x" * 100)[:50])
                self._transport.close()
            case _:
                self._transport.abort()


async def attack(address: str, *, frames: int, seed: int, at_once: int, damage: Damage) -> None:
    """Until so many frames were read, from `at_once` connections at a time."""
    host, _, port = address.rpartition(":")

    async def keep_on(lane: int) -> None:
        connection = 0
        while damage.frames < frames:
            connection += 1
            await _one(host, int(port), f"{seed} {lane} {connection}", frames, damage)

    async with asyncio.TaskGroup() as lanes:
        for lane in range(at_once):
            lanes.create_task(keep_on(lane))


async def _one(host: str, port: int, seed: str, frames: int, damage: Damage) -> None:
    rng, supply = random.Random(seed), Frames(seed)
    _, attacker = await asyncio.get_running_loop().create_connection(Attacker, host, port)
    async with asyncio.timeout(PATIENCE):
        await attacker.open
    damage.connections += 1
    sent, most, batch = 0, rng.choice((5, 50, 500, LONGEST)), supply.opening()
    try:
        while sent < most and damage.frames < frames:
            batch += [supply.draw() for _ in range(min(BATCH, most - sent))]
            if not await attacker.send(batch, str(sent).encode()):
                damage.closed[attacker.gone.result()] += 1
                return
            sent += len(batch)
            damage.frames += len(batch)
            batch = []
    except TimeoutError:
        damage.silent += 1
    finally:
        attacker.leave(rng)


# --- in a process of its own ----------------------------------------------------------------------------------------


async def attack_from_elsewhere(address: str, *, frames: int, seed: int, at_once: int) -> Damage:
    """The same from another process, which yields to this one."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_main, args=(address, frames, seed, at_once, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        damage = await asyncio.get_running_loop().run_in_executor(None, ours.recv)
    except EOFError as error:
        raise RuntimeError("the attackers' process ended early") from error
    finally:
        ours.close()
        process.join(5)
        process.terminate()
    assert isinstance(damage, Damage)
    return damage


def _main(address: str, frames: int, seed: int, at_once: int, pipe: Pipe) -> None:
    import uvloop

    os.nice(NICE)
    damage = Damage()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(attack(address, frames=frames, seed=seed, at_once=at_once, damage=damage))
    pipe.send(damage)
