"""An agent that may end the call itself."""

from __future__ import annotations

from typing import Any

from antiphon.agent import Agent
from antiphon.conversation import notices as out
from antiphon.lab.simulated_call import SimulatedCall
from antiphon.providers.base import LlmRequest, TextDelta
from antiphon.tools.ending import END_CALL, end_call_tool
from antiphon.types import ToolCall
from tests.session.calling import agent_said, run_call, stages


def leaving(request: LlmRequest) -> Any:
    return [TextDelta("Goodbye now."), ToolCall("call_1", END_CALL, {})]


def test_the_session_ends_after_the_goodbye() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say("good morning")
        ended = await call.client.until(out.SessionEnded)
        assert ended.reason == "agent_end"
        assert agent_said(call)[-1] == ("Goodbye now.", False)
        assert call.heard(1, "Goodbye now.") == ["goodbye", "now"]

    run_call(scenario, stages=stages(leaving), tools=(end_call_tool(),))


def test_an_agent_offers_it_only_if_told_to() -> None:
    assert [tool.spec.name for tool in Agent(end_call=True).blueprint().tools] == [END_CALL]
    assert Agent().blueprint().tools == ()


def test_the_model_is_told_how_to_use_it() -> None:
    spec = end_call_tool().spec
    assert "goodbye" in spec.description
    assert spec.parameters["properties"] == {}


def test_lines_for_slow_tools_are_in_the_agents_language() -> None:
    assert Agent().blueprint().options.settings.filler_lines
    assert Agent(language="de").blueprint().options.settings.filler_lines == ()
    german = Agent(language="de", filler_lines=["Einen Moment bitte."]).blueprint()
    assert german.options.settings.filler_lines == ("Einen Moment bitte.",)
