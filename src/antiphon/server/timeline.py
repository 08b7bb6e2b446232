"""A session's journal as the API's timeline: turn by turn, with times in milliseconds since the session began."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from antiphon.server import journal as of
from antiphon.server.stores.base import SessionRecord
from antiphon.types import Cost

PUBLIC_REASONS = {"disconnected": "participant_disconnected", "client_end": "client_end"}


def timeline(record: SessionRecord, entries: Iterable[of.Entry]) -> dict[str, Any]:
    """The `timeline` artifact of a session, finished or not."""
    entries = list(entries)
    builder = _Builder()
    for entry in entries:
        builder.add(entry)
    builder.flush_user()
    ended = None
    if record.ended_at is not None:
        ended = {
            "reason": "user_initiated" if record.close_reason == "client_end" else public_reason(record),
            "public_reason": public_reason(record),
            "duration_seconds": duration(record),
        }
    return {
        "session_id": record.id,
        "started_at_unix_ms": int(record.created_at * 1000),
        "turns": builder.turns,
        "config_changes": builder.configs[1:],  # the first is no change
        "ended": ended,
        "cost": cost_as_json(of.cost_of(entries)),
    }


def public_reason(record: SessionRecord) -> str | None:
    """Why the session closed, in the API's words where it has one."""
    return PUBLIC_REASONS.get(record.close_reason or "", record.close_reason)


def duration(record: SessionRecord) -> float | None:
    """Seconds; None while it lasts."""
    return None if record.ended_at is None else round(record.ended_at - record.created_at, 3)


class _Builder:
    def __init__(self) -> None:
        self.turns: list[dict[str, Any]] = []
        self.configs: list[dict[str, Any]] = []
        self._user: dict[str, Any] = {}  # of the caller's turn that no reply has answered yet
        self._replies: dict[str, dict[str, Any]] = {}
        self._calls: dict[str, dict[str, Any]] = {}

    def add(self, entry: of.Entry) -> None:
        match entry:
            case of.SpeechStarted(at=at):
                self.flush_user()
                self._user = {"user_speech_started_at_ms": at}
            case of.SpeechStopped(at=at):
                self._user["user_speech_ended_at_ms"] = at
            case of.UserSaid(item_id=item_id, text=text):
                if "user_transcript" in self._user:
                    self.flush_user()
                self._user |= {"item_id": item_id, "user_transcript": text}
            case of.ReplyStarted():
                self._start(entry)
            case of.Configured(at=at, config=config):
                self.configs.append({"at_ms": at, "config": config})
            case of.ToolCalled() | of.ToolReturned():
                self._tool(entry)
            case of.ReplyAudible() | of.AgentSaid() | of.ReplyDone() | of.ReplyCost():
                if turn := self._replies.get(entry.reply_id):
                    _reply(turn, entry)

    def flush_user(self) -> None:
        """A turn of the caller's that was never answered."""
        user, self._user = self._user, {}
        if "user_transcript" in user:
            self._new_turn(status="unanswered", trigger="user_speech", **user)

    def _start(self, entry: of.ReplyStarted) -> None:
        user: dict[str, Any] = {}
        if entry.trigger == "user_speech":
            user, self._user = self._user, {}
        self._replies[entry.reply_id] = self._new_turn(
            **{
                "item_id": entry.item_id,
                **user,
                "status": "in_progress",
                "trigger": entry.trigger,
                "requested_instructions": entry.instructions,
                "agent_reply_started_at_ms": entry.at,
            }
        )

    def _new_turn(self, **fields: Any) -> dict[str, Any]:
        turn = {
            "turn_id": f"turn_{len(self.turns) + 1}",
            "item_id": None,
            "status": "",
            "trigger": "",
            "requested_instructions": None,
            "user_transcript": None,
            "user_speech_started_at_ms": None,
            "user_speech_ended_at_ms": None,
            "user_confidence": None,
            "agent_text": None,
            "agent_reply_started_at_ms": None,
            "agent_reply_ended_at_ms": None,
            "interrupted_at_ms": None,
            "time_to_first_audio_ms": None,
            "tool_calls": [],
            "cost": None,
            **fields,
        }
        self.turns.append(turn)
        return turn

    def _tool(self, entry: of.ToolCalled | of.ToolReturned) -> None:
        if isinstance(entry, of.ToolCalled):
            call = {
                "call_id": entry.call_id,
                "name": entry.name,
                "arguments": entry.arguments,
                "result": None,
                "dispatched_at_ms": entry.at,
                "result_received_at_ms": None,
                "duration_ms": None,
                "is_error": False,
                "timed_out": False,
                "parallel_call_id": None,
            }
            self._calls[entry.call_id] = call
            if turn := self._replies.get(entry.reply_id):
                turn["tool_calls"].append(call)
        elif found := self._calls.get(entry.call_id):
            found["result"] = None if entry.timed_out else entry.result
            found["is_error"], found["timed_out"] = entry.is_error, entry.timed_out
            found["result_received_at_ms"] = entry.at
            found["duration_ms"] = entry.at - found["dispatched_at_ms"]


def cost_as_json(cost: Cost | None) -> dict[str, Any] | None:
    return None if cost is None else dataclasses.asdict(cost)


def _reply(turn: dict[str, Any], entry: of.ReplyAudible | of.AgentSaid | of.ReplyDone | of.ReplyCost) -> None:
    match entry:
        case of.ReplyAudible(at=at):
            since = turn["user_speech_ended_at_ms"]
            turn["time_to_first_audio_ms"] = at - (turn["agent_reply_started_at_ms"] if since is None else since)
        case of.AgentSaid(text=text):
            turn["agent_text"] = text
        case of.ReplyCost(cost=cost):
            turn["cost"] = cost_as_json(cost)
        case of.ReplyDone(at=at, status=status):
            turn["status"] = status
            turn["agent_reply_ended_at_ms"] = at
            if status == "interrupted":
                turn["interrupted_at_ms"] = at
