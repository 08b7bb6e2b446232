"""How the simulated agent speaks: scripted answers of the model, and their playout word by word."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from antiphon.conversation import events as ev
from antiphon.types import ToolCall

if TYPE_CHECKING:
    from tests.conversation.simulate import Call

WORD = 250  # ms of audio


@dataclass(frozen=True)
class Answer:
    """What the model does with one request."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    takes: float = 400  # ms until the first audio, or until the calls
    fails: bool = False  # after `text`
    hangs: bool = False  # after `text`; with no text: from the start

    @property
    def words(self) -> list[str]:
        return self.text.split()


@dataclass
class Speech:
    """One reply. `epoch` moves with each order, so that what was scheduled before it is void."""

    answer: Answer
    ready: float
    live: bool
    epoch: int = 0
    held: bool = False
    started: float | None = None  # when it last began to flow
    position: float = 0  # ms of its audio played before that


class Speaker:
    def __init__(self, call: Call) -> None:
        self._call = call
        self._speeches: dict[str, Speech] = {}
        self._stopped: dict[str, ev.PlayoutStopped] = {}  # of the replies that were cancelled
        self._became: dict[str, str] = {}  # reply -> the rest of it

    def start(self, reply_id: str, answer: Answer, *, speculative: bool) -> None:
        ready = self._call.now + answer.takes
        self._speeches[reply_id] = Speech(answer, ready, live=not speculative)
        self._call.later(ready, lambda: self._written(reply_id))
        self._flow(reply_id)

    def commit(self, reply_id: str) -> None:
        self._speeches[reply_id].live = True
        self._flow(reply_id)

    def hold(self, reply_id: str) -> None:
        speech = self._speeches[reply_id]
        speech.position, speech.started = self._played(speech), None
        speech.held = True
        speech.epoch += 1

    def resume(self, reply_id: str) -> None:
        speech = self._speeches[reply_id]
        speech.held = False
        speech.position -= speech.position % WORD  # from the start of the word that was cut
        self._flow(reply_id)

    def cancel(self, reply_id: str, *, stops_after: float | None) -> None:
        speech = self._speeches.pop(reply_id)
        if speech.live and stops_after is not None:
            played = self._played(speech)
            stopped = ev.PlayoutStopped(reply_id, int(played * 24), self._heard(speech, played))
            self._stopped[reply_id] = stopped
            if stops_after:
                self._call.at(self._call.now + stops_after, stopped)
            else:
                self._call.post(stopped)

    def lose(self, reply_id: str) -> None:
        """Stops, and says where the word begins that was cut, or is next."""
        if (speech := self._speeches.get(reply_id)) is None:
            if reply_id in self._stopped:
                self._call.post(self._stopped[reply_id])
            return
        played = self._played(speech)
        speech.position, speech.started = played, None
        speech.epoch += 1
        before = speech.answer.words[: int(played // WORD)]
        rest = len(" ".join(before)) + bool(before)
        self._call.post(ev.PlayoutStopped(reply_id, int(played * 24), self._heard(speech, played), rest))

    def keep_rest(self, reply_id: str, rest_id: str) -> None:
        speech = self._speeches.pop(reply_id)
        words = speech.answer.words[int(speech.position // WORD) :]
        self._became[reply_id] = rest_id
        answer = replace(speech.answer, text=" ".join(words))
        self._speeches[rest_id] = Speech(answer, speech.ready, live=False)

    # --- as time goes by ------------------------------------------------------------------------------------------

    def _written(self, reply_id: str) -> None:
        while reply_id in self._became:
            reply_id = self._became[reply_id]
        if (speech := self._speeches.get(reply_id)) is None:
            return
        answer = speech.answer
        if answer.text:
            self._call.post(ev.ReplyText(reply_id, answer.text))
        for tool in answer.calls:
            self._call.post(ev.ReplyToolCall(reply_id, tool))
        if answer.fails:
            self._call.post(ev.ReplyFailed(reply_id, "llm", "overloaded"))
        elif not answer.hangs:
            self._call.post(ev.ReplyWritten(reply_id))

    def _flow(self, reply_id: str) -> None:
        """Audio flows from `position`, as soon as there is any and the reply is live."""
        speech = self._speeches[reply_id]
        speech.epoch += 1
        if speech.live and not speech.held:
            self._when(reply_id, max(self._call.now, speech.ready), self._begin)

    def _begin(self, reply_id: str) -> None:
        speech = self._speeches[reply_id]
        total = len(speech.answer.words) * WORD
        if not total and speech.answer.hangs:
            return
        if total:
            speech.started = self._call.now
            self._call.post(ev.PlayoutStarted(reply_id))
        self._when(reply_id, self._call.now + total - speech.position, self._end, of=speech)

    def _end(self, reply_id: str) -> None:
        speech = self._speeches[reply_id]
        speech.position, speech.started = self._played(speech), None
        if speech.answer.hangs:
            self._call.post(ev.PlayoutStarved(reply_id))
        else:
            del self._speeches[reply_id]
            self._call.post(ev.PlayoutFinished(reply_id, speech.answer.text))

    def _when(self, reply_id: str, time: float, do: object, *, of: Speech | None = None) -> None:
        speech = of or self._speeches[reply_id]
        epoch = speech.epoch

        def check() -> None:
            if self._speeches.get(reply_id) is speech and speech.epoch == epoch:
                do(reply_id)  # type: ignore[operator]

        self._call.later(time, check)

    def _played(self, speech: Speech) -> float:
        return speech.position + (self._call.now - speech.started if speech.started is not None else 0)

    def _heard(self, speech: Speech, played: float) -> str:
        """The words whose audio has begun."""
        words = speech.answer.words
        return " ".join(words[: int(-(-played // WORD))])
