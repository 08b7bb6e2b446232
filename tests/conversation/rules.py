"""The rules that always hold, checked step by step on whatever a conversation does.

`Rules.follow` sees one step: the state before and after, the event, the orders. It remembers only what an outside
observer could: which turn and which reply are open, what is held, which tools ran, what was heard.
"""

from __future__ import annotations

from collections import Counter

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation.history import estimate_tokens
from antiphon.conversation.state import Floor, Gate, Phase, Presence, Standing, State
from antiphon.types import Message, Role


class Rules:
    def __init__(self) -> None:
        self.turn_open = False
        self.turn_item: str | None = None  # the open turn's, once a delta has named it
        self.items_said: set[str] = set()  # user items whose transcript is out
        self.reply: str | None = None  # between its ReplyStarted and its ReplyDone
        self.transcript: bool | None = None  # of that reply: `interrupted`, once its AgentTranscript is out
        self.replies: set[str] = set()  # ever made, also the speculative
        self.unseen: set[str] = set()  # made speculatively, neither committed nor cancelled
        self.missed: set[str] = set()  # rests of replies, neither committed nor cancelled
        self.cancelled: set[str] = set()
        self.held: str | None = None
        self.heard: dict[str, str] = {}  # what the shell said was heard of each reply
        self.ran: set[str] = set()
        self.closed = False
        self.away = False  # the caller
        self.returning = False  # in this very step: what is open is told again

    def follow(self, before: State, event: ev.Event, after: State, actions: list[act.Action]) -> None:
        if before.phase is Phase.CLOSED:
            assert after == before
            assert not actions
        if (
            isinstance(event, ev.PlayoutFinished | ev.PlayoutStopped)
            and before.live
            and event.reply_id == before.live.reply_id
        ):
            self.heard.setdefault(event.reply_id, event.heard)
        if isinstance(event, ev.SessionRecovered):
            spoken = (e for e in event.found.history.entries if e.message.role is Role.ASSISTANT)
            self.heard.update((entry.reply_id or "", entry.message.text) for entry in spoken)
        self.away = after.presence is Presence.AWAY
        self.returning = isinstance(event, ev.CallerReturned)
        for action in actions:
            assert not self.closed, "an order after CloseSession"
            self._order(action, after)
        self._state(after)
        self._tools(after)
        self._memory(after)

    # --- orders ---------------------------------------------------------------------------------------------------

    def _order(self, action: act.Action, after: State) -> None:
        match action:
            case act.Emit(notice):
                self._notice(notice)
            case act.StartReply(reply_id, _, source, speculative):
                assert not (after.farewell and isinstance(source, act.Prompt)), "a model asked after the farewell"
                assert reply_id not in self.replies
                self.replies.add(reply_id)
                if speculative:
                    assert not self.unseen, "two speculative replies"
                    self.unseen.add(reply_id)
                else:
                    assert reply_id == self.reply, "made before it was started"
                if isinstance(source, act.Prompt):
                    check_request(source.messages, last=True)
                    check_size(source, after)
            case act.CommitReply(reply_id):
                assert reply_id in self.unseen | self.missed
                self.unseen.discard(reply_id)
                self.missed.discard(reply_id)
                assert reply_id == self.reply
            case act.LosePlayout(reply_id):
                assert reply_id == self.reply
                assert after.presence is Presence.AWAY
                self.held = None if self.held == reply_id else self.held
            case act.KeepRest(reply_id, rest_id):
                assert reply_id == self.reply
                assert rest_id not in self.replies
                self.replies.add(rest_id)
                self.missed.add(rest_id)
            case act.HoldPlayout(reply_id):
                assert self.held is None, "held twice"
                assert reply_id == self.reply
                assert reply_id not in self.cancelled
                self.held = reply_id
            case act.ResumePlayout(reply_id):
                assert self.held == reply_id, "resumed, but not held"
                self.held = None
            case act.CancelReply(reply_id):
                assert reply_id not in self.cancelled, "cancelled twice"
                self.cancelled.add(reply_id)
                self.unseen.discard(reply_id)
                self.missed.discard(reply_id)
                self.held = None if self.held == reply_id else self.held
            case act.RunTool(call):
                assert call.call_id not in self.ran, "run twice"
                assert self.reply, "run by a reply that is not live"
                assert any(call in message.tool_calls for message in after.history.messages()), "no intent recorded"
                self.ran.add(call.call_id)
            case act.CloseSession():
                self.closed = True
            case _:
                pass

    def _notice(self, notice: out.Notice) -> None:
        match notice:
            case out.SpeechStarted():
                assert not self.turn_open or self.returning, "speech started twice"
                self.turn_open, self.turn_item = True, None
            case out.SpeechStopped():
                assert self.turn_open, "speech stopped, but not started"
                self.turn_open = False
            case out.UserTranscriptDelta(item_id, text):
                assert self.turn_open
                assert text
                assert self.turn_item in (None, item_id)
                self.turn_item = item_id
            case out.UserTranscript(item_id, text):
                assert text
                assert item_id not in self.items_said
                assert not (self.turn_open and item_id == self.turn_item), "transcript of a turn still open"
                self.items_said.add(item_id)
            case out.ReplyStarted(reply_id):
                assert self.reply is None, "replies overlap"
                assert not self.away, "spoken to nobody"
                self.reply, self.transcript = reply_id, None
            case out.AgentTranscript(reply_id, _, _, interrupted):
                assert reply_id == self.reply
                assert self.transcript is None, "two transcripts"
                self.transcript = interrupted
            case out.ReplyDone(reply_id, status):
                assert reply_id == self.reply
                assert (status is out.ReplyStatus.INTERRUPTED) == bool(self.transcript)
                self.held = None if self.held == reply_id else self.held
                self.reply = None
            case out.ToolCalled():
                assert self.reply
            case _:
                pass

    # --- between steps --------------------------------------------------------------------------------------------

    def _state(self, after: State) -> None:
        live, speculative = after.live, after.speculative
        assert self.turn_open == after.turn_is_open
        assert self.reply == (live.reply_id if live else None)
        assert self.unseen == ({speculative.reply_id} if speculative else set())
        assert self.missed == ({after.missed.reply_id} if after.missed else set())
        assert live is None or live.standing is Standing.LIVE
        assert speculative is None or speculative.standing is Standing.SPECULATIVE
        assert self.held == (live.reply_id if live and live.gate is Gate.HELD else None)
        assert self.closed == (after.phase is Phase.CLOSED)
        if after.turn and after.turn.floor is Floor.OVERLAP:
            assert live, "a voice over nobody's"

    def _tools(self, after: State) -> None:
        """A call that is not pending has ended, and has ended once."""
        messages = after.history.messages()
        results = Counter(message.call_id for message in messages if message.role is Role.TOOL)
        pending = {pending.call.call_id for pending in after.pending}
        called = {call.call_id for message in messages for call in message.tool_calls}
        assert all(count == 1 for count in results.values()), "a call that ended twice"
        assert called - set(results) <= pending, "a call that will never end"

    def _memory(self, after: State) -> None:
        check_request(after.history.request(system_prompt="You answer the phone."))
        for entry in after.history.entries:
            if entry.message.role is Role.ASSISTANT and entry.reply_id and entry.message.text:
                assert entry.message.text == self.heard[entry.reply_id], "words that were not heard"


