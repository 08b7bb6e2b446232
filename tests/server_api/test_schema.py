"""The API as its own document describes it, searched by schemathesis: no request makes it fail."""

from __future__ import annotations

import asyncio
import sys

import pytest

from tests.server_api.serving import KEY, serving


@pytest.mark.soak
def test_no_request_that_the_document_allows_fails():
    pytest.importorskip("schemathesis", reason="schemathesis is not installed: pip install 'antiphon[soak]'")

    async def main() -> tuple[int | None, str]:
        async with serving() as served:
            document = str(served.rest.base_url).removesuffix("/v1/") + "/openapi.json"
            options = [
                "-H",
                f"Authorization: {KEY}",
                "-c",
                "not_a_server_error",
                "-n",
                "200",
                "--generation-database",
                "none",
            ]
            search = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "schemathesis.cli", "run", document, *options, stdout=asyncio.subprocess.PIPE
            )
            out, _ = await search.communicate()
            return search.returncode, out.decode()

    code, said = asyncio.run(main())
    assert code == 0, said
