"""A session among sounds: with a VAD by level and an STT that understands tones."""

import asyncio

import numpy as np

from antiphon.lab.eval.corpus import RATE
from antiphon.lab.eval.overlapping import white_noise
from antiphon.lab.eval.overlaps import REPLY, Echo, Outcome, Room, Table
from antiphon.lab.eval.ruled import RuledLoop
from antiphon.lab.eval.sounds import Kind, Sound
from antiphon.lab.scripted import EnergyVad, ScriptedStt
from antiphon.lab.simulated_call import SimulatedCall
from antiphon.lab.tones import ToneCode

CODE = ToneCode([REPLY, "stop that please", "mmhmm"])


def hear(text: str, kind: Kind, *, level: float = 1.0) -> Outcome:
    samples = np.frombuffer(CODE.speak(text, RATE)[0], "<i2") * level
    sound = Sound(text, kind, samples.astype(np.int16), 1.5, -70.0, synthetic=True)
    table = Table(ScriptedStt(CODE), EnergyVad(), white_noise())
    with asyncio.Runner(loop_factory=RuledLoop) as runner:
        return runner.run(table.hear(sound))


def test_an_interruption_is_given_way_to():
    outcome = hear("stop that please", Kind.INTERRUPTION)
    assert outcome.gave_way and not outcome.kept
    assert outcome.held is not None and outcome.held < 0.2
    assert outcome.stopped is not None and outcome.stopped < 1.0


def test_a_backchannel_is_talked_through_without_a_word_lost_or_said_twice():
    outcome = hear("mmhmm", Kind.BACKCHANNEL)
    assert outcome.kept and not outcome.gave_way
    assert len(outcome.gaps) == 1 and outcome.lost == outcome.doubled == 0


def test_what_cannot_be_heard_does_nothing():
    outcome = hear("stop that please", Kind.BACKGROUND, level=0.01)
    assert outcome.kept and outcome.held is None and outcome.gaps == ()
    assert outcome.vad_only == (None, None)


def test_the_vad_alone_stops_for_a_backchannel():
    assert hear("mmhmm", Kind.BACKCHANNEL).vad_only[0] is not None


def test_an_echo_is_what_was_played_later_and_quieter():
    async def main() -> None:
        call = SimulatedCall(CODE)
        played = (np.ones(RATE) * 10_000).astype("<i2").tobytes()
        call.client.playback.receive("r", played, at=1.0)
        call.client.playback.rate = RATE
        room = Room(np.zeros(RATE, dtype=np.int16), -90.0, seed=0, echo=Echo(call, db=-20.0, delay=0.2))
        silent = np.frombuffer(room(1.1, bytes(640)), "<i2")
        heard = np.frombuffer(room(1.3, bytes(640)), "<i2")
        assert not silent.any() and set(heard) == {1000}

    asyncio.run(main())
