"""A reply prepared before the turn is certain: it hides the wait for the turn's end behind the model's own time.

It emits nothing, and runs no tool, until it is committed to the very words it was made for; else it is thrown away
without a trace. What is thrown away has its budget, for the model is paid for it.
"""

from __future__ import annotations

from antiphon.conversation.actions import CancelReply, StartReply
from antiphon.conversation.prompting import prompt
from antiphon.conversation.settings import Mode, Speculation
from antiphon.conversation.state import Plan, Reply, Standing, Trigger
from antiphon.conversation.stepping import Step
from antiphon.conversation.words import same_words

_FREE_WASTE = 2  # replies to turns that may be thrown away before any share is reckoned


def speculate(s: Step, text: str) -> None:
    """Prepares the reply to a turn that is likely over."""
    if (
        s.settings.speculation is Speculation.OFF
        or s.settings.mode is not Mode.STREAMING
        or not text
        or s.state.on_hold
    ):
        return
    if s.state.farewell or s.state.live or answers(s.state.speculative, text):
        return
    drop(s)  # it was made for other words
    if _may_waste_another(s):
        prepare(s, Plan(Trigger.TURN), said=text, voiced=s.settings.speculation is Speculation.LLM_TTS)


def _may_waste_another(s: Step) -> bool:
    """Whether one more may be thrown away: in the long run they are `speculation_waste` of all replies to turns. The
    first ones are free, or a call that begins with a hesitation would never find out that it goes better later."""
    share = s.settings.speculation_waste
    return share >= 1 or s.state.wasted < (_FREE_WASTE if share > 0 else 0) + s.state.answered * share / (1 - share)


def prepare(s: Step, plan: Plan, *, said: str = "", voiced: bool = True) -> None:
    """Makes a reply that is not certain to be wanted, on top of what the caller `said` in a turn not yet closed.
    `voiced`: its first sentence is spoken, too, for nobody to hear yet."""
    drop(s)
    source = prompt(s, plan, said=said)
    reply = Reply(s.new_id("resp"), s.new_id("msg"), plan, source, Standing.SPECULATIVE, basis=said)
    s.set(speculative=reply)
    s.do(StartReply(reply.reply_id, reply.item_id, source, speculative=True, voiced=voiced))


def drop(s: Step) -> None:
    if reply := s.state.speculative:
        s.set(speculative=None, wasted=s.state.wasted + (reply.plan.trigger is Trigger.TURN))
        s.do(CancelReply(reply.reply_id))


def answers(reply: Reply | None, text: str) -> bool:
    """Whether a reply in preparation was made for these words."""
    return reply is not None and same_words(reply.basis, text)
