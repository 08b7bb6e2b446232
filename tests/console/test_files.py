"""The console's files, as they are served."""

from __future__ import annotations

import asyncio

import httpx2

from antiphon.server.console import FOLDER
from antiphon.server.service import ServerOptions, Service
from tests.server_api.serving import serving

MOST = 150_000  # bytes of all files together


def get(path: str, *, console: bool = True, headers: dict[str, str] | None = None) -> httpx2.Response:
    async def main() -> httpx2.Response:
        async with serving(console=console) as served:
            return await served.rest.get(f"http://{served.address}{path}", headers=headers)

    return asyncio.run(main())


def test_the_page_is_at_the_root_without_a_key_and_may_load_nothing_from_elsewhere():
    answer = get("/")
    assert answer.status_code == 200 and "<h1" in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "http" not in policy


def test_a_file_is_sent_again_only_when_it_has_changed():
    etag = get("/console/main.js").headers["etag"]
    assert get("/console/main.js", headers={"If-None-Match": etag}).status_code == 304


def test_nothing_beside_the_files_is_served():
    assert get("/console/..%2Fapp.py").status_code == 404
    assert get("/console/nothing.js").status_code == 404


def test_a_server_may_have_no_console():
    assert get("/", console=False).status_code == 404


def test_the_console_is_small_and_names_no_other_host():
    files = list(FOLDER.iterdir())
    assert sum(file.stat().st_size for file in files) < MOST
    for file in files:
        assert "//cdn" not in file.read_text() and "https://" not in file.read_text().replace("www.w3.org", "")


def test_a_console_is_there_unless_it_is_declined():
    assert Service(ServerOptions()).options.console
