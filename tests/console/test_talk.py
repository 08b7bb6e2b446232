"""Somebody talks to an agent through the page: in a real browser with a microphone, whose sound is listened to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

from playwright.async_api import Page, expect

from antiphon.agent import Agent
from antiphon.lab import tones
from antiphon.lab.scripted import ScriptedLlm
from antiphon.server.keys import Keys
from antiphon.server.stores import make_store
from tests.console.browser import Heard, chromium, heard, microphone, needs_chromium, page_at
from tests.console.link import Link, linked
from tests.server.serving import CODE, agent, serving
from tests.server_api import serving as api

pytestmark = needs_chromium

RATE = 48_000
ASKS = "i want to book a table please"
LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
SLOW = 20_000  # ms


def talk(
    test: Callable[[Page, Link], Awaitable[None]],
    folder: Path,
    *,
    says: str = "",
    after: float = 2.0,
    served: Agent | None = None,
    **network: float,
) -> None:
    """Runs the test in a page whose caller says `says`, `after` seconds after the microphone was opened."""

    async def main() -> None:
        pcm, _ = CODE.speak(says, RATE, lead=after)
        async with (
            serving(served or agent()) as address,
            linked(address, **network) as link,
            chromium(microphone(folder, pcm, RATE)) as browser,
            page_at(browser, f"http://{link.address}/") as page,
        ):
            await test(page, link)

    asyncio.run(main())


async def write(page: Page, text: str) -> None:
    await page.get_by_label("Write to the agent").fill(text)
    await page.keyboard.press("Enter")


async def start(page: Page) -> None:
    await page.get_by_role("button", name="Talk").click()
    await expect(page.get_by_role("button", name="Hang up")).to_be_visible()


def words(recording: Heard, side: str) -> list[str]:
    return tones.begun(CODE.decode(recording.pcm(side), recording.rate))


def test_a_caller_is_heard_and_answered_aloud(tmp_path):
    async def test(page: Page, link: Link) -> None:
        await start(page)
        answer = page.locator("li.agent").nth(1).locator(".words")
        await expect(answer).to_have_text("Your table is booked.", timeout=SLOW)
        await expect(page.locator("li.agent .heard")).to_have_count(6, timeout=SLOW)
        await expect(page.locator("li.caller")).to_contain_text("book a table please")
        recording = await heard(page)
        assert words(recording, "agent") == ["hello", "caller", "your", "table", "is", "booked"]
        await page.get_by_role("button", name="Hang up").click()
        await expect(page.locator(".state")).to_contain_text("The call is over")

    talk(test, tmp_path, says=ASKS)


def test_who_talks_over_the_agent_silences_it_and_the_page_shows_what_was_heard(tmp_path):
    async def test(page: Page, link: Link) -> None:
        await start(page)
        greeting = page.locator("li.agent.interrupted").first
        await expect(greeting).to_be_visible(timeout=SLOW)
        await expect(greeting.get_by_text("interrupted")).to_be_visible()
        lit = [text.strip() for text in await greeting.locator(".heard").all_inner_texts()]
        said = words(await heard(page), "agent")
        assert lit == LONG.split()[: len(lit)] and len(lit) < len(LONG.split())
        assert set(LONG.split()[len(lit) + 1 :]).isdisjoint(said)  # a word that was begun is not always lit
        assert len(set(lit) - set(said)) <= 1

    talk(test, tmp_path, says=ASKS, after=2.5, served=agent(greeting=LONG))


def test_a_call_outlives_its_connection(tmp_path):
    async def test(page: Page, link: Link) -> None:
        await start(page)
        await expect(page.locator("li.agent .heard")).to_have_count(2, timeout=SLOW)
        link.cut()
        await expect(page.locator(".call")).to_have_attribute("data-state", "reconnecting")
        await expect(page.locator(".call")).to_have_attribute("data-state", "live", timeout=SLOW)
        await write(page, "a table please")
        await expect(page.locator("li.agent .words").last).to_have_text("Your table is booked.", timeout=SLOW)

    talk(test, tmp_path)


def test_a_call_outlives_its_server(tmp_path):
    def server() -> AbstractAsyncContextManager[api.Served]:
        return api.serving(keys=Keys(), store=make_store(str(tmp_path / "sessions.db")))

    async def main() -> None:
        async with linked("") as link, chromium() as browser:
            async with server() as first:
                link.target = first.address
                page = await opened.enter_async_context(page_at(browser, f"http://{link.address}/"))
                await start(page)
                await write(page, "Is it booked?")
                await expect(page.locator("li.agent:not(.speaking)")).to_have_text(
                    re.compile("hello there"), timeout=SLOW
                )
            async with server() as second:
                link.target = second.address
                await expect(page.locator(".call")).to_have_attribute("data-state", "live", timeout=SLOW)
                await write(page, "And now?")
                await expect(page.locator("li.agent:not(.speaking)")).to_have_count(2, timeout=SLOW)
                (only,) = (await second.rest.get("/sessions")).json()["sessions"]
                assert only["status"] == "created"
            await opened.aclose()

    opened = AsyncExitStack()
    asyncio.run(main())


def test_who_cannot_talk_writes(tmp_path):
    async def test(page: Page, link: Link) -> None:
        await start(page)
        await write(page, "Is my table booked?")
        await expect(page.locator("li.caller")).to_have_text("Is my table booked?")
        await expect(page.locator("li.agent").nth(1).locator(".words")).to_have_text("Yes it is.", timeout=SLOW)

    talk(test, tmp_path, served=agent(llm=ScriptedLlm("Yes it is.")))


def test_a_jittery_network_costs_no_sound(tmp_path):
    async def test(page: Page, link: Link) -> None:
        await start(page)
        await expect(page.locator("li.agent:not(.speaking)")).to_be_visible(timeout=SLOW)
        assert words(await heard(page), "agent") == LONG.split()

    talk(test, tmp_path, served=agent(greeting=LONG), jitter=0.04, stall=0.25, every=3.0)
