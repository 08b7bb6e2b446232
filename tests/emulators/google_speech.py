"""A server on the loopback interface that speaks as Google Cloud Text-to-Speech does, in the vendor's messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
from google.cloud.texttospeech_v1 import types

from tests.emulators.faults import Fault
from tests.emulators.google_grpc import GoogleEmulator
from tests.emulators.voice import cut, speech


class GoogleSpeech(GoogleEmulator):
    """`configs` and `texts` are what it was asked."""

    service = "google.cloud.texttospeech.v1.TextToSpeech"

    def __init__(self, fault: Fault | None = None, *, pace: float = 0.0) -> None:
        super().__init__(fault)
        self.pace = pace  # seconds between pieces
        self.configs: list[Any] = []
        self.texts: list[str] = []
        self.prompts: list[str] = []

    def handlers(self) -> Mapping[str, grpc.RpcMethodHandler[Any, Any]]:
        return {
            "StreamingSynthesize": grpc.stream_stream_rpc_method_handler(
                self._synthesize,
                request_deserializer=types.StreamingSynthesizeRequest.deserialize,
                response_serializer=types.StreamingSynthesizeResponse.serialize,
            ),
            "ListVoices": grpc.unary_unary_rpc_method_handler(
                self._list,
                request_deserializer=types.ListVoicesRequest.deserialize,
                response_serializer=types.ListVoicesResponse.serialize,
            ),
        }

    async def _list(self, request: Any, context: Any) -> Any:
        await self.refuse(context)
        return types.ListVoicesResponse(voices=[types.Voice(name="en-US-Chirp3-HD-Charon")])

    async def _synthesize(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        await self.refuse(context)
        async for answer in self.answer(context, self._pieces(requests, context)):
            yield answer

    async def _pieces(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        config = None
        async for request in requests:
            if config is None:
                config = request.streaming_config
                self.configs.append(config)
                continue
            self.texts.append(request.input.text)
            self.prompts.append(request.input.prompt)
            pcm = speech(request.input.text, config.streaming_audio_config.sample_rate_hertz)
            for piece in cut(pcm, 333 if self.fault is Fault.ODD_BYTES else 4_800):
                await asyncio.sleep(self.pace)
                yield types.StreamingSynthesizeResponse(audio_content=piece)
