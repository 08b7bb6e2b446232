"""`antiphon say`, `transcribe` and `chat`: each stage by itself."""

from __future__ import annotations

import io
import json

import pytest

from antiphon.audio import wav
from tests.client.sound import quiet, speech

pytestmark = pytest.mark.usefixtures("scripted")


def test_say_writes_a_file_and_tells_times(antiphon, tmp_path):
    done = antiphon("say", "hello there", "--tts", "scripted", "--out", str(tmp_path / "out.wav"))
    assert done.code == 0
    assert "first audible audio" in done.err
    assert wav.read(tmp_path / "out.wav").seconds > 0.1


def test_say_without_a_sound_card_tells_why(antiphon, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sounddevice", None)
    done = antiphon("say", "hello there", "--tts", "scripted")
    assert done.code == 0
    assert "--out FILE.wav" in done.err.splitlines()[-1]


@pytest.fixture
def recording(tmp_path):
    wav.write(tmp_path / "in.wav", quiet(0.2) + speech(0.5) + quiet(0.5), rate=24_000)
    return str(tmp_path / "in.wav")


def test_transcribe_prints_the_words(antiphon, recording):
    done = antiphon("transcribe", recording, "--stt", "scripted", "--fast")
    assert done.out == "yes there\n"
    assert "final" in done.err


def test_transcribe_as_json(antiphon, recording):
    figures = json.loads(antiphon("transcribe", recording, "--stt", "scripted", "--fast", "--json").out)
    assert figures["text"] == "yes there"
    assert figures["final_ms"] >= 0


def test_chat_answers_one_question(antiphon):
    done = antiphon("chat", "Hello?", "--llm", "scripted")
    assert done.out == "hello there\n"
    assert "first token" in done.err


def test_chat_goes_on_until_the_input_ends(antiphon, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("one\n\ntwo\n"))
    assert antiphon("chat", "--llm", "scripted").out.split() == ["hello", "there"] * 2


def test_an_option_that_a_provider_does_not_take(antiphon):
    done = antiphon("chat", "Hello?", "--llm", "scripted", "--base-url", "http://localhost:1/v1")
    assert done.code == 2
    assert "does not take these options" in done.complaint


def test_a_stage_that_cannot_be_loaded(antiphon):
    done = antiphon("chat", "Hello?", "--llm", "scripted/broken")
    assert done.code == 1
    assert done.complaint == "antiphon: llm scripted/broken: the key was refused; set OPENAI_API_KEY"


def test_several_with_commas_between_them_are_a_chain(antiphon, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    done = antiphon("chat", "Hello?", "--llm", "openai/gpt-6-luna,scripted")
    assert done.out == "hello there\n"
