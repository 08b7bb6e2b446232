"""A session as its journal remembers it, for a process that goes on with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec

from antiphon.conversation import tools
from antiphon.conversation.history import History
from antiphon.conversation.recovery import OUTCOME_UNKNOWN, Unfinished, recover
from antiphon.server import journal as of
from antiphon.server.stores.base import SessionRecord
from antiphon.session.makings import Past
from antiphon.text.redaction import Redactor
from antiphon.types import Cost, Role, SessionConfig, ToolCall, ToolSpec

IDS_AN_OWNER = 1 << 24  # more than one owner of a session gives out


def past(
    record: SessionRecord,
    entries: Sequence[of.Entry],
    *,
    config: SessionConfig,
    offered: Iterable[ToolSpec],
    now: float,
) -> Past:
    """How to go on with the session. `record` is as its new owner claimed it, `now` in seconds of the epoch."""
    return Past(
        found=recover(history(entries), offered, _left(record, entries, config.greeting)),
        cost=of.cost_of(entries) or Cost(),
        lasted=now - record.created_at,
        ids=(record.epoch - 1) * IDS_AN_OWNER,
    )


def history(entries: Iterable[of.Entry]) -> History:
    """What was said and heard, and what tools were asked and answered."""
    found, calls = History(), dict[str, ToolCall]()
    for entry in entries:
        match entry:
            case of.UserSaid(text=text):
                found = found.said(Role.USER, text)
            case of.MessageAdded(role=role, text=text):
                found = found.said(role, text)
            case of.Summarised(text=text):
                found = found.summarised(text)
            case of.AgentSaid(reply_id=reply_id, text=text, interrupted=interrupted):
                found = found.spoken(reply_id, text, interrupted=interrupted)
            case of.ToolCalled(call_id=call_id, reply_id=reply_id, name=name, arguments=arguments):
                calls[call_id] = ToolCall(call_id, name, arguments)
                found = found.called(reply_id, calls[call_id])
            case of.ToolReturned(call_id=call_id) if call := calls.pop(call_id, None):
                told = tools.told(entry.result, is_error=entry.is_error, timed_out=entry.timed_out)
                found = found.returned(call, told)
    return found


def _left(record: SessionRecord, entries: Iterable[of.Entry], greeting: str | None) -> Unfinished:
    """What was going on. The last write may have been made before a reply was known by more than its beginning."""
    started: of.ReplyStarted | None = None  # and not done
    greeted = False
    for entry in entries:
        if isinstance(entry, of.ReplyStarted):
            started, greeted = entry, True
        elif isinstance(entry, of.ReplyDone):
            started = None
    left = msgspec.msgpack.decode(record.state, type=Unfinished) if record.state else Unfinished()
    if started and left.reply_id != started.reply_id:
        text = greeting or "" if started.trigger == "greeting" else ""
        return replace(left, reply_id=started.reply_id, text=text, written=bool(text), heard=0)
    if not greeted and greeting:
        return replace(left, text=greeting, written=True)
    return left


def without_secrets(left: Unfinished, redact: Redactor) -> Unfinished:
    """As it may be kept. What is still being said or written may hold the beginning of a number that is not known for
    one yet: nothing is kept of it."""
    text = redact(left.text) if left.written else ""
    heard = min(len(redact(left.text[: left.heard])), len(text))
    return replace(left, text=text, heard=heard, item_id="", words="")


def endings(found: Past, entries: Iterable[of.Entry], *, at: int) -> list[of.Entry]:
    """What the last owner could not write any more: how the reply ended, and the tools."""
    done = {entry.reply_id for entry in entries if isinstance(entry, of.ReplyDone)}
    open_replies = [e.reply_id for e in entries if isinstance(e, of.ReplyStarted) and e.reply_id not in done]
    heard = {entry.reply_id: entry.message.text for entry in found.found.history.entries}
    ended: list[of.Entry] = []
    for reply_id in open_replies:
        ended.append(of.AgentSaid(at=at, reply_id=reply_id, text=heard.get(reply_id, ""), interrupted=True))
        ended.append(of.ReplyDone(at=at, reply_id=reply_id, status="interrupted"))
    ended += [of.ToolReturned(at=at, call_id=call.call_id, result=OUTCOME_UNKNOWN) for call in found.found.unknown]
    return ended
