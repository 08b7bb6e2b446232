"""The agent's words on their way out: replies made, primed for, committed and dropped, and the one that is played."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from antiphon.audio.playout import ReplyLedger
from antiphon.conversation import actions as act
from antiphon.conversation.events import Event
from antiphon.conversation.notices import Notice, ReplyCost
from antiphon.conversation.settings import Settings
from antiphon.conversation.state import State
from antiphon.providers.base import Rewarming
from antiphon.session.makings import SessionOptions, Stages, spoken_language
from antiphon.session.metering import Meter
from antiphon.session.peer import Peer
from antiphon.session.playout import Playout
from antiphon.session.priming import Primer
from antiphon.session.replying import Reply, Voice
from antiphon.session.tasks import Tasks
from antiphon.session.telling import TurnClock
from antiphon.types import Cost, SessionConfig


class Mouth:
    """One session's speech."""

    def __init__(
        self,
        *,
        config: SessionConfig,
        stages: Stages,
        options: SessionOptions,
        before_speech: Callable[[str], str] | None,
        peer: Peer,
        tasks: Tasks,
        clock: TurnClock,
        meter: Meter,
        post: Callable[[Event], None],
        tell: Callable[[Notice], None],
        watch: Callable[[Notice], None],
    ) -> None:
        """`tell` passes notices on to everyone, `watch` to whoever watches on this side only."""
        self._llm = stages.llm
        self._delay = options.client_delay
        self._tasks = tasks
        self._clock = clock
        self._meter = meter
        self._post = post
        self._tell = tell
        self._watch = watch
        self._loop = asyncio.get_running_loop()
        self._primer = Primer(stages.llm, tasks)
        self._warmable = [each for each in (stages.stt, stages.llm, stages.tts) if isinstance(each, Rewarming)]
        self._rewarming: asyncio.Task[None] | None = None
        self._replies: dict[str, tuple[Reply, asyncio.Task[None]]] = {}
        self._voice = Voice(
            stages.tts,
            rate=config.output_format.sample_rate,
            name=config.voice,
            language=spoken_language(config, options),
            before_speech=before_speech,
            spoken_form=options.spoken_form,
            lines=stages.lines,
        )
        self.playout = Playout(
            audio_format=config.output_format,
            peer=peer,
            post=post,
            on_first_audible=self._first_audible,
            on_sent=self._audio_sent,
            delay=options.client_delay,
        )
        self.playout.volume = config.volume

    async def prepare(self, line: str) -> None:
        """Makes sure that a line can be spoken whatever happens."""
        await self._voice.prepare(line)

    def rewarm(self) -> None:
        """A turn has begun, or is cut off: the connections that its answer needs are opened where they are not."""
        if self._warmable and (self._rewarming is None or self._rewarming.done()):
            self._rewarming = self._tasks.spawn(self._rewarm(), "rewarm")

    async def _rewarm(self) -> None:
        await asyncio.gather(*(provider.rewarm() for provider in self._warmable))

    def prime(self, state: State) -> None:
        """Nobody is answered: the model may read ahead what it will be asked."""
        self._primer.prime(state)

    def start(self, order: act.StartReply, settings: Settings) -> None:
        """Makes a reply, and plays it unless it is speculative."""
        if isinstance(order.source, act.Prompt):
            self._primer.stop()
        reply = Reply(
            order,
            llm=self._llm,
            voice=self._voice,
            ledger=ReplyLedger(self._voice.rate, delay=self._delay, words_apart=self._voice.words_apart),
            mode=settings.mode,
            max_tokens=settings.max_tokens,
            post=self._post,
            on_change=self.playout.wake,
            wants_more=self.playout.wants_more,
            on_made=self._watch,
            meter=self._meter.reply(),
        )
        self._replies[order.reply_id] = (reply, self._tasks.spawn(reply.run(), "reply"))
        if not order.speculative:
            self.commit(order.reply_id, order.by)

    def commit(self, reply_id: str, by: float | None) -> None:
        """Plays it, as soon as there is something to play; `by`: until when there must be, in loop time."""
        reply, _ = self._replies[reply_id]
        if by is not None:
            reply.budget.ends = by
        reply.commit()
        self._clock.reply_committed(reply.marks)
        self.playout.play(reply.reply_id, reply.item_id, reply.speech)

    def cancel(self, reply_id: str, *, at_word: bool = False) -> None:
        """Stops making it, and playing it if it is the one that is played: at once, or with the word it is at."""
        self._forget(reply_id)
        self.playout.stop(reply_id, at_word=at_word)
        self.rewarm()

    def keep_rest(self, order: act.KeepRest) -> None:
        """What was not heard of a reply goes on as another one."""
        reply, task = self._replies.pop(order.reply_id)
        reply.become(order.rest_id, order.rest_item_id)
        self._replies[order.rest_id] = (reply, task)

    def ended(self, reply_id: str, state: State) -> None:
        self._forget(reply_id)
        self._tell(ReplyCost(reply_id, self._meter.tell(), self.cost()))
        self.prime(state)

    def cost(self, *, saying: str = "") -> Cost:
        """Of the session so far, and of what it will say."""
        cost = self._meter.total(reply.meter for reply, _ in self._replies.values())
        return cost + self._meter.speaking(saying) if saying else cost

    def _forget(self, reply_id: str) -> None:
        """Whatever of the reply still runs is of no use any more: stopped at the source."""
        if found := self._replies.pop(reply_id, None):
            reply, task = found
            task.cancel()
            self._meter.ended(reply.meter)

    def _audio_sent(self) -> None:
        for reply, _ in self._replies.values():
            reply.room()

    def _first_audible(self, reply_id: str, at: float) -> None:
        """Its first audible sample is on its way, and plays at the loop time `at` where the network takes none."""
        reply, _ = self._replies[reply_id]
        if metrics := self._clock.first_audible(reply_id, reply.marks, at=at):
            self._tell(replace(metrics, cost=self.cost()))
