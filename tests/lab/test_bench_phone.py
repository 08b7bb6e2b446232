"""The bench of telephone calls: the line, the carrier, and what is made of them."""

from __future__ import annotations

import pytest

from antiphon.audio.g711 import decode_ulaw
from antiphon.audio.pcm import samples_of, silence
from antiphon.conversation import notices as out
from antiphon.errors import ConfigError, MissingDependency, ModelStoreError
from antiphon.lab import bench_phone, orders, virtual
from antiphon.lab.phone_call import PhoneCall, over_the_line
from antiphon.lab.simulated_call import scripted_stages
from antiphon.lab.tones import ToneCode

CODE = ToneCode(["i would like to book a table your is booked"])


def test_a_line_loses_the_share_that_it_is_to_lose_and_no_time() -> None:
    pcm = (b"\x00\x20" * 160) * 20_000
    line = decode_ulaw(over_the_line(pcm, loss=0.01))
    quiet = sum(not samples_of(line[at : at + 320]).any() for at in range(0, len(line), 320))
    assert len(pcm) - 5 * 320 <= len(line) <= len(pcm)
    assert 0.006 < quiet / 20_000 < 0.014
    assert over_the_line(silence(800), loss=0.0)


def test_a_call_by_telephone_is_heard_answered_and_cut() -> None:
    async def main() -> None:
        stages = scripted_stages(CODE, "your table is booked " * 5)
        async with PhoneCall(CODE, stages=stages) as call:
            call.pause(0.3)
            call.say("i would like to book a table")
            await call.client.until(out.ReplyStarted)
            call.pause(2.5)
            call.say("i would like to book a table")
            done = await call.client.until(out.ReplyDone)
            assert done.status is out.ReplyStatus.INTERRUPTED and call.client.clears
            cut = call.client.all(out.AgentTranscript)[0].text.split()
            heard = call.heard(0, "your table is booked " * 5)
            assert 0 <= len(heard) - len(cut) <= 1

    virtual.run(main())


def test_a_telephone_adds_next_to_no_delay() -> None:
    assert bench_phone.delay(turns=5)["max"] <= 25


@pytest.mark.local
def test_what_people_order_is_understood_by_telephone_and_they_are_given_the_floor() -> None:
    try:
        callers = orders.load(3)
        words, stop = bench_phone.words(callers), bench_phone.stop(callers)
    except (ConfigError, MissingDependency, ModelStoreError) as missing:
        pytest.skip(str(missing))
    assert words["share_of_clean"] >= 0.8
    assert stop["stopped"] == 3
