"""Debian's Chromium with a microphone that plays a file, and a tap on what the page hears and lets one hear."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from playwright.async_api import Browser, Page, async_playwright

from antiphon.audio import wav
from antiphon.audio.pcm import from_float, silence

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 20_000  # ms: a busy machine is slow
EXPECTED = ("WebSocket connection", "ScriptProcessorNode")  # a connection that a test cuts; the tap
TAP = (Path(__file__).parent / "tap.js").read_text()

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")


@contextlib.asynccontextmanager
async def chromium(microphone: Path | None = None) -> AsyncIterator[Browser]:
    """A browser whose microphone plays `microphone` once, from the moment that a page opens it; then it is silent."""
    flags = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--mute-audio"]
    if microphone:
        flags.append(f"--use-file-for-fake-audio-capture={microphone}%noloop")
    if os.geteuid() == 0:
        flags.append("--no-sandbox")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def page_at(browser: Browser, url: str, **options: Any) -> AsyncIterator[Page]:
    """A page with the tap in it. Fails on any complaint of the browser's, and on any request to another host."""
    context = await browser.new_context(permissions=["microphone"], **options)
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
    page.on("request", lambda asked: None if asked.url.startswith(url) else faults.append(f"asked {asked.url}"))
    await page.add_init_script(TAP)
    await page.goto(url)
    try:
        yield page
        faults = [fault for fault in faults if not any(known in fault for known in EXPECTED)]
        assert not faults, faults
    finally:
        await context.close()


@dataclass(frozen=True)
class Heard:
    """What the tap recorded, both sides on one clock."""

    rate: int
    caller: npt.NDArray[np.float32]
    agent: npt.NDArray[np.float32]

    def pcm(self, side: str) -> bytes:
        return from_float(getattr(self, side))

    def sounding(self, side: str, *, window: float = 0.01, level: float = 0.01) -> Iterator[tuple[float, float]]:
        """The stretches in which a side is heard, in seconds: (from, to)."""
        samples = np.abs(getattr(self, side))
        size = int(window * self.rate)
        loud = samples[: len(samples) // size * size].reshape(-1, size).max(axis=1) > level
        edges = np.flatnonzero(np.diff(np.concatenate(([0], loud.astype(np.int8), [0]))))
        yield from ((float(a) * window, float(b) * window) for a, b in zip(edges[::2], edges[1::2], strict=True))


async def heard(page: Page) -> Heard:
    told = await page.evaluate("tapped()")
    caller, agent = (np.frombuffer(base64.b64decode(told[side]), dtype=np.float32) for side in ("caller", "agent"))
    return Heard(told["rate"], caller, agent)


def microphone(folder: Path, pcm: bytes, rate: int) -> Path:
    """What the caller says, and then a minute of silence."""
    path = folder / "microphone.wav"
    wav.write(path, pcm + silence(60 * rate), rate=rate)
    return path
