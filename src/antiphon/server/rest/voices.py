"""The voices an agent may be given."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel

from antiphon.protocols.voice_agent.config import VOICES
from antiphon.server.rest.gate import Caller

router = APIRouter(tags=["voices"])


class Voice(BaseModel):
    voice_id: str
    name: str


class Voices(BaseModel):
    voices: list[Voice]
    has_more: bool = False
    response_metadata: dict[str, str] = {"next_cursor": ""}


@router.get("/voices")
async def list_voices(principal: Caller, request: Request) -> Voices:
    """Those of this server's TTS; then the hosted service's names, which stand for the default voice where the TTS has
    no voice of that name."""
    own = request.app.state.voices
    names = [*own, *sorted(VOICES - set(own))]
    return Voices(voices=[Voice(voice_id=name, name=name.replace("_", " ").title()) for name in names])
