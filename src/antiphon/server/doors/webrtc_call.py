"""One call over WebRTC. Needs aiortc, the extra `webrtc`."""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import logging
import time
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np
from aiortc import (
    InvalidAccessError,
    InvalidStateError,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.exceptions import OperationError
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame
from starlette.requests import Request

from antiphon.protocols.tracks import FRAME, RATE, SAMPLES, Way
from antiphon.server.doors.tracks import Refused, TrackCall
from antiphon.server.runtime import Runtime
from antiphon.server.service import Service

log = logging.getLogger("antiphon.server")

ADMIT_TIMEOUT = 10.0  # seconds
ANSWER_TIMEOUT = 10.0  # seconds to gather the addresses of this machine
LOOK_EVERY = 25  # frames between two looks at the client's reports
STALE = 15.0  # seconds after which a report says nothing any more; browsers send one about every 5
# What a broken offer makes aiortc raise, of its own and of its parser's.
BROKEN = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)


class Call(TrackCall):
    """The session on one side, a peer connection on the other."""

    def __init__(self, request: Request, runtime: Runtime, service: Service, *, ice_servers: tuple[str, ...]) -> None:
        super().__init__(_scope(request), runtime, service)
        servers = [RTCIceServer(urls=url) for url in ice_servers]
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=servers))  # without one it asks a stranger's
        self._peer.on("datachannel", self._on_channel)
        self._peer.on("track", self._on_track)
        self._peer.on("connectionstatechange", self._on_state)
        self._channel: RTCDataChannel | None = None
        self._unsent: list[str] = []  # until there is a channel
        self._listening: asyncio.Task[None] | None = None

    async def run(self) -> None:
        try:
            await super().run()
        finally:
            if self._listening:
                self._listening.cancel()
                await asyncio.gather(self._listening, return_exceptions=True)
            await self._peer.close()

    async def answer(self, sdp: str) -> str:
        """The answer to an offer. Raises Refused."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.admitted), ADMIT_TIMEOUT)
        if not self.admitted.done():
            raise Refused(503, "internal_error", "The server is busy")
        self.admitted.result()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await self._peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
                kinds = [line.split()[0] for line in sdp.splitlines() if line.startswith("m=")]
                if sorted(kinds) != ["m=application", "m=audio"]:
                    raise Refused(400, "invalid_request", "An offer has one audio track and one data channel")
                self._peer.addTrack(Voice(self))
                await self._peer.setLocalDescription(await self._peer.createAnswer())
        except BROKEN as failure:
            raise Refused(400, "invalid_request", "The offer cannot be understood") from failure
        except TimeoutError as failure:
            raise Refused(503, "internal_error", "No address of this server was found in time") from failure
        return str(self._peer.localDescription.sdp)

    def _put(self, text: str) -> None:
        if self._channel is None:
            self._unsent.append(text)
        elif self._channel.readyState == "open":
            self._channel.send(text)

    # --- the peer's side ------------------------------------------------------------------------------------------

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if self._channel is not None:
            return
        self._channel = channel
        channel.on("message", self._on_message)
        channel.on("close", self.hang_up)
        waiting, self._unsent = self._unsent, []
        for text in waiting:
            self._put(text)

    def _on_message(self, data: str | bytes) -> None:
        self.seen = self._loop.time()
        kind = "text" if isinstance(data, str) else "bytes"
        self._inbox.put_nowait({"type": "websocket.receive", kind: data})

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio" and self._listening is None:
            self._listening = asyncio.create_task(self._listen(track), name="webrtc-track")

    def _on_state(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            self.hang_up()

    async def _listen(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
                self.hear(samples.mean(axis=1).astype("<i2").tobytes())

    async def way(self) -> Way | None:
        """What the client's last report says; None: it has sent none, or none of late."""
        for sender in self._peer.getSenders():
            for stats in (await sender.getStats()).values():
                if stats.type != "remote-inbound-rtp" or stats.roundTripTime is None:
                    continue
                if time.time() - stats.timestamp.timestamp() < STALE:
                    return Way(stats.roundTripTime, stats.jitter / RATE)
        return None


def _scope(request: Request) -> dict[str, Any]:
    """The offer's own; positions are sent in the client's name."""
    query = dict(parse_qsl(request.url.query, keep_blank_values=True))
    asked = filter(None, query.get("extensions", "").split(","))
    query["extensions"] = ",".join(dict.fromkeys([*asked, "playout"]))
    return {**request.scope, "query_string": urlencode(query).encode()}


class Voice(MediaStreamTrack):
    """The agent's track: a frame each 20 ms, taken when it is due and not before."""

    kind = "audio"

    def __init__(self, call: Call) -> None:
        super().__init__()
        self._call = call
        self._frames = 0
        self._begun = 0.0  # loop time
        self._way: Way | None = None

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        now = asyncio.get_running_loop().time()
        self._begun = self._begun or now
        await asyncio.sleep(max(self._begun + self._frames * FRAME - now, 0.0))
        if self._frames % LOOK_EVERY == 0:
            self._way = await self._call.way()
        samples = np.frombuffer(self._call.frame(self._way), "<i2").reshape(1, -1)
        frame = AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, self._frames * SAMPLES
        frame.time_base = fractions.Fraction(1, RATE)
        self._frames += 1
        return frame
