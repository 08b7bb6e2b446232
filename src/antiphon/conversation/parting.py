"""The agent ends the call itself: once its last words have been heard, and unless the caller has something to add.

A model may say goodbye in the reply that asks for the end, or only when it is told that the end has come; and it may
have run other tools in the same breath, of which the caller should still hear. So the session ends after the first
reply that was heard, ran nothing else, and left nothing to be told.
"""

from __future__ import annotations

from dataclasses import replace

from antiphon.conversation import endings, replies
from antiphon.conversation.events import HangUpRequested
from antiphon.conversation.state import Parting, Reply, Trigger
from antiphon.conversation.stepping import Step


def requested(s: Step, event: HangUpRequested) -> None:
    s.set(parting=Parting(event.reason, heard=_said_before(s)))
    replies.next_reply(s)


def _said_before(s: Step) -> bool:
    """Whether the reply that asked for the end was heard before the tool it asked was run."""
    if s.state.live or len(s.state.pending) != 1:
        return False
    asked = s.state.pending[0].reply_id
    return any(entry.reply_id == asked and entry.message.text for entry in s.state.history.entries)


def reply_heard(s: Step, reply: Reply) -> None:
    """All of a reply was heard. Was it the goodbye?"""
    if s.state.parting and len(reply.calls) <= 1 and reply.plan.trigger is not Trigger.FILLER:
        s.set(parting=replace(s.state.parting, heard=True))


def leave(s: Step) -> bool:
    """Ends the session if nothing is left to be said. The floor is free."""
    parting = s.state.parting
    if parting is None or s.state.pending or s.state.plans:
        return False
    if s.state.results_unsaid and not parting.heard and s.state.silent_rounds <= 1:
        return False  # the model's word on it, most likely goodbye
    endings.end(s, parting.reason)
    return True
