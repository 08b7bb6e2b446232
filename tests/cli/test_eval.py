"""`antiphon eval`, as far as it needs no recordings."""

import pytest

from antiphon.cli.app import run


@pytest.mark.parametrize("arguments", [["--audio", "{none}"], ["--suite", "huge"]])
def test_what_is_missing_is_told_in_one_line(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ANTIPHON_TEST_AUDIO", str(tmp_path / "none"))
    assert run(["eval", "--json", *(one.format(none=tmp_path / "none") for one in arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
