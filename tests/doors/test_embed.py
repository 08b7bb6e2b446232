"""The talk button, on a page of another origin, in a real browser."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvicorn
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tests.console.browser import chromium, microphone, needs_chromium
from tests.doors.serving import KEY, Served, running, serving, with_server
from tests.server.serving import CODE

RATE = 48_000
PAGE = """<!doctype html><title>A shop</title><body>
<script>window.events = []; addEventListener("antiphon", ({ detail }) => events.push(detail))</script>
<script type="module" src="http://%s/embed/button.js" data-token="/talk-token" data-label="Ring us"></script>"""
SAID = "() => events.some(event => event.type === 'transcript.agent' && event.text.startsWith('Your table'))"


def on_a_page(test: Callable[[Page, Served], Awaitable[None]], folder: Path, *, says: str = "") -> None:
    """A shop's page, whose backend asks for tokens with its key; the page never sees the key."""

    async def main() -> None:
        async with serving() as here:

            async def page(request: Request) -> Response:
                return HTMLResponse(PAGE % here.place)

            async def token(request: Request) -> Response:
                made = await here.http.post("/v1/tokens", headers={"Authorization": f"Bearer {KEY}"})
                return JSONResponse({"token": made.json()["token"]})

            shop = Starlette(routes=[Route("/", page), Route("/talk-token", token, methods=["POST"])])
            pcm, _ = CODE.speak(says, RATE, lead=2.0)
            config = uvicorn.Config(shop, log_config=None, lifespan="off")
            async with (
                running(uvicorn.Server(config)) as place,
                chromium(microphone(folder, pcm, RATE)) as browser,
            ):
                context = await browser.new_context(permissions=["microphone"])
                opened = await context.new_page()
                await opened.goto(f"http://{place}/")
                await test(opened, here)
                await context.close()

    asyncio.run(main())


@needs_chromium
def test_a_visitor_of_another_page_talks_by_the_button_and_hangs_up(tmp_path: Path) -> None:
    async def test(page: Page, here: Served) -> None:
        await page.get_by_role("button", name="Ring us").click()
        await expect(page.get_by_role("button", name="Hang up")).to_be_visible(timeout=20_000)
        await page.wait_for_function(SAID, timeout=20_000)
        await page.get_by_role("button", name="Hang up").click()
        await expect(page.get_by_role("button", name="Ring us")).to_be_visible(timeout=20_000)

    on_a_page(test, tmp_path, says="i want to book a table please")


@needs_chromium
def test_a_backend_that_gives_no_token_is_told_to_the_visitor(tmp_path: Path) -> None:
    async def test(page: Page, here: Served) -> None:
        await page.route("**/talk-token", lambda route: route.fulfill(status=500))
        await page.get_by_role("button", name="Ring us").click()
        await expect(page.get_by_role("status")).to_have_text("Calls are not possible at the moment.", timeout=20_000)

    on_a_page(test, tmp_path)


def test_only_what_the_button_needs_may_be_loaded_from_elsewhere() -> None:
    async def test(here: Served) -> None:
        assert (await here.http.get("/embed/button.js")).headers["access-control-allow-origin"] == "*"
        assert (await here.http.get("/embed/main.js")).status_code == 404
        assert "access-control-allow-origin" not in (await here.http.get("/console/main.js")).headers

    with_server(test)
