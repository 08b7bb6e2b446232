"""What nobody may read in a log: keys and tokens at any level, and what callers say and tools are given at INFO.

Canaries are sent by every path there is, through a server of ours and through one of somebody else's that writes an
access log, and then looked for in whatever was logged meanwhile.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from antiphon.conversation import notices as out
from antiphon.errors import BadRequest, Overloaded
from antiphon.lab.scripted import EnergyVad, LlmTiming, ScriptedLlm, ScriptedStt, ScriptedTts, SttTiming, TtsTiming
from antiphon.lab.scripted.llm import Reply
from antiphon.lab.scripted.stt import SttFaults
from antiphon.lab.scripted.tts import TtsFaults
from antiphon.lab.tones import ToneCode
from antiphon.providers.base import LlmRequest
from antiphon.server.app import create_app
from antiphon.server.keys import ApiKey, Keys
from antiphon.server.run import listen, make_server
from antiphon.server.runtime import Blueprint, Runtime
from antiphon.server.service import ServerOptions, Service
from antiphon.session.makings import Hooks, Stages
from antiphon.tools.function import tool
from antiphon.tools.http import HttpTool
from antiphon.types import Role, ToolCall
from tests.tools.loopback import answer
from tests.tools.loopback import serving as loopback

KEY = "canary-api-key-7f3a9c2e51d84b60"
WRONG_KEY = "canary-wrong-key-1d84b6051d84b6"
SECRETS = {
    "key": KEY,
    "wrong key": WRONG_KEY,
    "tool header": "canary-header-0c9f",
    "webhook secret": "canary-webhook-secret-0123456789abcdef",
    "webhook address": "canary-path-55aa",
    "model key": "canary-llm-key-90ab",
}
PHONE, CARD, NAME = "+4915112345678", "4111111111111111", "xylophone"
SAID = f"my number is {PHONE} and my card is {CARD} says {NAME}"
WORDS = {"phone number": PHONE, "card": CARD, "said": NAME, "prompt": "saffron", "written": "marmalade"}

CODE = ToneCode(["please marmalade"])
QUIET = logging.getLogger("canaries.client")  # the client's own log is none of the server's
QUIET.propagate = False


# --- a server whose every part fails with the canaries in its mouth -------------------------------------------------


def think(request: LlmRequest) -> Reply:
    last = request.messages[-1]
    if last.text == "fail":
        return BadRequest(f"400: the message {SAID!r} is refused")
    if last.text == "break":
        raise ValueError(SAID)
    if last.role is Role.USER and PHONE in last.text:
        arguments = {"phone": PHONE, "card": CARD}
        return [ToolCall(f"call_{name}", name, arguments) for name in ("pay", "lookup", "show", "no_such_tool")]
    return "marmalade"


@tool
def pay(phone: str, card: str) -> str:
    """Pays."""
    raise ValueError(f"{phone} {card} {NAME}")


def fail_to_watch(notice: out.UserTranscript) -> None:
    raise LookupError(notice.text)


@dataclass
class Place:
    address: str = ""
    hook: str = ""
    stt: ScriptedStt = field(default_factory=lambda: ScriptedStt(utterances=[SAID] * 99, timing=SttTiming.instant()))
    tts: ScriptedTts = field(default_factory=lambda: ScriptedTts(CODE, timing=TtsTiming.instant()))


@contextlib.asynccontextmanager
async def server(*, ours: bool) -> AsyncIterator[Place]:
    async with loopback(lambda request: answer({"card": CARD}, status="500 No")) as elsewhere:
        place = Place(hook=f"{elsewhere.url}/{SECRETS['webhook address']}")
        secret = {"X-Key": SECRETS["tool header"]}
        lookup = HttpTool(
            "lookup", elsewhere.url, method="GET", headers=secret, allow_http=True, allow_private=["127.0.0.1"]
        )
        stages = Stages(place.stt, ScriptedLlm(think, timing=LlmTiming.instant()), place.tts, EnergyVad())
        runtime = Runtime(Blueprint(stages, {}, tools=(pay, lookup), hooks=Hooks(on_turn=fail_to_watch)))
        service = Service(ServerOptions(keys=Keys([ApiKey.of("shop", KEY)]), private_webhooks=True))
        if ours:
            running: uvicorn.Server = make_server(runtime, service)
        else:
            app = create_app(runtime, service)
            running = uvicorn.Server(uvicorn.Config(app, ws="websockets-sansio", log_config=None, access_log=True))
        running.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
        listener = listen("127.0.0.1", 0)
        serving = asyncio.create_task(running.serve(sockets=[listener]))
        while not running.started:  # noqa: ASYNC110  uvicorn tells it in no other way
            await asyncio.sleep(0.005)
        place.address = f"127.0.0.1:{listener.getsockname()[1]}"
        try:
            yield place
        finally:
            running.should_exit = True
            await serving


class Log(logging.Handler):
    """All that is logged outside this thread: by the server, which runs in one of its own."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.taken: list[tuple[int, str]] = []
        self._mine = threading.get_ident()
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread != self._mine:
            self.taken.append((record.levelno, self.format(record)))

    def holding(self, canary: str, *, level: int) -> list[str]:
        return [text for severity, text in self.taken if severity >= level and canary in text]


