"""What one session may use, and the goodbye when it is spent."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon.agent import Agent
from antiphon.conversation import notices as out
from antiphon.conversation.settings import Settings
from antiphon.errors import ConfigError
from antiphon.lab.simulated_call import SimulatedCall
from antiphon.providers.cost import Prices
from antiphon.session.budget import Budget
from antiphon.session.makings import SessionOptions
from antiphon.types import Cost
from tests.session.calling import agent_said, run_call, stages

LINE = "Stop now please, good morning."
PRICES = Prices(
    {
        "stt": {"scripted/*": {"per_minute": 0.6}},
        "llm": {"scripted/*": {"input": 100.0, "output": 1000.0}},
        "tts": {"scripted/*": {"characters": 1000.0}},
    }
)


def talk(budget: Budget, reply: Any = "I want to book a table, please.") -> SimulatedCall:
    """A call in which the caller speaks every few seconds, until the session ends."""

    async def scenario(call: SimulatedCall) -> SimulatedCall:
        await call.greeted()
        for _ in range(60):
            call.say("good morning")
            call.pause(4)
        await call.client.until(out.SessionEnded, timeout=500)
        return call

    options = SessionOptions(settings=Settings(farewell_line=LINE), prices=PRICES, budget=budget)
    made: SimulatedCall = run_call(scenario, stages=stages(reply), options=options)
    return made


def ended(call: SimulatedCall) -> out.SessionEnded:
    (notice,) = call.client.all(out.SessionEnded)
    return notice


def test_nothing_is_limited_unless_it_is_asked_for():
    assert Budget().spent(Cost(input_tokens=10**9, llm_usd=1e9), seconds=1e9) is None


@pytest.mark.parametrize(
    ("budget", "spent"),
    [
        (Budget(seconds=9), None),
        (Budget(seconds=9.5, tokens=11), "tokens"),
        (Budget(characters=100), "characters"),
        (Budget(usd=0.5), "usd"),
        (Budget(seconds=1, usd=0.5), "seconds"),
    ],
)
def test_what_is_spent_is_named(budget: Budget, spent: str | None):
    cost = Cost(input_tokens=10, cached_tokens=5, output_tokens=1, tts_characters=100, stt_usd=None, tts_usd=0.5)
    assert budget.spent(cost, seconds=8.9 if spent != "seconds" else 1) == spent


def test_the_smaller_of_two_budgets_counts():
    assert Budget(seconds=5, tokens=9).capped(Budget(seconds=7, usd=1)) == Budget(seconds=5, tokens=9, usd=1)


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        (Budget(seconds=30), "budget_seconds"),
        (Budget(tokens=200), "budget_tokens"),
        (Budget(characters=300), "budget_characters"),
        (Budget(usd=0.4), "budget_usd"),
    ],
)
def test_when_it_is_spent_the_agent_says_so_and_the_session_ends(budget: Budget, reason: str):
    call = talk(budget)
    assert ended(call).reason == reason
    assert agent_said(call)[-1] == (LINE, False)
    assert len(agent_said(call)) > 2


def test_the_line_itself_fits_into_the_budget():
    call = talk(Budget(characters=400))
    assert 400 - 60 <= ended(call).cost.tts_characters <= 400 + 31  # at most one reply more
    call = talk(Budget(seconds=40))
    assert 30 <= ended(call).duration <= 43


def test_a_session_ends_while_its_agent_still_speaks_a_long_reply():
    call = talk(Budget(characters=600), reply=60 * "I want to book a table, please. ")
    assert agent_said(call)[-1] == (LINE, False)
    assert agent_said(call)[-2][1]
    assert ended(call).cost.tts_characters < 1_000


def test_money_needs_prices():
    agent = Agent(llm=stages().llm, limits={"usd": 1.0}, prices={"llm": {"scripted/*": {}, "scripted/llm": {}}})
    assert agent.blueprint().options.budget == Budget(usd=1.0)
    stranger = stages().llm
    stranger.name = "stranger/model"
    with pytest.raises(ConfigError, match=r"limits.usd: the price of llm stranger/model is not known"):
        Agent(llm=stranger, limits=Budget(usd=1.0)).blueprint()


def test_a_limit_that_is_none_is_told():
    with pytest.raises(ConfigError, match=r"limits: there are seconds, tokens, characters, usd, not dollars"):
        Agent(limits={"dollars": 1}).blueprint()
    with pytest.raises(ConfigError, match=r"the agent: limits\.tokens: "):
        Agent.from_mapping({"limits": {"tokens": 0}})
