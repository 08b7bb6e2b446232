"""What a telephone costs: how much later the agent is, how much less it understands, and how soon it stops.

delay   the same turns by WebSocket at 24 kHz and by Twilio's frames in µ-law, scripted stages, on a virtual clock:
        from the caller's last sample to the first audible one of the reply, the difference of each pair. The
        processor time of a packet is measured apart, and is of the door, the codec and the resampling.
words   recorded orders, clean, and through µ-law at 8 kHz with lost packets, by the speech-to-text alone.
stop    recorded voices over a long reply, as `bench barge-in` has them: from the first voiced sample to the `clear`
        that reaches the carrier. There is no network.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace
from typing import Any

import msgspec

from antiphon.audio.g711 import decode_ulaw, encode_ulaw
from antiphon.audio.resample import Resampler, resample
from antiphon.conversation import notices as out
from antiphon.conversation.settings import Settings
from antiphon.lab import orders, virtual
from antiphon.lab.bench_barge_in import AFTERWARDS, INTO_REPLY, REPLY, ChargingLoop
from antiphon.lab.machine import machine, percentile, today
from antiphon.lab.orders import Order
from antiphon.lab.phone_call import START, PhoneCall, media, over_the_line
from antiphon.lab.scripted import ScriptedLlm
from antiphon.lab.simulated_call import SimulatedCall, scripted_stages
from antiphon.lab.tones import ToneCode
from antiphon.protocols.phone import PACKET
from antiphon.protocols.twilio import TwilioDoor
from antiphon.providers.stt.moonshine import Moonshine
from antiphon.providers.vad.silero import Silero
from antiphon.session.makings import SessionOptions, Stages
from antiphon.types import Role

TURNS = 100
PACKETS = 2000
LOSS = 0.01
MODEL_RATE = 16_000  # Hz
TRANSCRIBING = 120.0  # seconds that one recording may take, on a busy machine
SAID, ANSWER = "i would like to book a table", "your table is booked"


def run(*, json: bool = False, recordings: int | None = None) -> dict[str, Any]:
    """All three figures; the last two need the recordings."""
    callers = orders.load(recordings)
    return {
        "delay_ms": delay(),
        "processor_ms_a_packet": processor(),
        "slot_words": words(callers),
        "stop_ms": stop(callers),
        "machine": machine(),
        "date": today(),
    }


# --- delay ------------------------------------------------------------------------------------------------------------


def delay(turns: int = TURNS) -> dict[str, float]:
    """Milliseconds that the telephone is later, over the pairs."""
    late = [
        1000 * (by_phone - by_socket)
        for by_phone, by_socket in zip(_latencies(PhoneCall, turns), _latencies(SimulatedCall, turns), strict=True)
    ]
    return {"p50": percentile(late, 50), "p95": percentile(late, 95), "max": max(late), "turns": len(late)}


def _latencies(kind: type[SimulatedCall], turns: int) -> list[float]:
    async def call(seed: int) -> float:
        code = ToneCode([SAID, ANSWER])
        async with kind(code, stages=scripted_stages(code, ANSWER), seed=seed) as call:
            call.pause(random.Random(seed).uniform(0.2, 0.5))
            spoken = call.say(SAID)
            await call.client.until(out.ReplyDone)
            return call.first_audible(0) - spoken.ends

    return [virtual.run(call(seed)) for seed in range(turns)]


def processor(packets: int = PACKETS) -> dict[str, float]:
    """What a packet each way takes, in milliseconds of this thread."""
    door, up = TwilioDoor(), Resampler(8_000, MODEL_RATE)
    door.receive(msgspec.json.encode(START))
    speech = encode_ulaw(ToneCode([SAID]).speak(SAID, 8_000)[0])[:160]
    took = []
    for n in range(packets):
        packet = msgspec.json.encode(media(speech, at=n * PACKET))
        began = time.thread_time()
        for command in door.receive(packet):
            up.process(decode_ulaw(getattr(command, "data", b"")))
        door.send(out.ReplyAudio("r", encode_ulaw(decode_ulaw(speech)), True))
        took.append(1000 * (time.thread_time() - began))
    return {"p50": percentile(took, 50), "p99": percentile(took, 99), "packets": packets}


# --- words ------------------------------------------------------------------------------------------------------------


def words(callers: list[Order], *, loss: float = LOSS) -> dict[str, Any]:
    """How many of the slots' words are understood, clean and by telephone."""
    clean, phoned = asyncio.run(_understood(callers, loss))
    return {
        "clean": clean,
        "by_phone": phoned,
        "of": sum(len(caller.words) for caller in callers),
        "share_of_clean": phoned / max(clean, 1),
        "recordings": len(callers),
        "lost": loss,
    }


async def _understood(callers: list[Order], loss: float) -> tuple[int, int]:
    stt, clean, phoned = Moonshine(), 0, 0
    await stt.warm()
    for seed, caller in enumerate(callers):
        pcm, rate = caller.recording.pcm, caller.recording.rate
        clean += caller.found(await _transcribed(stt, resample(pcm, rate, MODEL_RATE)))
        line = over_the_line(resample(pcm, rate, 8_000), loss=loss, seed=seed)
        phoned += caller.found(await _transcribed(stt, resample(decode_ulaw(line), 8_000, MODEL_RATE)))
    await stt.aclose()
    return clean, phoned


async def _transcribed(stt: Moonshine, pcm: bytes) -> str:
    stream = await stt.open()
    try:
        stream.send(pcm)
        stream.finalize()
        async with asyncio.timeout(TRANSCRIBING):
            async for transcript in stream:
                if transcript.final:
                    return transcript.text
        return ""
    finally:
        await stream.aclose()


# --- stop -------------------------------------------------------------------------------------------------------------


def stop(callers: list[Order]) -> dict[str, Any]:
    """Milliseconds from the first voiced sample to the clear."""
    with asyncio.Runner(loop_factory=ChargingLoop) as runner:
        measured = runner.run(_stops(callers))
    known = [late for late in measured if late is not None]
    return {
        "p50": percentile(known, 50),
        "p95": percentile(known, 95),
        "max": max(known, default=float("nan")),
        "stopped": len(known),
        "of": len(measured),
    }


async def _stops(callers: list[Order]) -> list[float | None]:
    code = ToneCode([REPLY])
    stages = replace(scripted_stages(code), vad=Silero(), stt=Moonshine())
    await stages.vad.warm()
    await stages.stt.warm()
    return [await _stopped(caller, code, stages, seed) for seed, caller in enumerate(callers)]


async def _stopped(caller: Order, code: ToneCode, stages: Stages, seed: int) -> float | None:
    call = PhoneCall(
        code,
        stages=replace(stages, llm=ScriptedLlm(REPLY, seed=seed)),
        options=SessionOptions(settings=Settings(max_tokens=1000)),
        seed=seed,
    )
    async with call:
        call.session.add_message(Role.USER, "Which tables do you have?")
        call.session.reply()
        await call.client.until(out.ReplyStarted)
        await asyncio.sleep(random.Random(seed).uniform(*INTO_REPLY))
        spoken = call.play(caller.speech(), caller.recording.rate)
        await asyncio.sleep(spoken.ends - asyncio.get_running_loop().time() + AFTERWARDS)
        return next((1000 * (at - spoken.begins) for at in call.client.clears if at >= spoken.begins), None)
