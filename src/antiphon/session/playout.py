"""Playing one reply at a time to the peer: paced, held and resumed, and always able to say what was heard.

Audio is sent a little ahead of when it is played (`LEAD`), so a hold is heard within the lead even by a client that
does not flush. Frames are short, the first one shortest. Nothing here decides anything: the core holds and resumes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from antiphon.audio.g711 import codec
from antiphon.audio.pcm import fade_in, gain, is_silent
from antiphon.conversation.events import Event, PlayoutFinished, PlayoutStarted, PlayoutStarved, PlayoutStopped
from antiphon.conversation.notices import AgentTranscriptDelta, ReplyAudio
from antiphon.session.peer import Peer
from antiphon.session.speech import Speech
from antiphon.types import AudioFormat

LEAD = 0.12  # seconds of audio sent before it is due
FRAME = 0.04  # seconds of audio in one message
FADE = 0.005  # seconds over which audio comes back after a hold
ACK_GRACE = 0.5  # seconds an acknowledging client may take to say it has played the last sample
LOOKAHEAD = 8.0  # seconds of audio made but not yet sent, above which the TTS is given no more text


class Playout:
    """Owned by a session; `run` is its only task. `play`, `hold`, `resume` and `stop` never block."""

    def __init__(
        self,
        *,
        audio_format: AudioFormat,
        peer: Peer,
        post: Callable[[Event], None],
        on_first_audible: Callable[[str], None],
        on_sent: Callable[[], None],
        lead: float = LEAD,
    ) -> None:
        self.volume = 100.0  # percent
        self.acknowledges = False  # the client has said at least once what it played
        self._format = audio_format
        self._encode = codec(audio_format).encode
        self._peer = peer
        self._post = post
        self._on_first_audible = on_first_audible
        self._on_sent = on_sent
        self._lead = lead
        self._frame = int(FRAME * audio_format.sample_rate)
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._clear()

    def _clear(self) -> None:
        self._speech: Speech | None = None
        self._reply_id = self._item_id = ""
        self._position = 0  # samples of the reply's audio sent
        self._due = 0.0  # loop time at which what was sent will have been played, delay apart
        self._held = False
        self._faded = True  # False: the next frame begins with a fade
        self._flowing = False  # audible audio was sent and has not starved since

    # --- orders ---------------------------------------------------------------------------------------------------

    def play(self, reply_id: str, item_id: str, speech: Speech) -> None:
        """Begins to play a reply, whose audio may still be in the making."""
        self._clear()
        self._reply_id, self._item_id, self._speech = reply_id, item_id, speech
        self.wake()

    def hold(self) -> None:
        self._held = True

    def resume(self) -> None:
        """Goes on: where it stopped if the client has not run dry yet, else from the start of the word it cut."""
        speech = self._speech
        if speech is None or not self._held:
            return
        self._held = False
        if 0 < self._position < speech.samples and self._has_run_dry(speech):
            self._position = speech.ledger.resume_at(self._position)
            self._faded = False
        self.wake()

    def stop(self, reply_id: str) -> None:
        """Ends the reply now, if it is the one being played, and answers with what was heard of it."""
        speech = self._speech
        if speech is None or reply_id != self._reply_id:
            return
        played = speech.ledger.played(self._loop.time())
        self._clear()
        self._post(PlayoutStopped(reply_id, played, speech.ledger.heard(played)))

    def acknowledge(self, reply_id: str, samples: int) -> None:
        """The client says how many samples of the reply it has played, as counted in what was sent to it."""
        if self._speech and reply_id == self._reply_id:
            self.acknowledges = True
            self._speech.ledger.acknowledge(samples)
            self.wake()

    def wake(self) -> None:
        """Something changed: more audio, an acknowledgement, an order."""
        self._wake.set()

    def wants_more(self, speech: Speech) -> bool:
        """Whether the TTS should be given more text: little audio of this reply is waiting to be sent."""
        sent = self._position if speech is self._speech else 0
        return speech.samples - sent < LOOKAHEAD * speech.rate

    # --- the pacing -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Sends what is due, until cancelled."""
        while True:
            self._wake.clear()
            wait = self._send_due()
            if wait == 0:
                await self._peer.drain()
                continue
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _send_due(self) -> float | None:
        """Sends one frame if one is due. Seconds until there may be more to do; 0: at once; None: when woken."""
        speech = self._speech
        if speech is None or self._held:
            return None
        now = self._loop.time()
        if self._position >= speech.samples:
            return self._at_end(speech, now)
        ahead = self._due - now
        if ahead > self._lead:
            return ahead - self._lead
        self._send_frame(speech, now)
        return 0

    def _has_run_dry(self, speech: Speech) -> bool:
        """Whether the client has played all it was sent."""
        clock = speech.ledger.clock
        return clock.played(self._loop.time()) >= clock.sent_samples

    def _send_frame(self, speech: Speech, now: float) -> None:
        start = self._position
        frame = self._frame // 2 if start == 0 else self._frame
        pcm = bytes(speech.pcm[start * 2 : (start + frame) * 2])
        if not self._faded:
            pcm = fade_in(pcm, int(FADE * speech.rate))
            self._faded = True
        samples = len(pcm) // 2
        self._say_words(speech, start + samples)
        audible = not is_silent(pcm)
        self._position = start + samples
        self._due = max(self._due, now) + samples / speech.rate
        speech.ledger.sent(start, samples, now)
        self._peer.send(ReplyAudio(self._reply_id, self._encode(gain(pcm, self.volume)), audible))
        self._on_sent()
        if audible and not self._flowing:
            self._flowing = True
            if start == 0:
                self._on_first_audible(self._reply_id)
            self._post(PlayoutStarted(self._reply_id))

    def _say_words(self, speech: Speech, end: int) -> None:
        """Transcript deltas go out as the audio of their words does, each once."""
        for word in speech.ledger.take_words(end):
            milliseconds = 1000 / speech.rate
            self._peer.send(
                AgentTranscriptDelta(
                    self._reply_id,
                    self._item_id,
                    word.text,
                    round(word.start * milliseconds),
                    None if word.end is None else round(word.end * milliseconds),
                )
            )

    def _at_end(self, speech: Speech, now: float) -> float | None:
        """All audio there is has been sent: the reply has ended when it has been played, or it starves."""
        if not speech.complete:
            if self._flowing:
                self._flowing = False
                self._post(PlayoutStarved(self._reply_id))
            return None
        if not self._has_run_dry(speech):
            ends_at = speech.ledger.clock.ends_at + (ACK_GRACE if self.acknowledges else 0.0)
            if ends_at > now:
                return ends_at - now
        reply_id, heard = self._reply_id, speech.ledger.heard(speech.samples)
        self._clear()
        self._post(PlayoutFinished(reply_id, heard))
        return None