@contextlib.contextmanager
def serving(*, ours: bool) -> Iterator[tuple[Place, Log]]:
    opened: list[Place] = []
    opening, closing = threading.Event(), threading.Event()

    async def live() -> None:
        async with server(ours=ours) as place:
            opened.append(place)
            opening.set()
            await asyncio.to_thread(closing.wait)

    log, root = Log(), logging.getLogger()
    level = root.level
    root.addHandler(log)
    root.setLevel(logging.DEBUG)
    thread = threading.Thread(target=asyncio.run, args=(live(),), daemon=True)
    thread.start()
    try:
        assert opening.wait(30)
        yield opened[0], log
    finally:
        closing.set()
        thread.join(30)
        root.removeHandler(log)
        root.setLevel(level)


# --- the paths ------------------------------------------------------------------------------------------------------


def rest(place: Place, method: str, path: str, body: Any = None, *, key: str | None = KEY) -> Any:
    connection = http.client.HTTPConnection(place.address, timeout=10)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    connection.request(method, f"/v1{path}", json.dumps(body) if body is not None else None, headers)
    answered = connection.getresponse().read()
    connection.close()
    return json.loads(answered) if answered else None


def use_rest(place: Place) -> list[str]:
    """Returns the tokens that were made."""
    secret = SECRETS["tool header"]
    http_tool = {"url": "https://127.0.0.1/x", "headers": [{"name": "X-Key", "value": secret}]}
    record = {
        "name": "Ada",
        "system_prompt": "saffron",
        "voice": {"voice_id": "ivy"},
        "tools": [{"name": "order", "http": http_tool}],
        "llm": [{"base_url": "https://127.0.0.1/v1", "model": "m", "api_key": SECRETS["model key"]}],
    }
    hook = {"url": place.hook, "events": ["session.completed"], "secret": SECRETS["webhook secret"]}
    rest(place, "POST", "/agents", record)
    rest(place, "POST", "/agents", {**record, "caller_id": CARD, "voice": PHONE})
    rest(place, "POST", "/webhook-subscriptions", hook)
    rest(place, "POST", "/webhook-subscriptions", {**hook, "events": [NAME]})
    rest(place, "GET", "/agents", key=WRONG_KEY)
    rest(place, "GET", f"/agents?token={KEY}", key=None)
    rest(place, "GET", f"/sessions?token={WRONG_KEY}", key=None)
    made = rest(place, "GET", "/token?expires_in_seconds=60")["token"]
    return [made, rest(place, "POST", "/tokens")["token"]]


def read_artifacts(place: Place) -> list[str]:
    (newest, *_) = rest(place, "GET", "/sessions")["sessions"]
    artifacts = rest(place, "GET", f"/sessions/{newest['id']}")["artifacts"]
    for artifact in artifacts:
        rest(place, "GET", artifact["url"].partition("/v1")[2], key=None)
    return [artifact["url"].partition("token=")[2] for artifact in artifacts]


