"""HAProxy with the configuration of `deploy/`, in front of two servers on this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from antiphon.errors import MissingDependency

CONFIGURATION = Path(__file__).parents[3] / "deploy" / "haproxy.cfg"
PATIENCE = 30.0  # seconds it may take to begin
BINARY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""


def missing() -> str:
    """Why there can be none; empty where there can."""
    if not CONFIGURATION.exists():
        return f"{CONFIGURATION} is not there: this needs a checkout of the repository"
    return "" if BINARY else "haproxy is not installed (Debian: apt install haproxy)"


@dataclass(frozen=True)
class Proxy:
    address: str  # "127.0.0.1:40123"
    log: Path

    @property
    def ws(self) -> str:
        return f"ws://{self.address}/v1/ws"

    @property
    def http(self) -> str:
        return f"http://{self.address}"


@contextmanager
def haproxy(one: str, two: str, *, log: Path) -> Iterator[Proxy]:
    """Runs as long as the block, in front of two servers ("host:port"). Blocks until it listens. Raises
    MissingDependency."""
    if why := missing():
        raise MissingDependency(why)
    with reserved() as place, log.open("wb") as output:
        environment = {"ANTIPHON_BIND": f"fd@{place.fileno()}", "ANTIPHON_ONE": one, "ANTIPHON_TWO": two}
        process = subprocess.Popen(
            [BINARY, "-db", "-f", str(CONFIGURATION)],
            env={**os.environ, **environment},
            pass_fds=[place.fileno()],
            stdout=output,
            stderr=output,
        )
        address = address_of(place)
    try:
        _wait(address, process, log)
        yield Proxy(address, log)
    finally:
        process.kill()
        process.wait(PATIENCE)


def reserved() -> socket.socket:
    """A port of this machine that nobody else gets while it is open, and that refuses connections until somebody
    listens on it."""
    place = socket.socket()
    place.bind(("127.0.0.1", 0))
    return place


def address_of(place: socket.socket) -> str:
    host, port = place.getsockname()
    return f"{host}:{port}"


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    host, _, port = address.rpartition(":")
    until = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"haproxy did not begin: {log.read_text()}") from None
            time.sleep(0.02)
