"""Playing one reply at a time to the peer: paced, held and resumed, and always able to say what was heard.

Audio is sent a little ahead of when it is played (`LEAD`), so a hold is heard within the lead even by a client that
does not flush. Frames are short, the first one shortest. Nothing here decides anything: the core holds and resumes.

What was heard of a reply that is stopped is not guessed where it can be known. Nothing more is sent, and the answer
waits until what was sent has been played: a third of a second at most. Only a client that was told to flush does not
play the rest: it says how far it came, or, if it never says so, is taken to have heard a little less than likely.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from antiphon.audio.g711 import codec
from antiphon.audio.pcm import fade_in, first_audible, gain
from antiphon.conversation.events import Event, PlayoutFinished, PlayoutStarted, PlayoutStarved, PlayoutStopped
from antiphon.conversation.notices import AgentTranscriptDelta, ReplyAudio
from antiphon.session.peer import Peer
from antiphon.session.speech import Speech
from antiphon.types import AudioFormat

LEAD = 0.12  # seconds of audio sent before it is due
FRAME = 0.04  # seconds of audio in one message
FADE = 0.005  # seconds over which audio comes back after a hold
ACK_GRACE = 0.5  # seconds an acknowledging client may take to say it has played the last sample
ACK_WAIT = 0.35  # the same, of a reply that was stopped: the turn that stopped it takes longer than that
ASK_AGAIN = 0.05  # seconds between two looks for a sign of life
DOUBT = 30.0  # seconds without one, after which the connection would have been closed as dead
INAUDIBLE = 0.002  # seconds: less of a word than this, at its very beginning, nobody has heard
FLUSH_MARGIN = 0.06  # seconds; the way of a flush and the way of the audio differ by less: twice a jitter of 30 ms
AHEAD = 2  # sentences given to the TTS beyond the one that is played: what an interruption pays for in vain
LATELY = 1.5  # seconds after its end for which a reply may still come back as an echo
LATELY_CHARS = 160  # about ten seconds of speech
TINY = 1e-6  # seconds; a shorter wait is an error of rounding


class Playout:
    """Owned by a session. Nothing here blocks, and there is no task: what is due is sent from the loop's timers."""

    def __init__(
        self,
        *,
        audio_format: AudioFormat,
        peer: Peer,
        post: Callable[[Event], None],
        on_first_audible: Callable[[str, float], None],
        on_sent: Callable[[], None],
        delay: float,
        lead: float = LEAD,
    ) -> None:
        """`delay` in seconds, from sending audio to its being played, for a client that never says."""
        self.volume = 100.0  # percent
        self.acknowledges = False  # the client has said at least once what it played
        self._encode = codec(audio_format).encode
        self._peer = peer
        self._post = post
        self._on_first_audible = on_first_audible
        self._on_sent = on_sent
        self._delay = delay
        self._lead = lead
        self._frame = int(FRAME * audio_format.sample_rate)
        self._loop = asyncio.get_running_loop()
        self._before = ""  # what was heard of the reply that was played last
        self._ended_at = float("-inf")  # loop time at which it ended
        self._next: asyncio.Handle | None = None  # the next look at what is due
        self._clear()

    def _clear(self) -> None:
        self._speech: Speech | None = None
        self._reply_id = self._item_id = ""
        self._position = 0  # samples of the reply's audio sent
        self._due = 0.0  # loop time at which what was sent will have been played, delay apart
        self._unsaid = False  # words have begun in what was sent whose text was not
        self._held = False
        self._faded = True  # False: the next frame begins with a fade
        self._flowing = False  # audible audio was sent and has not starved since
        self._sounded = False  # audible audio was sent
        self._acknowledged_at = 0.0  # loop time of the client's last word on this reply
        self._flushed_at: float | None = None  # loop time at which the client was told to drop what it has not played
        self._stop_by: float | None = None  # loop time by which a stop is answered; None: it was not stopped
        self._stop_at: int | None = None  # the sample at which it is to be stopped

    # --- orders ---------------------------------------------------------------------------------------------------

    def play(self, reply_id: str, item_id: str, speech: Speech) -> None:
        """Begins to play a reply, whose audio may still be in the making."""
        self._clear()
        if self._loop.time() - self._ended_at > LATELY:
            self._before = ""
        self._reply_id, self._item_id, self._speech = reply_id, item_id, speech
        self._position, self._faded = speech.begins, speech.begins == 0
        self.wake()

    def hold(self) -> None:
        self._held = True

    def resume(self) -> None:
        """Goes on: where it stopped if the client has not run dry yet, else from the start of the word it cut."""
        speech = self._speech
        if speech is None or not self._held:
            return
        self._held = False
        if speech.begins < self._position < speech.samples and self._has_run_dry(speech):
            self._position = max(speech.ledger.resume_at(self._position), speech.begins)
            self._faded = False
        self.wake()

    def flushed(self) -> None:
        """The client was told something on which it drops what it has not played."""
        self._flushed_at = self._loop.time()

    def stop(self, reply_id: str, *, at_word: bool = False) -> None:
        """Ends the reply, if it is the one being played: no more of it is sent, `at_word` than the rest of the word
        that was begun. Answered, soon, by PlayoutStopped."""
        speech = self._speech
        if speech is None or reply_id != self._reply_id:
            return
        if at_word and not self._held and self._position > speech.begins:
            self._stop_at = speech.ledger.word_end(self._position)
            self.wake()
            return
        now, ends_at = self._loop.time(), speech.ledger.clock.ends_at
        flushed = self._flushed_at is not None
        if self.acknowledges:
            self._stop_by = (now if flushed else max(now, ends_at)) + ACK_WAIT
        else:
            self._stop_by = now if flushed else max(now, ends_at)
        self.wake()

    def lose(self, reply_id: str, at: float) -> None:
        """The connection is lost, over which the client was there until `at`: what it had not played by then counts as
        not heard. Answered at once, by PlayoutStopped; the speech is that of the rest from then on."""
        speech = self._speech
        if speech is None or reply_id != self._reply_id:
            return
        at -= self._delay
        if self._flushed_at is not None:
            at = min(at, self._flushed_at + self._delay - FLUSH_MARGIN)
        played = speech.ledger.played(at)
        self._clear()
        heard = speech.ledger.heard(played - self._inaudible(speech))
        rest = speech.ledger.cut(played)
        self._post(PlayoutStopped(reply_id, played, heard, rest))

    def settle(self) -> None:
        """Nothing can be waited for any more: a stop is answered now. Nothing is played afterwards."""
        if self._speech and (self._stop_by, self._stop_at) != (None, None):
            self._answer_stop(self._speech)
        self._clear()
        self._cancel_next()

    def acknowledge(self, reply_id: str, samples: int) -> None:
        """The client says how many samples of the reply it has played, as counted in what was sent to it."""
        if self._speech and reply_id == self._reply_id:
            self.acknowledges = True
            self._acknowledged_at = self._loop.time()
            self._speech.ledger.acknowledge(samples)
            self.wake()

    def wake(self) -> None:
        """Something changed: more audio, an acknowledgement, an order, room to send."""
        self._cancel_next()
        self._next = self._loop.call_soon(self._run)

    def heard(self) -> tuple[str, int, int]:
        """How much of the reply that is being played was heard by now: its id, samples, and characters of its text."""
        if (speech := self._speech) is None:
            return "", 0, 0
        played = speech.ledger.played(self._loop.time() + TINY)
        return self._reply_id, played, speech.ledger.heard_chars(played - self._inaudible(speech))

    @property
    def lately(self) -> str:
        """What was heard in the last seconds, for all that is likely: its words may be coming back as an echo."""
        now = self._loop.time() + TINY
        if self._speech:
            played = self._speech.ledger.played(now)
            return (self._before + " " + self._speech.ledger.heard(played))[-LATELY_CHARS:]
        return self._before[-LATELY_CHARS:] if now - self._ended_at <= LATELY else ""

    def wants_more(self, speech: Speech) -> bool:
        """Whether the TTS should be given more text: few sentences of this reply are ahead of what is played."""
        return speech.ahead(self._position if speech is self._speech else speech.begins) < AHEAD

    # --- the pacing -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        """Does one thing that is due; the next one in another pass of the loop, so that what was sent leaves first."""
        self._next = None
        wait = self._step()
        if wait is not None and self._next is None:
            self._next = self._loop.call_later(wait, self._run) if wait > TINY else self._loop.call_soon(self._run)

    def _cancel_next(self) -> None:
        if self._next:
            self._next.cancel()
            self._next = None

    def _step(self) -> float | None:
        """Does one thing that is due. Seconds until the next may be; None: when woken."""
        speech, now = self._speech, self._loop.time()
        if speech is None:
            return None
        if self._unsaid:
            self._say_words(speech)
        if self._stop_by is not None:
            return self._stopping(speech, now)
        if self._stop_at is not None and self._position >= self._stop_at:
            self._stop_at = None
            self.stop(self._reply_id)
            return None
        if self._held or self._peer.congested:
            return None
        if self._position >= speech.samples:
            return self._at_end(speech, now)
        early = self._due - now - self._lead
        if early > TINY:
            return early
        self._send_frame(speech, now)
        return 0.0

    def _send_frame(self, speech: Speech, now: float) -> None:
        start = self._position
        frame = self._frame // 2 if start == speech.begins else self._frame
        if self._stop_at is not None:
            frame = min(frame, self._stop_at - start)
        pcm = bytes(speech.pcm[start * 2 : (start + frame) * 2])
        if not self._faded:
            pcm = fade_in(pcm, int(FADE * speech.rate))
            self._faded = True
        samples = len(pcm) // 2
        audible = first_audible(pcm)
        plays = max(self._due, now)
        self._position = start + samples
        self._due = plays + samples / speech.rate
        self._flushed_at = None
        speech.ledger.sent(start, samples, now)
        self._peer.send(ReplyAudio(self._reply_id, self._encode(gain(pcm, self.volume)), audible is not None))
        self._unsaid = True
        self._on_sent()
        if audible is not None and not self._flowing:
            self._flowing = True
            if not self._sounded:
                self._sounded = True
                self._on_first_audible(self._reply_id, plays + audible / speech.rate)
            self._post(PlayoutStarted(self._reply_id))

    def _say_words(self, speech: Speech) -> None:
        """Transcript deltas go out as the audio of their words does, each once; the audio first."""
        self._unsaid = False
        for word in speech.ledger.take_words(self._position):
            start, end = self._milliseconds(speech, word.start), self._milliseconds(speech, word.end)
            self._peer.send(AgentTranscriptDelta(self._reply_id, self._item_id, word.text, start, end))

    @staticmethod
    def _milliseconds(speech: Speech, sample: int | None) -> int | None:
        """From the start of the reply's audio."""
        return None if sample is None else max(round((sample - speech.begins) * 1000 / speech.rate), 0)

    # --- the ends -------------------------------------------------------------------------------------------------

    def _at_end(self, speech: Speech, now: float) -> float | None:
        """All audio there is has been sent: the reply has ended when it has been played, or it starves."""
        if not speech.complete:
            if self._flowing:
                self._flowing = False
                self._post(PlayoutStarved(self._reply_id))
            return None
        if not self._is_played(speech):
            wait = speech.ledger.clock.ends_at + (ACK_GRACE if self.acknowledges else 0.0) - now
            if wait > TINY:
                return wait
        if not self._arrived(speech, now):
            return ASK_AGAIN
        reply_id, heard = self._reply_id, speech.ledger.heard(speech.samples)
        self._end(heard)
        self._post(PlayoutFinished(reply_id, heard))
        return None

    def _arrived(self, speech: Speech, now: float) -> bool:
        """Whether the client was still there when the end of the reply came; its connection may have died unnoticed."""
        clock = speech.ledger.clock
        if clock.acknowledged == clock.sent_samples or now > clock.ends_at + DOUBT:
            return True
        return self._peer.is_there(clock.ends_at - self._delay)

    def _stopping(self, speech: Speech, now: float) -> float | None:
        assert self._stop_by is not None
        wait = self._stop_by - now
        if wait > TINY and not self._is_played(speech):
            return wait
        self._answer_stop(speech)
        return None

    def _answer_stop(self, speech: Speech) -> None:
        at = self._loop.time() + TINY
        if self._flushed_at is not None:
            at = self._flushed_at + self._delay - FLUSH_MARGIN  # when the flush arrives
        reply_id, played = self._reply_id, speech.ledger.played(at)
        heard = speech.ledger.heard(played - self._inaudible(speech))
        self._end(heard)
        self._post(PlayoutStopped(reply_id, played, heard))

    def _end(self, heard: str) -> None:
        self._clear()
        self._before, self._ended_at = heard, self._loop.time()

    @staticmethod
    def _inaudible(speech: Speech) -> int:
        return int(INAUDIBLE * speech.rate)

    def _is_played(self, speech: Speech) -> bool:
        """Whether the client is known to have played all it was sent."""
        clock = speech.ledger.clock
        return clock.played(self._loop.time() + TINY) >= clock.sent_samples

    def _has_run_dry(self, speech: Speech) -> bool:
        """Whether the client has nothing left to play, for all that is likely."""
        clock = speech.ledger.clock
        if clock.acknowledged is None:
            return self._is_played(speech)
        since = self._loop.time() - self._acknowledged_at
        return clock.acknowledged + since * speech.rate >= clock.sent_samples
