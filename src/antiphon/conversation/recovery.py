"""Tool calls after a crash: of a call whose intent was stored and whose result was not, nobody knows the outcome."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from antiphon.conversation.history import History
from antiphon.types import Role, ToolCall, ToolSpec

OUTCOME_UNKNOWN = (
    "The connection was lost while this tool ran. Its outcome is unknown: it may have taken effect or not. Do not call "
    "it again before you have made sure that it did not, or the caller has told you to."
)


@dataclass(frozen=True, slots=True)
class Recovered:
    history: History  # with an answer for every call that is not to be run again
    again: tuple[ToolCall, ...]  # to be run again, under their own ids
    called: frozenset[str]  # the ids of all calls there ever were


def recover(history: History, tools: Iterable[ToolSpec]) -> Recovered:
    """What is to be done about calls without a result: those of a tool that is `idempotent` and still offered are run
    again, of all others the model is told that their outcome is unknown."""
    idempotent = {tool.name for tool in tools if tool.idempotent}
    messages = history.messages()
    answered = {message.call_id for message in messages if message.role is Role.TOOL}
    called = [call for message in messages for call in message.tool_calls]
    lost = [call for call in called if call.call_id not in answered]
    for call in lost:
        if call.name not in idempotent:
            history = history.returned(call, OUTCOME_UNKNOWN)
    again = tuple(call for call in lost if call.name in idempotent)
    return Recovered(history, again, frozenset(call.call_id for call in called))
