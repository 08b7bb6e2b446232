"""Where a call stands: whether the agent is still to be waited for. Fed with the server's events; times in seconds."""

from __future__ import annotations

from antiphon.client.events import (
    Event,
    InputSpeechStarted,
    InputSpeechStopped,
    ReplyDone,
    ReplyStarted,
    ToolCall,
    TranscriptUser,
)


class Progress:
    def __init__(self) -> None:
        # Replies that have started and not ended.
        self._live: set[str] = set()

        # The server hears the caller: from input.speech.started to .stopped.
        self._listening = False

        # A reply has not started that must: the caller was understood, or a tool was called.
        self._owed = False

        # When the last reply ended, and when the last event of any kind came.
        self._answered_at = float("-inf")
        self.last_at = float("-inf")

    def hear(self, event: Event, at: float) -> None:
        self.last_at = at
        match event:
            case InputSpeechStarted():
                self._listening = True
            case InputSpeechStopped():
                self._listening = False
            case ReplyStarted(reply_id=reply_id):
                self._live.add(reply_id)
                self._owed = False
            case ReplyDone(reply_id=reply_id):
                self._live.discard(reply_id)
                self._answered_at = at
            case TranscriptUser():
                self._owed = not self._live
            case ToolCall():
                self._owed = True

    def settled(self, at: float, *, since: float, calm: float) -> bool:
        """Whether a reply has ended after `since`, and nothing has happened or been owed for `calm` seconds."""
        busy = self._live or self._listening or self._owed
        return not busy and self._answered_at > since and at - self.last_at >= calm
