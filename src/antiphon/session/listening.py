"""The caller's audio on its way in: decode, resample, VAD, STT. Plain calls, frame by frame; only facts leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from antiphon.audio.g711 import codec
from antiphon.audio.pcm import rms_dbfs
from antiphon.audio.resample import Resampler
from antiphon.audio.speech import last_voiced
from antiphon.conversation.events import Event, VoiceMeasured, VoiceStarted, VoiceStopped
from antiphon.providers.base import BatchingVadStream, VadStream
from antiphon.session.timers import Timers
from antiphon.session.transcribing import Transcriber
from antiphon.session.voice import VoiceGate
from antiphon.types import AudioFormat, SessionConfig

RATE = 16_000  # Hz, of everything behind the decoder
SAMPLES_PER_MS = RATE // 1000
TAIL_SECONDS = 8  # of audio kept: what the turn detector hears
SEARCHED_SECONDS = 5  # of it that the caller's last voiced sample is looked for in
MEASURE_AFTER = 160  # ms of a voice after which its level is told for the first time
MEASURE_EVERY = 320  # ms; and then again
SILENT = -100.0  # dBFS, the level of no sound at all
MISSING_AFTER = 1.0  # seconds without a frame after which silence is assumed
MISSING_STEP = 0.1  # seconds of silence assumed at a time
TINY = 1e-6  # seconds; a shorter wait is an error of rounding


class Ear:
    """One session's hearing. Owns the audio clock: milliseconds of audio received since the session began."""

    def __init__(
        self,
        *,
        config: SessionConfig,
        vad: VadStream,
        transcriber: Transcriber,
        timers: Timers,
        post: Callable[[Event], None],
        is_there: Callable[[float], bool],
    ) -> None:
        """`is_there` is the peer's (see Peer): a line that may be dead is not taken for a caller who is silent."""
        self._vad = vad
        self._submit = vad.submit if isinstance(vad, BatchingVadStream) else None
        self._gate = VoiceGate()
        self._format: AudioFormat | None = None
        self.configure(config)
        self._transcriber = transcriber
        self._timers = timers
        self._post = post
        self._is_there = is_there
        self._loop = asyncio.get_running_loop()
        self._samples = 0  # received so far, at RATE
        self._tail = bytearray()  # the newest TAIL_SECONDS of audio
        self._last_frame = self._loop.time()
        self._closed = False
        self._assumed = 0  # samples of silence assumed since then
        self._missing: asyncio.TimerHandle | None = None
        self._measured = 0.0  # ms of received audio up to which the level of the present voice has been told
        self._measure_at = 0.0  # ms of received audio at which it is told next
        self._last_voice: int | None = None  # ms of received audio at which the VAD last heard a voice

    @property
    def received(self) -> float:
        """Milliseconds of audio received."""
        return self._samples / SAMPLES_PER_MS

    def configure(self, config: SessionConfig) -> None:
        """Applies what the session was asked to be; its input format holds from the next frame on."""
        detection = config.turn_detection
        if config.input_format != self._format:
            self._format = config.input_format
            self._decode = codec(self._format).decode
            self._resample = Resampler(self._format.sample_rate, RATE)
        self._gate.threshold = detection.vad_threshold
        self._gate.hangover = max(1, min(3, detection.min_silence // 32))

    def feed(self, data: bytes) -> None:
        """Takes a frame of the peer's audio, of any length. Raises ProtocolError if it is not whole samples."""
        pcm = self._resample.process(self._decode(data))
        self._last_frame, self._assumed = self._loop.time(), 0
        if self._missing is None:
            self._missing = self._loop.call_later(MISSING_AFTER, self._assume_silence)
        self._take(pcm)

    def pause(self) -> None:
        """Nobody can send anything: no silence is assumed until `go_on`, or the next frame."""
        if self._missing:
            self._missing.cancel()
            self._missing = None

    def go_on(self) -> None:
        self._last_frame = self._loop.time()
        if self._missing is None:
            self._missing = self._loop.call_later(MISSING_AFTER, self._assume_silence)

    def close(self) -> None:
        """Hears nothing any more, and assumes no more silence."""
        self._closed = True
        self.pause()

    def _take(self, pcm: bytes) -> None:
        self._samples += len(pcm) // 2
        self._tail += pcm
        if len(self._tail) > (TAIL_SECONDS + 1) * RATE * 2:
            del self._tail[: -TAIL_SECONDS * RATE * 2]
        self._transcriber.send(pcm)
        if self._submit:
            self._submit(pcm, partial(self._detected, self.received))
        else:
            self._detected(self.received, self._vad.feed(pcm))

    def _detected(self, received: float, probabilities: list[float]) -> None:
        """What the VAD says of the audio up to `received` milliseconds. Time goes on in it only now: nothing is due
        before it is known whether the caller has spoken."""
        if self._closed:
            return
        for probability in probabilities:
            if change := self._gate.feed(probability):
                if change.started:
                    self._voice_started(change.at, received)
                else:
                    self._voice_stopped(change.at, int(received))
        if self._gate.on and received >= self._measure_at:
            lasted = int(received - self._measured)
            self._post(VoiceMeasured(self._level(self._measured, received), lasted, int(received)))
            self._measured, self._measure_at = received, received + MEASURE_EVERY
        self._timers.advance(received)

    def since(self, begin: float) -> bytes:
        """The audio from `begin` (milliseconds of received audio) on, or the last TAIL_SECONDS of it: 16-bit mono at
        RATE."""
        samples = min(self._samples - int(max(begin, 0)) * SAMPLES_PER_MS, TAIL_SECONDS * RATE)
        return bytes(self._tail[-2 * samples :]) if samples > 0 else b""

    def last_voice_at(self) -> Callable[[], float | None]:
        """Asked when a turn has ended: finds, whenever it is called, the loop time at which the caller's last voiced
        sample before now arrived. It takes half a millisecond, which the reply need not wait for."""
        tail, rest = bytes(self._tail[-SEARCHED_SECONDS * RATE * 2 :]), self._last_frame + self._assumed / RATE
        by_vad = None if self._last_voice is None else self._samples - self._last_voice * SAMPLES_PER_MS

        def find() -> float | None:
            sample = last_voiced(tail, rate=RATE)
            before_now = by_vad if sample is None else len(tail) // 2 - sample
            return None if before_now is None else rest - before_now / RATE

        return find

    def _voice_started(self, onset: int, received: float) -> None:
        self._transcriber.voiced()
        self._measured, self._measure_at = onset, onset + MEASURE_AFTER
        self._post(VoiceStarted(onset, int(received), self._level(onset, received)))

    def _level(self, begin: float, end: float) -> float:
        """In dBFS, of the audio between two positions in ms of received audio; of the newest of it, if it is long."""
        ends = len(self._tail) - 2 * (self._samples - int(end * SAMPLES_PER_MS))
        begins = max(ends - 2 * int((end - begin) * SAMPLES_PER_MS), 0)
        return max(rms_dbfs(bytes(self._tail[begins : max(ends, 0)])), SILENT)

    def _voice_stopped(self, last_voice: int, received: int) -> None:
        self._last_voice = last_voice
        self._post(VoiceStopped(last_voice, received))

    def _assume_silence(self) -> None:
        """A muted caller, or a device that sends nothing in silence, must not keep a turn open for ever."""
        wait = self._last_frame + MISSING_AFTER - self._loop.time()
        if wait < TINY:
            wait = MISSING_AFTER
            if self._gate.on or self._timers.awaits_audio:
                wait = MISSING_STEP
                if self._is_there(self._loop.time() - MISSING_AFTER):
                    self._assumed += int(MISSING_STEP * RATE)
                    self._take(bytes(int(MISSING_STEP * RATE) * 2))
        self._missing = self._loop.call_later(wait, self._assume_silence)
