"""The driver from npm, as it is published but for its two addresses."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGE, VERSION = "@memberjunction/ai-assemblyai", "5.51.3"
ADDRESSES = {
    "wss://agents.assemblyai.com/v1/ws": "ws://{place}/v1/ws",
    "https://agents.assemblyai.com/v1/token": "http://{place}/v1/token",
}
OLDEST_NODE = (20, 10)  # the first with a WebSocket of its own, behind a flag


class Unavailable(Exception):
    """Why the driver cannot be had here."""


def node() -> str:
    """Raises Unavailable."""
    found = shutil.which("node")
    if not found or not shutil.which("npm"):
        raise Unavailable("node and npm are not installed")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=30).stdout
    version = tuple(int(part) for part in re.findall(r"\d+", said)[:2])
    if version < OLDEST_NODE:
        raise Unavailable(f"node {said.strip()} has no WebSocket; 20.10 or newer is needed")
    return found


def installed(package: str = PACKAGE, version: str = VERSION) -> Path:
    """The folder with a package's node_modules: in the user's cache, made once. Raises Unavailable."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "antiphon"
    folder = caches / f"npm-{package.rpartition('/')[2]}-{version}"
    if folder.exists():
        return folder
    caches.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=caches) as making:
        options = "--no-save --no-package-lock --ignore-scripts --no-audit --no-fund".split()
        command = ["npm", "install", "--prefix", making, *options, f"{package}@{version}"]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=180)
        except subprocess.CalledProcessError as failed:
            raise Unavailable(f"npm cannot install {package}: {failed.stderr.strip()[-300:]}") from failed
        except subprocess.TimeoutExpired as late:
            raise Unavailable(f"npm took longer than {late.timeout:g} s to install {package}") from late
        try:
            Path(making).rename(folder)
        except OSError:
            if not folder.exists():  # somebody else was faster
                raise
        Path(making).mkdir(exist_ok=True)  # for its owner to delete
    return folder


def driver_for(place: str, folder: Path) -> Path:
    """The driver's one file with its two addresses changed to those of the server at `place` ("127.0.0.1:40123"). It
    lies where it finds what it imports."""
    source = (folder / "node_modules" / PACKAGE / "dist" / "assemblyAIRealtime.js").read_text()
    for theirs, ours in ADDRESSES.items():
        quoted = f"'{theirs}'"
        assert source.count(quoted) == 1, f"{theirs} is not where it was: is this {PACKAGE} {VERSION}?"
        source = source.replace(quoted, f"'{ours.format(place=place)}'")
    copy = folder / f"driver-{os.getpid()}.mjs"
    copy.write_text(source)
    return copy