def check_request(messages: tuple[Message, ...], *, last: bool = False) -> None:
    """What every model takes: calls answered at once, no empty messages, turns that alternate on the caller's side.
    `last`: it is about to be sent, so there must be something to answer."""
    waiting: set[str] = set()
    before: Message | None = None
    for message in messages:
        if message.role is Role.TOOL:
            assert message.call_id in waiting, "a result without its call"
            waiting.remove(message.call_id)
            continue
        assert not waiting, "a call without its result"
        waiting = {call.call_id for call in message.tool_calls}
        assert len(waiting) == len(message.tool_calls), "two calls of one id"
        assert message.text or message.tool_calls, "an empty message"
        assert not (before and before.role is message.role is Role.USER), "neighbouring messages of the caller"
        before = message
    assert not waiting, "a call without its result"
    if last:
        assert any(message.role is not Role.SYSTEM for message in messages)
        assert messages[-1].role is not Role.ASSISTANT, "nothing to answer"


def check_size(prompt: act.Prompt, after: State) -> None:
    """It fits the window, unless the newest turn alone does not."""
    size = sum(estimate_tokens(message) for message in prompt.messages)
    turns = sum(message.role is Role.USER for message in prompt.messages)
    room = after.settings.context_window - after.settings.max_tokens
    assert size <= room or turns <= 1, f"{size} tokens in a room of {room}"
