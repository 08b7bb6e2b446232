"""Scripted providers under names, as a command is given them."""

from __future__ import annotations

from typing import Any

from antiphon.errors import AuthError
from antiphon.lab.scripted import (
    EnergyVad,
    LlmTiming,
    ScriptedLlm,
    ScriptedStt,
    ScriptedTts,
    SttTiming,
    TtsTiming,
)
from antiphon.lab.tones import ToneCode

CODE = ToneCode(["hello", "there", "yes"])


def Stt(model: str) -> Any:
    return ScriptedStt(utterances=["yes there"] * 9, timing=SttTiming.instant())


def Llm(model: str) -> Any:
    return BrokenLlm() if model == "broken" else ScriptedLlm("hello there", timing=LlmTiming.instant())


def Tts(model: str) -> Any:
    return ScriptedTts(CODE, timing=TtsTiming.instant())


def Vad(model: str) -> Any:
    return EnergyVad()


class BrokenLlm(ScriptedLlm):
    async def warm(self) -> None:
        raise AuthError("the key was refused;\nset OPENAI_API_KEY", stage="llm", provider="scripted/broken")
