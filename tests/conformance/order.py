"""The order rules of the Voice Agent API, held against every event that a connection brings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from tests.conformance.shapes import CODES


@dataclass
class Order:
    """Fed every event of one client, in turn; raises AssertionError at the one that breaks a rule."""

    said_something: bool = False  # the client has sent its first message
    resumed: bool = False  # this is not the session's first connection
    greeting: str | None = None  # which the first reply must speak
    updated: bool = False
    ready: bool = False
    ended: bool = False
    turn_open: bool = False
    turn_item: str | None = None  # of the deltas of this turn
    untold: list[str | None] = field(default_factory=list)  # items of turns that ended; None: there were no deltas
    transcripts: set[str] = field(default_factory=set)  # items that had their transcript
    reply: str | None = None  # the one that goes on
    reply_item: str | None = None
    words: str = ""  # its deltas
    said_at: int = 0  # ms: when its last delta began
    failed: bool = False  # it had its reply.error
    transcript: bool | None = None  # whether it was interrupted, once that is told
    replies: list[str] = field(default_factory=list)  # every reply there was
    session_id: str | None = None

    def redialled(self) -> Order:
        """The order that holds on the client's next connection."""
        return replace(self, said_something=False, updated=False, ready=False, ended=False)

    def see(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        assert not self.ended, f"{kind} after session.ended"
        if not self.said_something:
            assert kind == "session.error", f"{kind} before the client said anything"
        handler = getattr(self, "_" + kind.replace(".", "_"), None)
        if handler:
            handler(event)

    # --- the session

    def _session_updated(self, event: dict[str, Any]) -> None:
        self.updated = True
        self.greeting = event["config"]["greeting"]

    def _session_ready(self, event: dict[str, Any]) -> None:
        assert self.updated, "session.ready before session.updated"
        assert not self.ready, "session.ready twice"
        assert not self.resumed or self.session_id == event["session_id"], "resumed another session"
        self.ready, self.session_id = True, event["session_id"]
        assert event["config"]["id"] == self.session_id
        assert event["expires_at"] >= int(event["timestamp"]), "it has expired"  # whole seconds
        if not event.get("replayed"):  # of what went on then, nothing more is told under its old names
            self.reply, self.turn_open = None, False

    def _session_ended(self, event: dict[str, Any]) -> None:
        assert self.reply is None, "the session ended in a reply"
        assert not self.turn_open, "the session ended in a turn"
        self.ended = True

    def _session_error(self, event: dict[str, Any]) -> None:
        about = CODES[event["code"]]["about"]
        if about == "message":
            assert event.keys().isdisjoint({"param", "session_id"}), f"names more than the message: {event}"
        else:
            assert {"param", "session_id"} <= event.keys(), f"names neither field nor session: {event}"
            assert (event["session_id"] is None) == (about == "connect"), event

    # --- the caller's turn

    def _input_speech_started(self, event: dict[str, Any]) -> None:
        assert not self.turn_open, "a turn began in a turn"
        self.turn_open, self.turn_item = True, None

    def _transcript_user_delta(self, event: dict[str, Any]) -> None:
        assert self.turn_open, "a delta outside a turn"
        assert self.turn_item in (None, event["item_id"]), "the item changed in its turn"
        self.turn_item = event["item_id"]

    def _input_speech_stopped(self, event: dict[str, Any]) -> None:
        assert self.turn_open, "a turn ended that had not begun"
        self.turn_open = False
        self.untold.append(self.turn_item)

    def _transcript_user(self, event: dict[str, Any]) -> None:
        assert not self.turn_open, "a transcript inside its turn"
        assert event["item_id"] not in self.transcripts, "a second transcript of one item"
        assert {event["item_id"], None} & {*self.untold}, "a transcript of no turn that ended"
        self.transcripts.add(event["item_id"])

    # --- the agent's reply

    def _reply_started(self, event: dict[str, Any]) -> None:
        assert self.reply is None, "replies overlap"
        assert event["reply_id"] not in self.replies, "a reply began twice"
        self.reply, self.reply_item = event["reply_id"], event["item_id"]
        self.replies.append(event["reply_id"])
        self.words, self.said_at, self.failed, self.transcript = "", 0, False, None

    def _reply_audio(self, event: dict[str, Any]) -> None:
        self._belongs(event)

    def _transcript_agent_delta(self, event: dict[str, Any]) -> None:
        self._belongs(event)
        self.words += event["delta"]
        if event["start_ms"] is not None:
            assert event["start_ms"] >= self.said_at, "words out of order"
            assert event["end_ms"] is None or event["end_ms"] >= event["start_ms"], "a word ends before it begins"
            self.said_at = event["start_ms"]

    def _transcript_agent(self, event: dict[str, Any]) -> None:
        self._belongs(event)
        self.transcript = event["interrupted"]
        heard, shown = "".join(event["text"].split()), "".join(self.words.split())
        assert shown.startswith(heard), f"{event['text']!r} was never shown: {self.words!r}"
        if len(self.replies) == 1 and self.greeting and not self.resumed:
            assert self.greeting.startswith(event["text"]), "the first reply is not the greeting"

    def _reply_error(self, event: dict[str, Any]) -> None:
        self._belongs(event)
        assert not self.failed, "a reply failed twice"
        self.failed = True

    def _reply_done(self, event: dict[str, Any]) -> None:
        self._belongs(event)
        if self.transcript is not None:
            assert self.transcript == (event["status"] == "interrupted"), "transcript and ending differ"
        self.reply = None

    def _tool_call(self, event: dict[str, Any]) -> None:
        assert self.reply is not None, "a tool call outside a reply"

    def _belongs(self, event: dict[str, Any]) -> None:
        assert self.reply == event["reply_id"], f"{event['type']} of a reply that is not live"
        assert event.get("item_id", self.reply_item) == self.reply_item, "the item changed in its reply"
        if event["type"] != "reply.done":
            assert self.transcript is None, f"{event['type']} after the reply's transcript"
