"""aiortc on both sides of a loopback: what a browser does, without a browser."""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from antiphon.conversation import notices as out
from antiphon.lab.scripted import LlmTiming, ScriptedLlm
from antiphon.session.makings import Hooks
from tests.doors.serving import KEY, Served, with_server
from tests.server.serving import CODE, agent

aiortc = pytest.importorskip("aiortc", reason="needs aiortc")
av = pytest.importorskip("av")

RATE = 48_000
ORDER = "i want to book a table please"
LONG = "hello caller your table is booked " * 6
NO_STUN = aiortc.RTCConfiguration(iceServers=[])


class Microphone(aiortc.MediaStreamTrack):  # type: ignore[misc]
    """Silence, and what it is told to say."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.pcm = b""
        self._frames = 0
        self._begun = 0.0

    async def recv(self) -> Any:
        loop = asyncio.get_running_loop()
        self._begun = self._begun or loop.time()
        await asyncio.sleep(max(self._begun + self._frames * 0.02 - loop.time(), 0))
        piece, self.pcm = self.pcm[:1920], self.pcm[1920:]
        samples = np.frombuffer(piece.ljust(1920, b"\0"), "<i2").reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._frames * 960, fractions.Fraction(1, RATE)
        self._frames += 1
        return frame


class Page:
    """A page with a call."""

    def __init__(self) -> None:
        self.peer = aiortc.RTCPeerConnection(NO_STUN)
        self.microphone = Microphone()
        self.peer.addTrack(self.microphone)
        self.channel = self.peer.createDataChannel("antiphon")
        self.events: list[dict[str, Any]] = []
        self.played = b""
        self._came = asyncio.Event()
        self._playing: asyncio.Task[None] | None = None
        self.channel.on("message", self._on_message)
        self.peer.on("track", self._on_track)

    async def call(self, here: Served, *, key: str = KEY, query: str = "") -> Any:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        offer = {"type": "offer", "sdp": self.peer.localDescription.sdp}
        answer = await here.http.post(f"/v1/webrtc{query}", json=offer, headers={"Authorization": f"Bearer {key}"})
        if answer.status_code == 201:
            await self.peer.setRemoteDescription(aiortc.RTCSessionDescription(**answer.json()))
            async with asyncio.timeout(10):
                while self.channel.readyState != "open":  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        return answer

    async def aclose(self) -> None:
        await self.peer.close()
        if self._playing:
            await asyncio.gather(self._playing, return_exceptions=True)

    def _on_message(self, text: str) -> None:
        self.events.append(json.loads(text))
        self._came.set()

    def _on_track(self, track: Any) -> None:
        self._playing = asyncio.create_task(self._play(track))

    async def _play(self, track: Any) -> None:
        with contextlib.suppress(aiortc.mediastreams.MediaStreamError):
            while True:
                frame = await track.recv()
                self.played += frame.to_ndarray().reshape(-1, 2)[:, 0].astype("<i2").tobytes()

    def send(self, kind: str, **fields: Any) -> None:
        self.channel.send(json.dumps({"type": kind, **fields}))

    def say(self, text: str) -> None:
        self.microphone.pcm = CODE.speak(text, RATE)[0]

    async def until(self, kind: str, count: int = 1, **fields: Any) -> dict[str, Any]:
        async with asyncio.timeout(15):
            while True:
                found = [e for e in self.events if e["type"] == kind and fields.items() <= e.items()]
                if len(found) >= count:
                    return found[count - 1]
                self._came.clear()
                await self._came.wait()

    def heard(self) -> list[str]:
        return [word.text for word in CODE.decode(self.played, RATE)]


@contextlib.asynccontextmanager
async def calling(here: Served, *, query: str = "") -> AsyncIterator[Page]:
    page = Page()
    try:
        answer = await page.call(here, query=query)
        assert answer.status_code == 201, answer.text
        yield page
    finally:
        await page.aclose()
        await over(here)


async def over(here: Served) -> None:
    """Until the server has nothing left of the call."""
    async with asyncio.timeout(10):
        while any(task.get_name().startswith("webrtc") for task in asyncio.all_tasks()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_a_turn_is_heard_and_answered_and_its_audio_is_not_on_the_channel() -> None:
    async def test(here: Served) -> None:
        async with calling(here) as page:
            page.send("session.update", session={})
            await page.until("reply.done")
            page.say(ORDER)
            assert (await page.until("transcript.user"))["text"] == ORDER
            await page.until("reply.done", 2)
            await asyncio.sleep(0.3)
            assert page.heard() == ["hello", "caller", "your", "table", "is", "booked"]
            assert not [event for event in page.events if event["type"] == "reply.audio"]

    with_server(test)


@pytest.mark.parametrize("encoding", ["audio/pcm", "audio/pcmu"])
def test_a_barge_in_leaves_the_history_with_what_the_caller_heard(encoding: str) -> None:
    notices: list[out.Notice] = []
    audio = {"format": {"encoding": encoding}}

    async def test(here: Served) -> None:
        async with calling(here) as page:
            page.send("session.update", session={"greeting": "", "input": audio, "output": audio})
            await page.until("session.ready")
            page.send("reply.create", instructions="Talk at length.")
            await page.until("reply.started")
            await asyncio.sleep(1.5)
            page.say(ORDER)
            cut = await page.until("transcript.agent", interrupted=True)
            await asyncio.sleep(0.5)
            cut_words, heard = cut["text"].split(), page.heard()
            assert 0 < len(cut_words) < len(LONG.split())
            assert abs(len(cut_words) - len(heard)) <= 1 and heard[: len(cut_words)] == cut_words[: len(heard)]

    llm = ScriptedLlm(LONG, timing=LlmTiming.instant())
    with_server(test, agent(llm=llm, hooks=Hooks(on_notice=notices.append)))


def test_a_call_that_is_lost_goes_on_over_another_one() -> None:
    async def test(here: Served) -> None:
        async with calling(here) as page:
            page.send("session.update", session={})
            ready = await page.until("session.ready")
            await page.until("reply.done")
        async with calling(here) as again:
            again.send("session.resume", session_id=ready["session_id"])
            await again.until("session.ready")
            again.say(ORDER)
            await again.until("reply.done")
            await asyncio.sleep(0.3)
            assert again.heard() == ["your", "table", "is", "booked"]
        kept = await here.http.get(f"/v1/sessions/{ready['session_id']}", headers={"Authorization": f"Bearer {KEY}"})
        assert kept.status_code == 200

    with_server(test)


def test_what_is_no_offer_is_refused() -> None:
    async def test(here: Served) -> None:
        headers = {"Authorization": f"Bearer {KEY}"}
        for body in (b"", b"[]", b'{"sdp": 7}', b'{"sdp": "v=0"}', b'{"sdp": "m=audio nonsense"}', b"x" * 100_000):
            answer = await here.http.post("/v1/webrtc", content=body, headers=headers)
            assert answer.status_code == 400 and answer.json()["message"], body
        await over(here)

    with_server(test)


def test_a_stranger_is_not_answered_and_another_origin_is_told_so() -> None:
    async def test(here: Served) -> None:
        page = Page()
        assert (await page.call(here, key="not-a-key-of-this-server")).status_code == 401
        await page.aclose()
        asked = {"Origin": "https://elsewhere.example"}
        assert (await here.http.options("/v1/webrtc", headers=asked)).status_code == 403
        allowed = await here.http.options("/v1/webrtc", headers={"Origin": "https://shop.example"})
        assert allowed.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        await over(here)

    with_server(test, origins=("https://shop.example",))


@pytest.mark.soak
def test_cuts_at_any_moment_leave_the_history_with_what_was_heard(cuts: int = 30) -> None:
    counts = {"exact": 0, "short": 0, "over": 0}

    async def cut(here: Served, seed: int) -> None:
        async with calling(here) as page:
            page.send("session.update", session={"greeting": ""})
            await page.until("session.ready")
            page.send("reply.create", instructions="Talk at length.")
            await page.until("reply.started")
            await asyncio.sleep(random.Random(seed).uniform(1.0, 4.0))
            page.say(ORDER)
            told = await page.until("transcript.agent", interrupted=True)
            await asyncio.sleep(0.5)
            words, heard = len(told["text"].split()), len(page.heard())
            counts["exact" if words == heard else "short" if words < heard else "over"] += 1

    async def test(here: Served) -> None:
        for first in range(0, cuts, 3):
            await asyncio.gather(*(cut(here, seed) for seed in range(first, first + 3)))

    with_server(test, agent(llm=ScriptedLlm(LONG * 2, timing=LlmTiming.instant())))
    print(counts)
    assert sum(counts.values()) == cuts and counts["over"] <= 1
