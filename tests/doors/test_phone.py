"""Telephone calls through each carrier's own frames, from the webhook to the hang-up."""

from __future__ import annotations

import asyncio
import dataclasses
from urllib.parse import parse_qs

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from antiphon.audio.dtmf import tones
from antiphon.audio.pcm import first_audible
from antiphon.conversation import notices as out
from antiphon.lab.scripted import LlmTiming, ScriptedLlm
from antiphon.providers.base import LlmRequest
from antiphon.session.makings import Hooks
from antiphon.types import Role, ToolCall
from tests.doors.phoning import CALLS, phoned, webhook
from tests.doors.serving import KEY, SID, Served, with_server
from tests.emulators.carrier import calling, read_document
from tests.server.serving import CODE, GREETING, agent

CARRIERS = sorted(CALLS)
ORDER = "i want to book a table please"
LONG = "hello caller your table is booked " * 6


def heard_words(pcm: bytes, rate: int) -> list[str]:
    return [word.text for word in CODE.decode(pcm, rate)]


class Watch:
    """Keeps what a session tells."""

    def __init__(self) -> None:
        self.notices: list[out.Notice] = []
        self.hooks = Hooks(on_notice=self.notices.append)

    def all(self, kind: type) -> list:
        return [notice for notice in self.notices if isinstance(notice, kind)]


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_caller_hears_the_greeting_and_is_answered(carrier: str) -> None:
    watch = Watch()

    async def test(here: Served) -> None:
        async with phoned(here, carrier) as call:
            await call.until(lambda: watch.all(out.ReplyDone))
            assert heard_words(bytes(call.heard), call.rate)[:2] == ["hello", "caller"]
            call.say(CODE.speak(ORDER, 8000)[0], 8000)
            await call.until(lambda: len(watch.all(out.ReplyDone)) == 2)
        (said,) = watch.all(out.UserTranscript)
        assert said.text == ORDER
        assert [each.text for each in watch.all(out.AgentTranscript)] == [GREETING, "Your table is booked."]
        assert heard_words(bytes(call.heard), call.rate)[2:] == ["your", "table", "is", "booked"]

    with_server(test, agent(hooks=watch.hooks))


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_barge_in_clears_what_the_carrier_holds_and_history_keeps_what_was_played(carrier: str) -> None:
    watch = Watch()

    async def test(here: Served) -> None:
        async with phoned(here, carrier) as call:
            await call.until(lambda: len(call.heard) > call.rate * 2 * 2)
            call.say(CODE.speak(ORDER, 8000)[0], 8000)
            await call.until(lambda: watch.all(out.AgentTranscript))
            await call.until(lambda: call.cleared)
            played = CODE.decode(bytes(call.heard), call.rate, text=LONG)
        first = watch.all(out.AgentTranscript)[0]
        assert first.interrupted
        assert 0 <= len(played) - len(first.text.split()) <= 1  # the last may have begun after the last mark

    with_server(test, agent(greeting=LONG, hooks=watch.hooks))


@pytest.mark.parametrize("carrier", CARRIERS)
def test_keys_that_are_pressed_are_told_to_the_agent_together(carrier: str) -> None:
    watch, llm = Watch(), ScriptedLlm("Your table is booked.", timing=LlmTiming.instant())

    async def test(here: Served) -> None:
        async with phoned(here, carrier) as call:
            await call.until(lambda: call.heard)
            for digit in "42#":
                await call.press(digit)
            await call.until(lambda: len(watch.all(out.ReplyDone)) >= 2)
        said = [message.text for message in llm.requests[-1].messages if message.role is Role.USER]
        assert said == ["(pressed on the telephone's keypad: 4 2)"]

    with_server(test, agent(llm=llm, hooks=watch.hooks))


def calling_a_tool(name: str, **arguments: str) -> ScriptedLlm:
    def reply(request: LlmRequest):
        if any(message.role is Role.TOOL for message in request.messages):
            return "Your table is booked."
        return [ToolCall("call_1", name, arguments)]

    return ScriptedLlm(reply, timing=LlmTiming.instant())


