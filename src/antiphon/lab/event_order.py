"""The order in which a server may tell its events, held against every one of a connection."""

from __future__ import annotations

from antiphon.client import events as of


class EventOrder:
    """One connection's. `see` returns what is wrong with an event at this point; "" if nothing is."""

    def __init__(self) -> None:
        self.ready = False
        self._turn = False  # the caller's is open
        self._reply = ""  # between its reply.started and its reply.done
        self._told = False  # its transcript has come
        self._transcripts: set[str] = set()
        self._replies: set[str] = set()
        self._ended = False

    def see(self, event: of.Event) -> str:
        if self._ended:
            return f"{type(event).__name__} after session.ended"
        match event:
            case of.SessionReady():
                wrong, self.ready = self.ready, True
            case of.SessionUpdated() | of.SessionError():
                wrong = False
            case of.SessionEnded():
                wrong, self._ended = bool(self._reply or self._turn), True
            case _ if not self.ready:
                wrong = True
            case of.InputSpeechStarted() | of.InputSpeechStopped() | of.TranscriptUserDelta() | of.TranscriptUser():
                wrong = self._caller(event)
            case of.ToolCall():
                wrong = not self._reply
            case of.ReplyStarted(reply_id=reply_id):
                wrong = bool(self._reply) or reply_id in self._replies
                self._reply, self._told = reply_id, False
                self._replies.add(reply_id)
            case of.ReplyAudio() | of.TranscriptAgentDelta() | of.TranscriptAgent() | of.ReplyDone():
                wrong = self._agent(event)
            case _:
                wrong = False
        return f"{type(event).__name__} out of order" if wrong else ""

    def _caller(
        self, event: of.InputSpeechStarted | of.InputSpeechStopped | of.TranscriptUserDelta | of.TranscriptUser
    ) -> bool:
        match event:
            case of.InputSpeechStarted():
                was, self._turn = self._turn, True
                return was
            case of.InputSpeechStopped():
                was, self._turn = self._turn, False
                return not was
            case of.TranscriptUserDelta():
                return not self._turn
            case of.TranscriptUser(item_id=item_id):
                again = item_id in self._transcripts
                self._transcripts.add(item_id)
                return again or self._turn

    def _agent(self, event: of.ReplyAudio | of.TranscriptAgentDelta | of.TranscriptAgent | of.ReplyDone) -> bool:
        wrong = event.reply_id != self._reply or (self._told and not isinstance(event, of.ReplyDone))
        self._told = self._told or isinstance(event, of.TranscriptAgent)
        if isinstance(event, of.ReplyDone):
            self._reply = ""
        return wrong
