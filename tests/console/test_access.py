"""Nobody is kept out: axe-core finds nothing to object to, and the keyboard reaches everything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.conformance.npm.install import Unavailable, installed
from tests.console.browser import chromium, needs_chromium, page_at
from tests.server.serving import agent, serving

pytestmark = needs_chromium

PACKAGE, VERSION = "axe-core", "4.14.1"
PHONE = {"width": 375, "height": 740}
SLOW = 20_000  # ms
SLOW_MICROPHONE = """() => {
  const media = navigator.mediaDevices, ask = media.getUserMedia.bind(media)
  media.getUserMedia = async wanted => {
    await new Promise(done => setTimeout(done, 500))
    return ask(wanted)
  }
}"""
SLOW_TOKEN = """() => {
  const real = fetch
  globalThis.fetch = async (...asked) => {
    await new Promise(done => setTimeout(done, 500))
    return real(...asked)
  }
}"""


def on_page(test: Callable[[Page], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        async with (
            serving(agent()) as address,
            chromium() as browser,
            page_at(browser, f"http://{address}/", **options) as page,
        ):
            await test(page)

    asyncio.run(main())


@pytest.fixture(scope="module")
def axe() -> str:
    try:
        return (installed(PACKAGE, VERSION) / "node_modules" / PACKAGE / "axe.min.js").read_text()
    except Unavailable as why:
        pytest.skip(str(why))


async def objections(page: Page) -> list[str]:
    found = await page.evaluate("async () => (await axe.run()).violations")
    return [f"{each['id']}: {node['html'][:120]}" for each in found for node in each["nodes"]]


async def hold_a_call(page: Page) -> None:
    await page.get_by_role("button", name="Talk").click()
    await page.get_by_label("Write to the agent").fill("Hello?")
    await page.keyboard.press("Enter")
    await expect(page.locator("li.agent:not(.speaking) .words").last).to_have_text(
        "Your table is booked.", timeout=SLOW
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_objects_to_nothing(axe, scheme):
    async def test(page: Page) -> None:
        await page.evaluate(axe)
        assert await objections(page) == []
        await hold_a_call(page)
        await page.locator(".devices summary").click()
        assert await objections(page) == []

    on_page(test, color_scheme=scheme, viewport=PHONE if scheme == "dark" else None)


def test_a_phone_need_not_be_scrolled_sideways():
    async def test(page: Page) -> None:
        await hold_a_call(page)
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    on_page(test, viewport=PHONE)


@pytest.mark.parametrize("slow", ["microphone", "token", "nothing"])
def test_a_call_given_up_while_it_connects_stays_given_up(slow):
    async def test(page: Page) -> None:
        requests: list[str] = []
        page.on("websocket", lambda socket: requests.append(socket.url))
        if slow == "microphone":
            await page.evaluate(SLOW_MICROPHONE)
        if slow == "token":
            await page.evaluate(SLOW_TOKEN)
        call = page.locator(".call")
        await call.dblclick()
        await expect(call).to_have_text("Talk", timeout=SLOW)
        await page.wait_for_timeout(1_000)  # whatever was under way has come back by now
        await expect(call).to_have_text("Talk")
        assert slow == "nothing" or requests == []
        await hold_a_call(page)

    on_page(test)


def test_the_keyboard_begins_a_call_mutes_and_ends_it():
    async def test(page: Page) -> None:
        call, mute = page.locator(".call"), page.locator(".mute")
        await call.press("Enter")
        await expect(call).to_have_text("Hang up")
        await call.press("Shift+Tab")
        await expect(mute).to_be_focused()
        await page.keyboard.press("Space")
        await expect(mute).to_have_attribute("aria-pressed", "true")
        await call.press("Enter")
        await expect(call).to_have_text("Talk", timeout=SLOW)

    on_page(test)
