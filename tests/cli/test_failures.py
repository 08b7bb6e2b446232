"""Whatever goes wrong is told in one line, with an exit code that says whose fault it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from antiphon.cli import app
from antiphon.errors import AntiphonError, ConfigError, MissingDependency

COMMAND = "import sys; from antiphon.cli import main; code = main(sys.argv[1:])"


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--port"],
        ["serve", "--port", "70000"],
        ["serve", "no-such.yaml"],
        ["call", "no-such.wav"],
        ["say"],
        ["say", "hello", "--tts", "no-such"],
        ["models", "pull", "no-such"],
        ["no-such"],
    ],
)
def test_wrong_usage_is_one_line_and_code_2(antiphon, arguments):
    done = antiphon(*arguments)
    assert done.code == 2
    assert done.complaint.startswith("antiphon: ")
    assert done.out == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("wrong\nvalue"), 2),
        (MissingDependency("not\nhere"), 1),
        (AntiphonError("it\nfailed"), 1),
        (OSError(28, "No space left", "out.wav"), 1),
    ],
)
def test_a_failure_is_one_line(antiphon, monkeypatch, error, code):
    monkeypatch.setattr(app, "app", fails(error))
    done = antiphon("serve")
    assert done.code == code
    assert "Traceback" not in done.complaint


def test_ctrl_c_is_silent(antiphon, monkeypatch):
    monkeypatch.setattr(app, "app", fails(KeyboardInterrupt()))
    done = antiphon("serve")
    assert (done.code, done.err) == (130, "")


def test_a_mistake_of_ours_is_not_hidden(antiphon, monkeypatch):
    monkeypatch.setattr(app, "app", fails(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        antiphon("serve")


def test_a_group_without_a_command_shows_its_help(antiphon):
    done = antiphon("models")
    assert "pull" in done.out
    assert done.err == ""


def test_help_names_every_command(antiphon):
    done = antiphon()
    assert done.code == 0
    for command in ("serve", "call", "talk", "say", "transcribe", "chat", "models", "bench", "eval", "demo"):
        assert command in done.out


def test_help_is_quick_because_it_imports_little():
    heavy = ("numpy", "pydantic", "starlette", "websockets", "msgspec")
    program = f"{COMMAND}; print('heavy:', *(name for name in {heavy} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy:"


def test_a_reader_who_has_enough_is_no_failure():
    writer = subprocess.Popen(
        [sys.executable, "-c", f"{COMMAND}; sys.exit(code)", "models", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None and writer.stderr is not None
    writer.stdout.close()
    assert writer.stderr.read() == ""
    writer.stderr.close()
    writer.wait()


def fails(error: BaseException):
    def app(*arguments: object, **options: object) -> None:
        raise error

    return app


def test_a_preset_that_is_none(antiphon):
    done = antiphon("serve", "--preset", "quick")
    assert done.code == 2
    assert "accurate, cheap, fast, private" in done.err