async def ask_something(call, watch: Watch) -> None:
    await call.until(lambda: watch.all(out.ReplyDone))
    call.say(CODE.speak(ORDER, 8000)[0], 8000)


def test_a_call_is_handed_over_and_ends_here() -> None:
    watch = Watch()
    served = agent(llm=calling_a_tool("transfer_call", to="sales"), hooks=watch.hooks, transfers={"sales": "+15550123"})

    async def test(here: Served) -> None:
        async with phoned(here) as call:
            await ask_something(call, watch)
            await asyncio.wait_for(call.hung_up.wait(), 10)
        ((method, path, body),) = here.api.asked
        assert (method, path) == ("POST", f"/2010-04-01/Accounts/{SID}/Calls/{call.call_id}.json")
        assert "<Dial>+15550123</Dial>" in parse_qs(body)["Twiml"][0]
        assert watch.all(out.SessionEnded)[0].reason == "transferred"

    with_server(test, served)


def test_a_carrier_that_does_not_hand_over_is_told_to_the_model_and_the_call_goes_on() -> None:
    watch, llm = Watch(), calling_a_tool("transfer_call", to="sales")
    served = agent(llm=llm, hooks=watch.hooks, transfers={"sales": "+15550123"})

    async def test(here: Served) -> None:
        here.api.status = 500
        async with phoned(here) as call:
            await ask_something(call, watch)
            await call.until(
                lambda: any(each.text == "Your table is booked." for each in watch.all(out.AgentTranscript))
            )
        (result,) = [message for message in llm.requests[-1].messages if message.role is Role.TOOL]
        assert "the carrier answered 500" in result.text

    with_server(test, served)


def test_the_agent_hangs_up_once_its_goodbye_was_heard() -> None:
    watch = Watch()
    served = agent(llm=calling_a_tool("end_call"), hooks=watch.hooks, end_call=True)

    async def test(here: Served) -> None:
        async with phoned(here, "telnyx") as call:
            await ask_something(call, watch)
            await asyncio.wait_for(call.hung_up.wait(), 10)
            assert heard_words(bytes(call.heard), call.rate)[-1] == "booked"
            assert call.close_code == 1000
        assert here.api.asked[-1][1] == f"/calls/{call.call_id}/actions/hangup"

    with_server(test, served)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_the_agent_presses_keys_on_the_line(carrier: str) -> None:
    watch = Watch()
    served = agent(llm=calling_a_tool("send_digits", digits="7"), hooks=watch.hooks, send_digits=True, greeting=None)

    async def test(here: Served) -> None:
        async with phoned(here, carrier) as call:
            call.say(CODE.speak(ORDER, 8000)[0], 8000)
            await call.until(lambda: first_audible(bytes(call.heard)) is not None)
            await call.until(lambda: len(call.heard) >= len(tones("7", rate=call.rate)))
        assert strongest(bytes(call.heard), call.rate) == pytest.approx([852, 1209], abs=10)

    with_server(test, served)


def strongest(pcm: bytes, rate: int) -> list[float]:
    """The two strongest pitches of what is heard first."""
    import numpy as np

    samples = np.frombuffer(pcm, "<i2").astype(float)
    begin = first_audible(pcm) or 0
    window = samples[begin : begin + rate // 10]
    spectrum = np.abs(np.fft.rfft(window * np.hanning(len(window)), rate))
    first = int(spectrum.argmax())
    spectrum[max(first - 60, 0) : first + 60] = 0
    return sorted([float(first), float(spectrum.argmax())])


# --- who may call ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_webhook_that_the_carrier_did_not_sign_is_refused(carrier: str) -> None:
    forged = {"X-Twilio-Signature": "bm8=", "telnyx-signature-ed25519": "bm8=", "Authorization": "Bearer bm8="}

    async def test(here: Served) -> None:
        assert (await webhook(here, carrier, headers=forged)).status_code == 403
        assert (await here.http.post(f"/{carrier}")).status_code == 403

    with_server(test)


def test_a_stream_without_its_ticket_is_closed_and_a_ticket_is_good_once() -> None:
    async def test(here: Served) -> None:
        answer = await webhook(here, "twilio")
        url, said = read_document("text/xml", answer.text)
        assert await closed(url, {**said, "ticket": "forged"}) == 1008
        call = CALLS["twilio"](url, said)
        async with connect(url, proxy=None) as socket:
            await socket.send(call.opening()[1])
            await socket.recv()
        assert await closed(url, said) == 1008

    with_server(test)


async def closed(url: str, said: dict[str, str]) -> int | None:
    async with connect(url, proxy=None) as socket:
        try:
            await socket.send(CALLS["twilio"](url, said).opening()[1])
            await asyncio.wait_for(socket.recv(), 5)
        except ConnectionClosed:
            pass
        return socket.close_code


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize(
    "message", ["no json", "[]", '{"event": 7}', '{"event": "media", "media": {"payload": "AA=="}}']
)
def test_what_is_no_frame_closes_the_connection_as_malformed(carrier: str, message: str) -> None:
    async def test(here: Served) -> None:
        async with connect(f"ws://{here.place}/{carrier}/stream", proxy=None) as socket:
            await socket.send(message if carrier != "vonage" or "media" not in message else b"\0\0\0")
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 5)
            assert socket.close_code == 1007

    with_server(test)


