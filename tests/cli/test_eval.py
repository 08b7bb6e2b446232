"""`antiphon eval`, as far as it needs no recordings."""

import pytest

from antiphon.cli.app import run


@pytest.mark.parametrize("arguments", [["--audio", "{none}"], ["--suite", "huge"]])
def test_what_is_missing_is_told_in_one_line(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ANTIPHON_TEST_AUDIO", str(tmp_path / "none"))
    assert run(["eval", "--json", *(one.format(none=tmp_path / "none") for one in arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1


def test_a_baseline_that_is_none_is_refused_before_anything_is_measured(tmp_path, capsys):
    other = tmp_path / "other.json"
    other.write_text("{}")
    assert run(["eval", "--baseline", str(other)]) == 2
    assert "antiphon eval --json" in capsys.readouterr().err
