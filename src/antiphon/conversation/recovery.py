"""After a crash: the session goes on in another process, which has what was stored of it.

The history tells what was said and heard. What was going on beside it is `Unfinished`: the reply that was being heard,
the turn that was open. Of a tool call whose intent was stored and whose result was not, nobody knows the outcome.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from antiphon.conversation.history import History
from antiphon.conversation.state import Plan, State, Trigger
from antiphon.types import Role, ToolCall, ToolSpec

OUTCOME_UNKNOWN = (
    "The connection was lost while this tool ran. Its outcome is unknown: it may have taken effect or not. Do not call "
    "it again before you have made sure that it did not, or the caller has told you to."
)


OF_ITS_MOMENT = (Trigger.FILLER, Trigger.IDLE, Trigger.GOODBYE)  # nobody misses the rest of a reply of these


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What is going on and not yet history. Empty strings where there is no such thing."""

    reply_id: str = ""
    text: str = ""  # what is known of the reply
    written: bool = False  # and that is all of it
    heard: int = 0  # characters of it
    item_id: str = ""  # of the caller's open turn
    words: str = ""  # understood in it so far


@dataclass(frozen=True, slots=True)
class Recovered:
    history: History  # with an answer for every call that is not to be run again
    again: tuple[ToolCall, ...] = ()  # to be run again, under their own ids
    unknown: tuple[ToolCall, ...] = ()  # told to the model as of unknown outcome
    called: frozenset[str] = frozenset()  # the ids of all calls there ever were
    plan: Plan | None = None  # what is to be said: the rest of a reply, or an answer that is owed
    turn: tuple[str, str] | None = None  # item id and words of a turn that was cut
    unsaid: bool = False  # the model has not yet spoken of what its calls came to


def unfinished(state: State, *, heard: int) -> Unfinished:
    """What should be stored of `state`, beside the history. `heard` characters of the live reply were heard."""
    turn = state.turn if state.turn_is_open else None
    item_id, words = (turn.item_id, turn.text) if turn else ("", "")
    reply = state.live or state.missed
    if reply is None or reply.failed or reply.plan.trigger in OF_ITS_MOMENT:
        return Unfinished(item_id=item_id, words=words)
    return Unfinished(reply.reply_id, reply.text, reply.written, heard if state.live else 0, item_id, words)


def recover(history: History, offered: Iterable[ToolSpec], left: Unfinished | None = None) -> Recovered:
    """How to go on. Calls without a result: those of a tool that is `idempotent` and still offered are run again, of
    all others the model is told that their outcome is unknown. What was not heard of a reply that was all written is
    said next."""
    left = left or Unfinished()
    idempotent = {tool.name for tool in offered if tool.idempotent}
    messages = history.messages()
    answered = {message.call_id for message in messages if message.role is Role.TOOL}
    called = [call for message in messages for call in message.tool_calls]
    lost = [call for call in called if call.call_id not in answered]
    again = tuple(call for call in lost if call.name in idempotent)
    unknown = tuple(call for call in lost if call.name not in idempotent)
    for call in unknown:
        history = history.returned(call, OUTCOME_UNKNOWN)
    if heard := left.text[: left.heard].strip():
        history = history.spoken(left.reply_id, heard, interrupted=True)
    turn = (left.item_id, left.words) if left.words else None
    plan = None if turn or again else _next(history, left)
    unsaid = bool(unknown) or (not again and _asked_by(history, left.reply_id))
    return Recovered(history, again, unknown, frozenset(call.call_id for call in called), plan, turn, unsaid)


def _asked_by(history: History, reply_id: str) -> bool:
    """Whether there are calls by this reply."""
    return any(entry.message.tool_calls for entry in history.entries if entry.reply_id == reply_id)


def _next(history: History, left: Unfinished) -> Plan | None:
    rest = left.text[left.heard :].strip()
    if left.written and rest:
        return Plan(Trigger.TURN, rest)
    messages = history.messages()
    cut = bool(left.reply_id) and not left.written
    owed = cut or (bool(messages) and messages[-1].role in (Role.USER, Role.TOOL))
    return Plan(Trigger.TURN) if owed else None
