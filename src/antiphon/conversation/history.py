"""What is remembered: only what was really said and heard, and always a valid input for the next request.

The log is kept as it happened. `request` makes the model's input of it: every tool call is followed by its result (or
by a note that it still runs), neighbouring messages of the caller are one, and the whole fits the model's window, with
the system prompt kept and the oldest turns dropped, at turn borders.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from antiphon.types import Message, Role, ToolCall

STILL_RUNNING = "This tool is still running; its result will follow."
JOINED = "(The caller has just joined the call.)"
GO_ON = "The caller has said nothing since. Go on, with whatever is new since you last spoke."
CHARS_PER_TOKEN = 3.5  # conservative for English; other scripts run lower, so the estimate counts bytes, not letters
MESSAGE_TOKENS = 8  # a chat template's own tokens around one message


@dataclass(frozen=True, slots=True)
class Entry:
    message: Message
    reply_id: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    entries: tuple[Entry, ...] = ()
    summary: str = ""

    def messages(self) -> tuple[Message, ...]:
        return tuple(entry.message for entry in self.entries)

    def last_said(self) -> str:
        """What was heard of the agent last."""
        texts = (entry.message.text for entry in reversed(self.entries) if entry.message.role is Role.ASSISTANT)
        return next((text for text in texts if text), "")

    def said(self, role: Role, text: str) -> History:
        """With a message of the caller's, or of the system's, at its end."""
        return replace(self, entries=(*self.entries, Entry(Message(role, text))))

    def spoken(self, reply_id: str, text: str, *, interrupted: bool) -> History:
        """With what was heard of a reply. A reply that called tools has its entry already, before their results."""
        for index, entry in enumerate(self.entries):
            if entry.reply_id == reply_id:
                message = replace(entry.message, text=text, interrupted=interrupted)
                return self._with(index, replace(entry, message=message))
        if not text:
            return self
        message = Message(Role.ASSISTANT, text, interrupted=interrupted)
        return replace(self, entries=(*self.entries, Entry(message, reply_id)))

    def called(self, reply_id: str, call: ToolCall) -> History:
        """With a tool call of a reply: its intent, recorded before it is dispatched."""
        for index, entry in enumerate(self.entries):
            if entry.reply_id == reply_id:
                message = replace(entry.message, tool_calls=(*entry.message.tool_calls, call))
                return self._with(index, replace(entry, message=message))
        return replace(self, entries=(*self.entries, Entry(Message(Role.ASSISTANT, "", (call,)), reply_id)))

    def returned(self, call: ToolCall, result: str) -> History:
        """With a tool's result, right behind the message that asked for it and any results before it. If that message
        was dropped meanwhile, the call is told again: a result never stands alone."""
        message = Message(Role.TOOL, result, call_id=call.call_id)
        for index, entry in enumerate(self.entries):
            if any(known.call_id == call.call_id for known in entry.message.tool_calls):
                at = index + 1
                while at < len(self.entries) and self.entries[at].message.role is Role.TOOL:
                    at += 1
                return replace(self, entries=(*self.entries[:at], Entry(message, entry.reply_id), *self.entries[at:]))
        return replace(self, entries=(*self.entries, Entry(Message(Role.ASSISTANT, "", (call,))), Entry(message)))

    def summarised(self, summary: str) -> History:
        return replace(self, summary=summary)

    def fit(self, *, tokens: int) -> tuple[History, tuple[Message, ...]]:
        """The history with the oldest turns dropped until it is estimated to take at most `tokens`, and what was
        dropped. The caller's newest turn always stays, with what followed it, whatever its size."""
        roles = [entry.message.role for entry in self.entries]
        starts = [i for i, role in enumerate(roles) if role is Role.USER]
        starts = starts or [i for i, role in enumerate(roles) if role is not Role.TOOL]  # a caller who never spoke
        size = sum(estimate_tokens(entry.message) for entry in self.entries)
        cut = 0
        for start in starts:
            if size <= tokens:
                break
            size -= sum(estimate_tokens(entry.message) for entry in self.entries[cut:start])
            cut = start
        dropped = tuple(entry.message for entry in self.entries[:cut])
        return replace(self, entries=self.entries[cut:]), dropped

    def request(self, *, system_prompt: str, instructions: str | None = None) -> tuple[Message, ...]:
        """The model's input, with something to answer at its end: what the caller said, what a tool returned, or, if
        the agent spoke last, a word that it may go on. `instructions` come last, as a system message, and are not
        remembered."""
        out: list[Message] = []
        prompt = "\n\n".join(part for part in (system_prompt, self.summary) if part)
        if prompt:
            out.append(Message(Role.SYSTEM, prompt))
        answered = {entry.message.call_id for entry in self.entries}
        for entry in self.entries:
            message = entry.message
            if message.role is Role.USER and out and out[-1].role is Role.USER:
                out[-1] = replace(out[-1], text=f"{out[-1].text} {message.text}")
                continue
            out.append(message)
            running = (call for call in message.tool_calls if call.call_id not in answered)
            out.extend(Message(Role.TOOL, STILL_RUNNING, call_id=call.call_id) for call in running)
        if all(message.role is Role.SYSTEM for message in out):
            out.append(Message(Role.USER, JOINED))
        if instructions:
            out.append(Message(Role.SYSTEM, instructions))
        elif out[-1].role is Role.ASSISTANT:
            out.append(Message(Role.SYSTEM, GO_ON))
        return tuple(out)

    def _with(self, index: int, entry: Entry) -> History:
        return replace(self, entries=(*self.entries[:index], entry, *self.entries[index + 1 :]))


def estimate_tokens(message: Message) -> int:
    """A message's size for the model, on the high side. No tokenizer is the same for every provider."""
    written = len(message.text.encode()) + sum(len(call.name) + len(str(call.arguments)) for call in message.tool_calls)
    return MESSAGE_TOKENS + int(written / CHARS_PER_TOKEN)
