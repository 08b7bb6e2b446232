"""The scripted providers as a package of somebody's: found by a server in whatever process it runs."""

from __future__ import annotations

import os
from pathlib import Path

STAGES = {"stt": "Stt", "llm": "Llm", "tts": "Tts", "vad": "Vad"}


def environment(folder: Path) -> dict[str, str]:
    """In which "scripted" names a provider for every stage."""
    metadata = folder / "scripted-1.0.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: scripted\nVersion: 1.0\n")
    groups = (f"[antiphon.{stage}]\nscripted = tests.cli.providers:{name}\n" for stage, name in STAGES.items())
    (metadata / "entry_points.txt").write_text("\n".join(groups))
    here = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [str(folder), here, os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}