async def call(place: Place, *, query: str = "", key: str | None = None) -> list[str]:
    """A call in which everything is said and everything fails. Returns the tokens it was given."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = f"ws://{place.address}/v1/ws{query}"
    async with asyncio.timeout(30), connect(url, additional_headers=headers, logger=QUIET, proxy=None) as socket:

        async def send(kind: str, **fields: Any) -> None:
            await socket.send(json.dumps({"type": kind, **fields}))

        async def until(*kinds: str) -> dict[str, Any]:
            while True:
                event: dict[str, Any] = json.loads(await socket.recv())
                if event["type"] in kinds:
                    return event

        hook = {"url": place.hook, "events": ["session.completed"], "secret": SECRETS["webhook secret"]}
        show = {"name": "show", "parameters": {"type": "object", "properties": {"card": {"default": CARD}}}}
        await send("session.update", session={"system_prompt": "saffron", "tools": [show], "webhook": hook})
        token = (await until("session.ready"))["resume_token"]
        await send("session.update", session={"system_prompt": [SAID]})
        await socket.send(f'{{"type": "conversation.message", "content": "{SAID}')
        await send("conversation.message", role="user", content=NAME)
        voice, _ = CODE.speak("please please", 24_000)
        await send("input.audio", audio=base64.b64encode(voice + bytes(48_000)).decode())
        shown = await until("tool.call")
        await send("tool.result", call_id=shown["call_id"], result=SAID, is_error=True)
        await send("tool.result", call_id=shown["call_id"], result=[SAID])
        await until("transcript.agent")
        place.tts.faults = TtsFaults(fail_after=0.0, error=Overloaded(SAID))
        for instructions in ("fail", "break", "please"):
            await send("reply.create", instructions=instructions)
            await until("reply.error")
        place.tts.faults = TtsFaults()
        await send("session.end")
        with contextlib.suppress(ConnectionClosed):
            await until("never")
    return [token]


async def be_refused(place: Place, query: str, **headers: str) -> None:
    url = f"ws://{place.address}/v1/ws{query}"
    async with connect(url, additional_headers=headers, logger=QUIET, proxy=None) as socket:
        with contextlib.suppress(ConnectionClosed):
            await socket.recv()


async def lose_the_ear(place: Place) -> None:
    place.stt.faults = SttFaults(open_error=Overloaded(SAID))
    headers = {"Authorization": f"Bearer {KEY}"}
    async with connect(f"ws://{place.address}/v1/ws", additional_headers=headers, logger=QUIET, proxy=None) as socket:
        await socket.send('{"type": "session.update"}')
        async with asyncio.timeout(10):
            while json.loads(await socket.recv())["type"] != "session.error":
                pass


def use_everything(place: Place) -> list[str]:
    """Returns every token that was about."""
    tokens = use_rest(place)
    used, other = tokens
    asyncio.run(be_refused(place, f"?token={WRONG_KEY}"))
    asyncio.run(be_refused(place, "", Authorization=WRONG_KEY))
    asyncio.run(be_refused(place, f"?token={other[:-4]}AAAA"))
    tokens += asyncio.run(call(place, query=f"?token={used}"))
    asyncio.run(be_refused(place, f"?token={used}"))  # for the second time
    tokens += asyncio.run(call(place, query=f"?token={KEY}"))
    tokens += asyncio.run(call(place, key=KEY))
    tokens += read_artifacts(place)
    asyncio.run(lose_the_ear(place))
    return tokens


@pytest.mark.parametrize("ours", [True, False], ids=["our-server", "another-with-an-access-log"])
def test_no_canary_is_in_a_log(ours: bool) -> None:
    with serving(ours=ours) as (place, log):
        tokens = use_everything(place)
    secrets = {**SECRETS, **{f"token {n}": token for n, token in enumerate(tokens)}}
    # What another server writes of its own wire at its debug level is its own affair.
    level = logging.DEBUG if ours else logging.INFO
    assert len(tokens) >= 6 and all(len(token) > 60 for token in tokens)
    found = {name: held[:3] for name, secret in secrets.items() if (held := log.holding(secret, level=level))}
    found |= {name: held[:3] for name, word in WORDS.items() if (held := log.holding(word, level=logging.INFO))}
    assert found == {}


def test_the_canaries_would_be_found() -> None:
    """What is told is told: failures are in the log, and with their words at the debug level."""
    with serving(ours=False) as (place, log):
        asyncio.run(call(place, key=KEY))
    for told in ("tool pay failed: ValueError", "BadRequest 400", "a hook failed: LookupError", "/v1/ws"):
        assert log.holding(told, level=logging.INFO), told
    assert log.holding(CARD, level=logging.DEBUG)
