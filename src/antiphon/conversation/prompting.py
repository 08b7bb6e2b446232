"""What the model is asked: the history, fitted to its window."""

from __future__ import annotations

from antiphon.conversation.actions import Forget, Prompt
from antiphon.conversation.history import GO_ON, STILL_RUNNING, estimate_tokens
from antiphon.conversation.state import Plan
from antiphon.conversation.stepping import Step
from antiphon.types import Message, Role


def prompt(s: Step, plan: Plan, *, said: str | None = None) -> Prompt:
    """The model's input, fitted to its window. `said` is what the caller said in a turn not yet closed; not None: the
    reply is not certain, and nothing else may come of it."""
    settings, history = s.settings, s.state.history
    instructions = "\n".join(filter(None, (*s.state.result_instructions, plan.instructions)))
    if said:
        history = history.said(Role.USER, said)
    fitted, dropped = history.fit(tokens=_room(s, instructions))
    if said is None:
        if dropped:
            s.do(Forget(dropped, history.summary))
        s.set(history=fitted, results_unsaid=False, result_instructions=())
    messages = fitted.request(system_prompt=settings.system_prompt, instructions=instructions)
    return Prompt(messages, settings.tools)


def _room(s: Step, instructions: str) -> int:
    """Tokens of the model's window that are left for the history."""
    settings, summary = s.settings, s.state.history.summary
    fixed = [Message(Role.SYSTEM, text) for text in (settings.system_prompt, summary, instructions or GO_ON)]
    fixed += [Message(Role.SYSTEM, f"{tool.name} {tool.description} {tool.parameters}") for tool in settings.tools]
    fixed += [Message(Role.TOOL, STILL_RUNNING) for _ in s.state.pending]
    return max(settings.context_window - settings.max_tokens - sum(map(estimate_tokens, fixed)), 0)
