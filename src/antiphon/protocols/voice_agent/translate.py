"""One to one: what a client's message is as a command, and what a session's notice is as an event."""

from __future__ import annotations

from msgspec import UNSET

from antiphon.conversation import notices
from antiphon.protocols.voice_agent import commands, events, messages
from antiphon.types import Role

Request = (
    messages.ToolResultMessage
    | messages.ReplyCreate
    | messages.ReplyCancel
    | messages.ConversationMessage
    | messages.PlayoutPositionMessage
)

# The notices that need nothing of the connection's state to be told.
Told = (
    notices.SpeechStarted
    | notices.SpeechStopped
    | notices.UserTranscriptDelta
    | notices.UserTranscript
    | notices.ReplyStarted
    | notices.AgentTranscriptDelta
    | notices.AgentTranscript
    | notices.ReplyDone
    | notices.ReplyFault
    | notices.ToolCalled
    | notices.TurnMetrics
    | notices.ReplyCost
)


def command(message: Request) -> commands.Command:
    """The command for a message that needs no state to be understood."""
    match message:
        case messages.ToolResultMessage():
            return commands.ToolResult(message.call_id, message.result, bool(message.is_error))
        case messages.ReplyCreate():
            return commands.CreateReply(message.instructions)
        case messages.ReplyCancel():
            return commands.CancelReply(message.reply_id)
        case messages.ConversationMessage():
            return commands.AddMessage(Role(message.role), message.content)
        case messages.PlayoutPositionMessage():
            return commands.PlayoutPosition(message.reply_id, message.samples)


def event(notice: Told, *, now: float, old_client: bool = False) -> events.Event:
    """The event for a notice. `now` is its timestamp; `old_client` looks for a tool's arguments under `args`."""
    match notice:
        case notices.SpeechStarted():
            return events.InputSpeechStarted(timestamp=now)
        case notices.SpeechStopped():
            return events.InputSpeechStopped(timestamp=now)
        case notices.UserTranscriptDelta(item_id, text):
            return events.TranscriptUserDelta(item_id=item_id, text=text, timestamp=now)
        case notices.UserTranscript(item_id, text):
            return events.TranscriptUser(item_id=item_id, text=text, timestamp=now)
        case notices.ReplyStarted(reply_id, item_id):
            return events.ReplyStarted(reply_id=reply_id, item_id=item_id, timestamp=now)
        case notices.ReplyDone(reply_id, status):
            return events.ReplyDone(reply_id=reply_id, status=status.value, timestamp=now)
        case notices.ReplyFault(reply_id, code, message, retryable, status):
            return events.ReplyError(
                reply_id=reply_id, code=code, message=message, retryable=retryable, status_code=status, timestamp=now
            )
        case notices.ToolCalled(call_id, name, arguments) if old_client:
            return events.ToolCall(call_id=call_id, name=name, arguments=arguments, args=arguments, timestamp=now)
        case notices.ToolCalled(call_id, name, arguments):
            return events.ToolCall(call_id=call_id, name=name, arguments=arguments, timestamp=now)
        case notices.TurnMetrics():
            return _metrics(notice, now)
        case notices.ReplyCost(reply_id, cost, session):
            return events.ReplyCost(reply_id=reply_id, cost=cost.rounded(), session=session.rounded(), timestamp=now)
        case notices.AgentTranscript() | notices.AgentTranscriptDelta():
            return _agent_transcript(notice, now)


def _metrics(notice: notices.TurnMetrics, now: float) -> events.TurnMetrics:
    spans = tuple(
        events.MetricsSpan(span.name, round(span.ms, 3), span.estimated, span.over_budget) for span in notice.spans
    )
    return events.TurnMetrics(
        reply_id=notice.reply_id,
        total_ms=round(notice.total_ms, 3),
        spans=spans,
        cost=notice.cost.rounded() if notice.cost else UNSET,
        timestamp=now,
    )


def _agent_transcript(
    notice: notices.AgentTranscript | notices.AgentTranscriptDelta, now: float
) -> events.TranscriptAgent | events.TranscriptAgentDelta:
    if isinstance(notice, notices.AgentTranscript):
        return events.TranscriptAgent(
            reply_id=notice.reply_id,
            item_id=notice.item_id,
            text=notice.text,
            interrupted=notice.interrupted,
            timestamp=now,
        )
    return events.TranscriptAgentDelta(
        reply_id=notice.reply_id,
        item_id=notice.item_id,
        delta=notice.delta,
        start_ms=notice.start_ms,
        end_ms=notice.end_ms,
        timestamp=now,
    )
