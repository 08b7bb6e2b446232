"""`antiphon models`."""

from __future__ import annotations

import json

from antiphon.providers import models


def test_every_model_is_listed(antiphon):
    done = antiphon("models", "list", "--json")
    listed = {model["name"]: model for model in json.loads(done.out)["models"]}
    assert set(listed) == set(models.MODELS)
    assert listed["silero-vad"]["licence"] == "MIT"


def test_the_table_says_what_is_missing(antiphon, monkeypatch, tmp_path):
    monkeypatch.setenv("ANTIPHON_CACHE", str(tmp_path))
    assert "not here; run: antiphon models pull" in antiphon("models", "list").out


def test_pulling_shows_progress_and_ends(antiphon, monkeypatch, tmp_path):
    def pull(name, progress=None):
        progress(5, 10)
        return tmp_path / name

    monkeypatch.setattr(models, "pull", pull)
    monkeypatch.setenv("ANTIPHON_CACHE", str(tmp_path))
    done = antiphon("models", "pull", "silero-vad")
    assert done.code == 0
    assert "silero-vad is here" in done.err


def test_what_is_here_is_not_pulled_again(antiphon, monkeypatch, tmp_path):
    monkeypatch.setattr(models, "installed", lambda: {"silero-vad": tmp_path})
    monkeypatch.setattr(models, "pull", None)
    done = antiphon("models", "pull", "silero-vad")
    assert (done.code, done.complaint) == (0, "here: silero-vad")


def test_a_failed_pull_is_told(antiphon, monkeypatch, tmp_path):
    def pull(name, progress=None):
        raise models.ModelStoreError("could not download it")

    monkeypatch.setattr(models, "pull", pull)
    monkeypatch.setenv("ANTIPHON_CACHE", str(tmp_path))
    done = antiphon("models", "pull", "silero-vad")
    assert done.code == 1
    assert done.err.splitlines()[-1] == "antiphon: could not download it"
