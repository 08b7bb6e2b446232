"""Failures of HTTP providers: what is told of them."""

from __future__ import annotations

import pytest

from antiphon.errors import AuthError, BadRequest, ProviderError, without_words
from antiphon.providers.http_errors import from_status


@pytest.mark.parametrize("key", ["sk-proj-abc123def456", "AIzaSyA1234567890", "0f3e9d8c7b6a5948", "sk-ab12****wxyz"])
def test_a_key_that_the_vendor_repeats_is_not_repeated_again(key: str) -> None:
    error = from_status(401, f'{{"error": {{"message": "Incorrect API key provided: {key}. See the docs."}}}}')
    assert isinstance(error, AuthError)
    assert key not in str(error)
    assert "Incorrect API key provided: …" in str(error)


def test_in_brief_an_error_says_all_but_the_vendors_words() -> None:
    error = from_status(400, '{"error": {"message": "bad content: my card is 4111"}}')
    assert isinstance(error, BadRequest)
    error.stage, error.provider, error.elapsed = "llm", "openai/gpt", 0.25
    assert error.brief == "llm openai/gpt after 0.25 s: BadRequest 400"
    assert ProviderError("my card is 4111").brief == "ProviderError"


def test_of_an_unforeseen_error_the_place_is_told_and_not_the_message() -> None:
    try:
        raise KeyError("my card is " + str(4111))
    except KeyError as error:
        told = without_words(error)
    assert told.startswith("KeyError\n") and "test_http_errors.py" in told
    assert "4111" not in told.replace("str(4111)", "")
