"""A server on the loopback interface that speaks as Google Cloud Speech-to-Text v2 does, in the vendor's messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
from google.cloud.speech_v2 import types

from tests.emulators.faults import Fault
from tests.emulators.google_grpc import GoogleEmulator
from tests.emulators.hearing import Hearing, slices, text

ENDPOINTING = 0.6  # seconds of a pause that settle what was said
LONGEST = 15_360  # bytes of audio that a request may hold


class GoogleTranscription(GoogleEmulator):
    """`configs` are those of each recognition, `audio` what each was sent. `stopped_at` is when one got its last."""

    service = "google.cloud.speech.v2.Speech"

    def __init__(self, fault: Fault | None = None, *, key: str = "key") -> None:
        super().__init__(fault)
        self.configs: list[Any] = []
        self.audio: list[bytearray] = []
        self.requested: list[str] = []  # the recognizers

    def handlers(self) -> Mapping[str, grpc.RpcMethodHandler[Any, Any]]:
        return {
            "StreamingRecognize": grpc.stream_stream_rpc_method_handler(
                self._recognize,
                request_deserializer=types.StreamingRecognizeRequest.deserialize,
                response_serializer=types.StreamingRecognizeResponse.serialize,
            )
        }

    async def left(self) -> float:
        async with asyncio.timeout(1):
            await self.someone_left.wait()
        self.someone_left.clear()
        assert self.stopped_at is not None
        return self.stopped_at

    async def _recognize(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        await self.refuse(context)
        async for answer in self.answer(context, self._pieces(requests, context)):
            yield answer

    async def _pieces(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        first = await anext(aiter(requests))
        config = first.streaming_config.config
        if "/locations/" not in first.recognizer or not config.model or not config.language_codes:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Invalid recognizer or config.")
        self.requested.append(first.recognizer)
        self.configs.append(first.streaming_config)
        audio = bytearray()
        self.audio.append(audio)
        hearing, said = Hearing(config.explicit_decoding_config.sample_rate_hertz), list[Any]()
        async for request in requests:
            if len(request.audio) > LONGEST:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Request audio is too long.")
            audio += request.audio
            for piece in slices(request.audio, hearing.rate):
                hearing.feed(piece)
                if words := hearing.take():
                    said += words
                    yield _results(hearing, text(said))
                elif said and hearing.pause > ENDPOINTING:
                    yield _results(hearing, text(said), is_final=True)
                    said = []
        # Here a call that was cancelled looks like one that will get no more audio.
        self.stopped_at = asyncio.get_running_loop().time()
        self.someone_left.set()
        if said:
            yield _results(hearing, text(said), is_final=True)


def _results(hearing: Hearing, transcript: str, *, is_final: bool = False) -> Any:
    """What is not final is told in two parts."""
    ends = {"seconds": int(hearing.seconds), "nanos": int(hearing.seconds % 1 * 1e9)}
    first, _, last = transcript.rpartition(" ")
    parts = [transcript] if is_final or not first else [first, f" {last}"]
    return types.StreamingRecognizeResponse(
        results=[
            types.StreamingRecognitionResult(
                alternatives=[types.SpeechRecognitionAlternative(transcript=part, confidence=0.9)],
                is_final=is_final,
                stability=0.0 if is_final else 0.9 - 0.8 * number,
                result_end_offset=ends,
                language_code="en-us",
            )
            for number, part in enumerate(parts)
        ]
    )
