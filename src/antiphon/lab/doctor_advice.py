"""What follows from the findings: the quickest chain, the presets that would work, and whether all is well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from antiphon.agent_file import preset, presets
from antiphon.lab.doctor import STAGES, Finding, Status, named_by
from antiphon.providers.registry import LOCAL, Stage

CHAINED: tuple[Stage, ...] = ("stt", "llm", "tts")


def chain(findings: Sequence[Finding], stage: Stage) -> list[Any]:
    """The providers that work, the quickest first, as an agent file names them; what runs here stands behind the
    vendors, as the last resort."""
    works = [one for one in findings if one.subject.stage == stage and one.status is Status.WORKS]
    best: dict[str, Finding] = {}
    for one in sorted(works, key=_wait):
        best.setdefault(one.provider, one)
    ordered = sorted(best.values(), key=lambda one: one.here)
    return [_as_named(one) for one in ordered]


def preset_gaps(findings: Sequence[Finding]) -> dict[str, list[Stage]]:
    """For each preset the stages of which nobody works; none: it can be used."""
    works = {(one.subject.stage, one.subject.name) for one in findings if one.status is Status.WORKS}
    gaps = {}
    for name in presets():
        given = {stage: preset(name).get(stage, "local") for stage in STAGES}
        wanted = {stage: {(stage, one.name) for one in named_by({stage: given[stage]})} for stage in STAGES}
        gaps[name] = [stage for stage in STAGES if not wanted[stage] & works]
    return gaps


def ills(findings: Sequence[Finding]) -> list[str]:
    """What is wrong, a line each: a stage that nobody can do, a key that is refused, what was named and fails."""
    found = []
    stages = {one.subject.stage for one in findings}
    for stage in (stage for stage in STAGES if stage in stages):
        if not any(one.status is Status.WORKS for one in findings if one.subject.stage == stage):
            found.append(f"no {stage} works here")
    for one in findings:
        bad = one.status not in (Status.WORKS, Status.UNTRIED)
        if bad and (one.subject.named or (one.key and one.status is not Status.MISSING)):
            found.append(f"{one.subject.stage} {one.provider}: {one.status}")
    return found


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "providers": [_row(one) for one in findings],
        "recommended": {stage: chain(findings, stage) for stage in CHAINED},
        "presets": {name: {"works": not gaps, "missing": gaps} for name, gaps in preset_gaps(findings).items()},
        "problems": ills(findings),
    }


def _row(one: Finding) -> dict[str, Any]:
    return {
        "stage": one.subject.stage,
        "provider": one.provider,
        "status": one.status.value,
        "key": one.key,
        "local": one.here,
        "connect_ms": _rounded(one.connect_ms),
        "ready_ms": _rounded(one.ready_ms),
        "first_result_ms": _rounded(one.first_ms),
        "regions": {name: _rounded(ms) for name, ms in one.regions.items()},
        "region": one.region,
        "message": one.message,
    }


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)


def _wait(one: Finding) -> float:
    """What a caller waits for; where nothing was made, the way there stands for it."""
    return next((ms for ms in (one.first_ms, one.connect_ms, one.ready_ms) if ms is not None), float("inf"))


def _as_named(one: Finding) -> Any:
    if one.here and LOCAL[one.subject.stage] == one.subject.name and not one.subject.options:
        return "local"
    options = {name: value for name, value in one.subject.options.items() if not _secret(name)} | one.options
    return {"provider": one.subject.spec, **options} if options else one.subject.spec


def _secret(name: str) -> bool:
    return "key" in name or "secret" in name or "token" in name
