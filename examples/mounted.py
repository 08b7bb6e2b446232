"""An agent in a web application of your own: FastAPI serves the shop's pages and, under /voice, the calls.

    uvicorn examples.mounted:app

Then talk to it at http://127.0.0.1:8000/voice/, and read what was said at http://127.0.0.1:8000/calls. It needs no key:
everything runs here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from antiphon import Agent, Hooks


def shop(**fields: Any) -> FastAPI:
    """The application. `fields` are the agent's."""
    said: list[dict[str, str]] = []
    hooks = Hooks(
        on_turn=lambda turn: said.append({"who": "caller", "text": turn.text}),
        on_reply=lambda reply: said.append({"who": "agent", "text": reply.text}),
    )
    made: dict[str, Any] = {"greeting": "Rosa's flowers, hello!", "instructions": "You sell flowers.", **fields}
    voice = Agent(hooks=hooks, **made).asgi()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with voice.router.lifespan_context(voice):  # loads the models now, not when the first caller comes
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/calls")
    def calls() -> list[dict[str, str]]:
        """Who said what, in the order in which it was heard."""
        return said

    app.mount("/voice", voice)
    return app


app = shop()
