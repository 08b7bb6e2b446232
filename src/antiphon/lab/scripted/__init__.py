"""Providers that say what a test tells them to, at the pace of real ones, and fail on request.

They are never kinder than reality: they are as late as vendors are, refuse what a vendor would refuse, and know of the
audio only what they hear in it. All time is the loop's, all chance is seeded.
"""

from antiphon.lab.scripted.llm import LlmFaults, LlmTiming, Reply, ScriptedLlm
from antiphon.lab.scripted.stt import ScriptedStt, SttFaults, SttTiming
from antiphon.lab.scripted.tts import ScriptedTts, TtsFaults, TtsTiming
from antiphon.lab.scripted.vad import EnergyVad

__all__ = [
    "EnergyVad",
    "LlmFaults",
    "LlmTiming",
    "Reply",
    "ScriptedLlm",
    "ScriptedStt",
    "ScriptedTts",
    "SttFaults",
    "SttTiming",
    "TtsFaults",
    "TtsTiming",
]
