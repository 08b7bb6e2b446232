"""A demo as plain data, for demo.json."""

from __future__ import annotations

import dataclasses
from typing import Any

from antiphon.client.report import Turn
from antiphon.lab.demo_caller import Part
from antiphon.lab.demo_checks import Check
from antiphon.lab.demo_outcome import HeardReply, Outcome, Utterance
from antiphon.types import Cost


def as_json(outcome: Outcome, checks: list[Check]) -> dict[str, Any]:
    """Times in seconds from the beginning of the call, durations in milliseconds."""
    return {
        "passed": all(check.passed for check in checks),
        "checks": [{"name": check.name, "passed": check.passed, "reason": check.reason} for check in checks],
        "session_id": outcome.report.session_id,
        "duration_s": round(outcome.report.duration, 3),
        "first_reply_s": _rounded(outcome.first_reply_s),  # from the start of the program
        "first_answer_s": _rounded(outcome.first_answer_s),
        "turns": [_turn(turn) for turn in outcome.report.turns],
        "cost": _cost(outcome.report.cost),
        "caller": [_utterance(outcome, utterance) for utterance in outcome.utterances],
        "agent": [_reply(reply) for reply in outcome.replies],
        "failure": outcome.report.failure,
        "errors": [{"code": error.code, "message": error.message} for error in outcome.report.errors],
    }


def _turn(turn: Turn) -> dict[str, Any]:
    return {
        "user": turn.user,
        "agent": turn.agent,
        "latency_ms": turn.latency_ms,  # measured on the audio
        "server_ms": turn.server_ms,
        "spans": [
            {"name": span.name, "ms": span.ms, "estimated": span.estimated, "over_budget": span.over_budget}
            for span in turn.spans
        ],
        "interrupted": turn.interrupted,
        "replies": turn.replies,
        "cost": _cost(turn.cost),
    }


def _cost(cost: Cost | None) -> dict[str, Any] | None:
    return None if cost is None else dataclasses.asdict(cost)


def _utterance(outcome: Outcome, utterance: Utterance) -> dict[str, Any]:
    over = None if utterance.part is Part.TURN else outcome.reply_over(utterance)
    return {
        "said": utterance.text or None,  # None: a recording
        "part": utterance.part.name.lower(),
        "begins_s": round(utterance.begins, 3),
        "ends_s": round(utterance.ends, 3),
        "transcript": utterance.transcript or None,  # a backchannel has none: it is no turn
        "over_reply": over.reply_id if over else None,
    }


def _reply(reply: HeardReply) -> dict[str, Any]:
    return {
        "reply_id": reply.reply_id,
        "text": reply.text,  # as the history has it
        "interrupted": reply.interrupted,
        "begins_s": _rounded(reply.begins),
        "ends_s": _rounded(reply.ends),
        "played_ms": round(reply.played_ms, 1),
        "unplayed_ms": round(reply.unplayed_ms, 1),
        "paused_ms": round(reply.paused_ms, 1),
        "begun_words": reply.begun,  # whose audio began to play
        "unheard_words": reply.unheard,  # whose audio was sent, and dropped
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
