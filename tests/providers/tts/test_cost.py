"""What a piece of audio costs this process, in CPU time, against the vendor's own client with the same server. The
server is another process. A measurement, so it is part of the soak."""

from __future__ import annotations

import asyncio
import base64
import multiprocessing
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any

import pytest

from antiphon.providers.base import Tts
from tests.emulators.polly import KEY_ID, REGION, SECRET
from tests.emulators.voice import length, speech
from tests.providers.tts.vendors import KEY, VENDORS, Vendor, open_stream

TEXT = " ".join(["This sentence goes on and on and says very little."] * 60)
ROUNDS = 9
MOST = 1.2  # times the vendor's own client


@asynccontextmanager
async def official(name: str, url: str) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """The vendor's client, asked for the bytes of a reply."""
    if name == "openai":
        openai = pytest.importorskip("openai")
        async with openai.AsyncOpenAI(api_key=KEY, base_url=url) as client:

            async def hear() -> int:
                speaking = client.audio.speech.with_streaming_response.create(
                    model="toy", voice="alto", input=TEXT, response_format="pcm"
                )
                async with speaking as response:
                    return sum([len(piece) async for piece in response.iter_bytes()])

            yield hear
    elif name == "cartesia":
        cartesia = pytest.importorskip("cartesia")
        client = cartesia.AsyncCartesia(api_key=KEY, websocket_base_url=url)
        output = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 24_000}
        async with client.tts.websocket_connect() as connection:

            async def hear() -> int:
                context = connection.context(
                    model_id="toy", voice={"mode": "id", "id": "alto"}, output_format=output, add_timestamps=True
                )
                await context.push(TEXT)
                await context.no_more_inputs()
                return sum([len(event.audio) async for event in context.receive() if event.type == "chunk"])

            yield hear
        await client.close()
    elif name == "polly":
        boto3 = pytest.importorskip("boto3")
        client = boto3.Session(KEY_ID, SECRET, region_name=REGION).client("polly", endpoint_url=url)

        def read(give: Callable[[bytes], object]) -> None:
            answer = client.synthesize_speech(Text=TEXT, VoiceId="Joanna", OutputFormat="pcm", SampleRate="16000")
            for piece in answer["AudioStream"].iter_chunks():
                give(piece)
            give(b"")

        async def hear() -> int:  # it blocks: an event loop has it in a thread, and is handed each piece
            pieces: asyncio.Queue[bytes] = asyncio.Queue()
            reading = asyncio.to_thread(
                read, partial(asyncio.get_running_loop().call_soon_threadsafe, pieces.put_nowait)
            )
            task, size = asyncio.create_task(reading), 0
            while piece := await pieces.get():
                size += len(piece)
            await task
            return size

        yield hear
    elif name == "openai-realtime":
        openai = pytest.importorskip("openai")
        audio: Any = {"output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "marin"}}
        item: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": TEXT}]}
        client = openai.AsyncOpenAI(api_key=KEY, websocket_base_url=url)
        async with client.realtime.connect(model="toy") as connection:
            await connection.session.update(session={"type": "realtime", "audio": audio})

            async def hear() -> int:
                await connection.response.create(response={"conversation": "none", "input": [item]})
                size = 0
                async for event in connection:
                    if event.type == "response.output_audio.delta":
                        size += len(base64.b64decode(event.delta))
                    elif event.type == "response.done":
                        break
                return size

            yield hear
    else:
        from google.cloud.texttospeech_v1 import TextToSpeechAsyncClient, types
        from google.cloud.texttospeech_v1.services.text_to_speech.transports import TextToSpeechGrpcAsyncIOTransport

        grpc_aio = pytest.importorskip("grpc.aio")
        channel = grpc_aio.insecure_channel(url.removeprefix("http://"))
        google = TextToSpeechAsyncClient(transport=TextToSpeechGrpcAsyncIOTransport(channel=channel))
        voice = types.VoiceSelectionParams(name="en-US-Chirp3-HD-Charon", language_code="en-US")
        how = types.StreamingAudioConfig(audio_encoding=types.AudioEncoding.PCM, sample_rate_hertz=24_000)
        config = types.StreamingSynthesizeConfig(voice=voice, streaming_audio_config=how)

        async def requests() -> AsyncIterator[Any]:
            yield types.StreamingSynthesizeRequest(streaming_config=config)
            yield types.StreamingSynthesizeRequest(input=types.StreamingSynthesisInput(text=TEXT))

        async def hear() -> int:
            stream = await google.streaming_synthesize(requests=requests())
            return sum([len(answer.audio_content) async for answer in stream])

        yield hear
        await channel.close()


def serve(vendor: str, link: Connection) -> None:
    """In a process of its own: the vendor's emulator, until the link is closed."""

    async def main() -> None:
        emulator = next(each.emulator for each in VENDORS if each.name == vendor)
        async with emulator() as server:
            link.send(server.url)
            await asyncio.to_thread(link.poll, None)

    asyncio.run(main())


async def spent(hear: Callable[[], Awaitable[int]], rate: int) -> float:
    """Seconds of this process's CPU for one reply."""
    before = time.process_time()
    assert await hear() == len(speech(TEXT, rate))
    return time.process_time() - before


async def compare(vendor: Vendor, url: str) -> tuple[float, float]:
    """CPU seconds of a reply, ours and the official client's, the median of rounds that take turns."""

    tts: Tts = vendor.provider(SimpleNamespace(url=url))

    async def ours() -> int:
        return sum([len(chunk.pcm) async for chunk in open_stream(tts, TEXT)])

    rate = tts.capabilities.sample_rates[0]
    async with official(vendor.name, url) as theirs:
        await asyncio.gather(ours(), theirs())  # what is done only once
        rounds = [(await spent(ours, rate), await spent(theirs, rate)) for _ in range(ROUNDS)]
    await tts.aclose()
    return statistics.median(mine for mine, _ in rounds), statistics.median(other for _, other in rounds)


@pytest.mark.soak
@pytest.mark.parametrize("name", ["openai", "cartesia", "openai-realtime", "google", "polly"])
def test_a_piece_of_audio_costs_no_more_than_with_the_vendors_client(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    vendor = next(each for each in VENDORS if each.name == name)
    spawn = multiprocessing.get_context("spawn")
    link, theirs = spawn.Pipe()
    server = spawn.Process(target=serve, args=(name, theirs), daemon=True)
    server.start()
    try:
        mine, other = asyncio.run(compare(vendor, link.recv()))
    finally:
        link.close()
        server.terminate()
        server.join(5)
    pieces = length(TEXT, 1_000) / 100
    with capsys.disabled():
        print(f"\n{name}: {1e6 * mine / pieces:.0f} µs a piece of 100 ms, {mine / other:.2f} of the vendor's client")
    assert mine <= MOST * other
