"""What a session was asked not to keep is in no file of the store, and in no log; the call itself goes on with it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from antiphon.agent import Agent
from antiphon.client.events import ReplyDone
from antiphon.conversation.recovery import Unfinished
from antiphon.lab.scripted import LlmTiming, ScriptedLlm
from antiphon.providers.base import LlmRequest
from antiphon.server.recall import without_secrets
from antiphon.server.stores.sqlite import SqliteStore
from antiphon.session.makings import Hooks
from antiphon.text.redaction import redactor
from tests.server_api.serving import serving, stages
from tests.server_api.test_connections import completed

CANARIES = ("4111111111111111", "5550100123", "ada@example.com")
SAID = f"card {CANARIES[0]}, phone {CANARIES[1]}, mail {CANARIES[2]}"
ALL = redactor(["card", "phone", "email"])
assert ALL


def test_no_canary_is_in_the_store_and_the_model_has_them_all(tmp_path):
    asked: list[str] = []

    def think(request: LlmRequest) -> str:
        asked.extend(message.text for message in request.messages)
        return "hello there"

    async def main() -> str:
        made = replace(stages(), llm=ScriptedLlm(think, timing=LlmTiming.instant()))
        store = SqliteStore(tmp_path / "sessions.db")
        async with asyncio.timeout(30), serving(made=made, hooks=Hooks(redact=ALL), store=store) as served:
            async with served.client() as client:
                await client.configure()
                await client.add_message("user", SAID)
                await client.create_reply(instructions=SAID)
                async for event in client:
                    if isinstance(event, ReplyDone):
                        await client.end()
            session = await completed(served)
            told = (await served.rest.get(f"/sessions/{session['id']}/artifacts/timeline")).text
            kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        kept += b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert b"[card]" in kept
        assert [canary for canary in CANARIES if canary.encode() in kept or canary in told] == []
        return told

    assert "[phone number]" in asyncio.run(main())
    assert all(any(canary in text for text in asked) for canary in CANARIES)


def test_of_what_is_not_finished_only_what_is_whole_is_kept():
    open_turn = Unfinished("r", "my number is 55501", False, 3, "i", "it is 4111 1111")
    assert without_secrets(open_turn, ALL) == Unfinished("r")
    written = Unfinished("r", f"you said {CANARIES[1]}, right", True, 12)
    assert without_secrets(written, ALL) == Unfinished("r", "you said [phone number], right", True, 12)


@pytest.mark.parametrize("redact", [["card"], {"card": True, "name": "Byron"}])
def test_an_agent_says_what_is_not_kept(redact):
    agent = Agent.from_mapping({"redact": redact})
    found = agent.blueprint().hooks.redact
    assert found and found("Byron 4111111111111111").endswith("[card]")


def test_both_the_agents_and_the_programs_own_way_are_used():
    agent = Agent(redact=["card"], hooks=Hooks(redact=lambda text: text.replace("Ada", "[name]")))
    found = agent.blueprint().hooks.redact
    assert found and found("Ada 4111111111111111") == "[name] [card]"
    assert Agent().blueprint().hooks.redact is None