def test_a_carrier_without_credentials_has_no_door() -> None:
    async def test(here: Served) -> None:
        assert (await here.http.post("/twilio")).status_code == 404

    with_server(test, carriers=())


# --- calls that are placed ------------------------------------------------------------------------------------------


def test_a_call_is_placed_with_a_ticket_for_its_stream() -> None:
    watch = Watch()

    async def test(here: Served) -> None:
        wish = {"to": "+15550111", "from": "+15550100"}
        answer = await here.http.post("/twilio/calls", json=wish, headers={"Authorization": f"Bearer {KEY}"})
        assert (answer.status_code, answer.json()) == (201, {"call_id": "CA42"})
        ((_, path, body),) = here.api.asked
        form = {name: values[0] for name, values in parse_qs(body).items()}
        assert path.endswith("/Calls.json") and form["To"] == "+15550111"
        url, said = read_document("text/xml", form["Twiml"])
        assert said["direction"] == "outbound"
        async with calling(CALLS["twilio"](url, said)) as call:
            await call.until(lambda: watch.all(out.ReplyDone))

    with_server(test, agent(hooks=watch.hooks))


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"to": "home", "from": "+15550100"}, 422),
        ({"to": "+15550111"}, 422),
        ({"to": "+15550111", "from": "+15550100", "agent_id": "nobody"}, 404),
    ],
)
def test_a_call_that_cannot_be_placed_says_why(wish: dict[str, str], status: int) -> None:
    async def test(here: Served) -> None:
        answer = await here.http.post("/twilio/calls", json=wish, headers={"Authorization": f"Bearer {KEY}"})
        assert answer.status_code == status and answer.json()["message"]
        assert not here.api.asked

    with_server(test)


def test_only_the_holder_of_a_key_places_calls() -> None:
    async def test(here: Served) -> None:
        answer = await here.http.post("/twilio/calls", json={"to": "+15550111", "from": "+15550100"})
        assert answer.status_code == 401 and not here.api.asked

    with_server(test)


def test_a_call_of_a_stored_agent_is_that_agents() -> None:
    watch = Watch()
    record = {"name": "Rosa", "system_prompt": "Be Rosa.", "greeting": "Hello caller.", "voice": {"voice_id": "anna"}}

    async def test(here: Served) -> None:
        made = await here.http.post("/v1/agents", json=record, headers={"Authorization": f"Bearer {KEY}"})
        answer = await webhook(here, "twilio", query=f"?agent_id={made.json()['id']}")
        url, said = read_document("text/xml", answer.text)
        async with calling(CALLS["twilio"](url, said)) as call:
            await call.until(lambda: watch.all(out.ReplyDone))
        assert watch.all(out.AgentTranscript)[0].text == "Hello caller."
        kept = await here.http.get("/v1/sessions", headers={"Authorization": f"Bearer {KEY}"})
        assert made.json()["id"] in kept.text

    with_server(test, dataclasses.replace(agent(hooks=watch.hooks), greeting=None))
