"""Prices, and what usage costs by them."""

from __future__ import annotations

import datetime

import pytest

from antiphon.errors import ConfigError
from antiphon.providers import registry
from antiphon.providers.base import Usage
from antiphon.providers.cost import Prices, billed_as, llm_cost, stt_cost, tts_cost
from antiphon.providers.llm.openai import OpenAI
from antiphon.types import Cost

OWN = {
    "stt": {"ears/*": {"per_hour": 3.6}, "ears/open": {"per_minute": 0.6, "counts": "connection"}},
    "llm": {
        "mind/plain": {"input": 1.0, "output": 10.0},
        "mind/cache*": {
            "input": 1.0,
            "cached": 0.1,
            "cache_write": 2.0,
            "output": 10.0,
            "long": {"above": 1000, "input": 5.0, "output": 50.0},
        },
    },
    "tts": {"mouth/letters": {"characters": 20.0}, "mouth/minutes": {"per_minute": 0.6}},
}
PRICES = Prices(OWN)


def llm(name: str, **usage: int) -> float | None:
    return llm_cost(PRICES.of("llm", name), Usage(**usage)).usd


def test_tokens_are_charged_by_the_million():
    assert llm("mind/plain", input=1000, output=100) == pytest.approx(0.002)


def test_cached_tokens_have_a_price_of_their_own_where_there_is_one():
    assert llm("mind/plain", input=1000, cached=900) == pytest.approx(0.001)
    assert llm("mind/cached", input=1000, cached=900) == pytest.approx(0.00019)
    assert llm("mind/cached", input=1000, cache_written=900) == pytest.approx(0.0019)


def test_a_long_prompt_may_cost_more():
    assert llm("mind/cached", input=1001, output=1) == pytest.approx(1001 * 5e-6 + 50e-6)


def test_seconds_are_charged_as_audio_or_as_an_open_connection():
    assert stt_cost(PRICES.of("stt", "ears/any"), seconds=10, connected=99).usd == pytest.approx(0.01)
    assert stt_cost(PRICES.of("stt", "ears/open"), seconds=10, connected=99).usd == pytest.approx(0.99)


def test_speech_is_charged_by_characters_or_by_seconds():
    assert tts_cost(PRICES.of("tts", "mouth/letters"), characters=500, seconds=30).usd == pytest.approx(0.01)
    assert tts_cost(PRICES.of("tts", "mouth/minutes"), characters=500, seconds=30).usd == pytest.approx(0.3)


def test_an_unknown_price_is_not_guessed_and_nothing_used_costs_nothing():
    assert PRICES.of("llm", "mind/of-someone") is None
    assert llm_cost(None, Usage(input=5)).usd is None
    assert stt_cost(None, seconds=0, connected=0).usd == tts_cost(None, characters=0, seconds=0).usd == 0
    assert (llm_cost(None, Usage(input=5)) + Cost(tts_usd=1.0)).usd is None


def test_costs_add_up():
    one = llm_cost(PRICES.of("llm", "mind/plain"), Usage(input=1000, cached=10, output=100), estimated=True)
    both = one + tts_cost(PRICES.of("tts", "mouth/letters"), characters=500, seconds=30)
    assert (both.input_tokens, both.cached_tokens, both.output_tokens, both.tts_characters) == (1000, 10, 100, 500)
    assert both.usd == pytest.approx(0.012) and both.estimated


@pytest.mark.parametrize("stage", ["stt", "llm", "tts"])
def test_what_runs_here_is_free(stage):
    price = PRICES.of(stage, registry.LOCAL[stage] + "/any")
    assert price and price.free


def test_the_name_of_a_vendors_model_behind_ones_own_url_does_not_bear_the_vendors_price():
    assert PRICES.of("llm", billed_as(OpenAI("gpt-6-luna"))).input == 0.10
    assert PRICES.of("llm", billed_as(OpenAI("gpt-6-luna", base_url="https://models.example/v1"))) is None
    assert PRICES.of("llm", billed_as(OpenAI("llama3", base_url="http://localhost:11434/v1"))).free


def test_every_price_in_the_table_says_since_when_and_by_whom():
    for entries in Prices()._entries.values():
        for name, price in entries.items():
            known = isinstance(price.date, datetime.date) and price.source
            assert price.free or known, name


def test_a_file_is_laid_over_the_table(tmp_path):
    file = tmp_path / "prices.yaml"
    file.write_text("llm: {openai/gpt-6-luna: {input: 1, output: 2}}")
    prices = Prices(file)
    assert prices.of("llm", "openai/gpt-6-luna").input == 1
    assert prices.of("tts", "espeak/en").free


@pytest.mark.parametrize("own", [{"llm": {"m": {"inputs": 1}}}, {"asr": {}}, {"tts": {"m": {"characters": -1}}}])
def test_a_wrong_table_is_told(own):
    with pytest.raises(ConfigError, match="prices: "):
        Prices(own)
