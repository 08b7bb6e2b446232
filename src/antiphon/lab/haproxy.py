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
PATIENCE = 10.0  # seconds it may take to begin
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
    address = f"127.0.0.1:{free_port()}"
    environment = {"ANTIPHON_BIND": address, "ANTIPHON_ONE": one, "ANTIPHON_TWO": two}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [BINARY, "-db", "-f", str(CONFIGURATION)], env={**os.environ, **environment}, stdout=output, stderr=output
        )
    try:
        _wait(address, process, log)
        yield Proxy(address, log)
    finally:
        process.kill()
        process.wait(PATIENCE)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


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
