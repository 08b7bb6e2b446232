"""All commands, and what happens when one fails."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from antiphon.cli import bench, call, chat, demo, doctor, eval, livekit, models, say, serve, talk, transcribe
from antiphon.cli.terminal import tell_failure
from antiphon.errors import AntiphonError, ConfigError

app = typer.Typer(
    name="antiphon",
    help="A real-time voice agent: speech-to-text, a language model and text-to-speech, as one conversation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="First steps: `antiphon demo`, then `antiphon serve`. Every command explains itself with --help.",
)

CONVERSE, STAGES, TOOLS = "Conversations", "One stage by itself", "Models and measurements"
app.command(rich_help_panel=CONVERSE)(demo.demo)
app.command(rich_help_panel=CONVERSE)(serve.serve)
app.command(rich_help_panel=CONVERSE)(call.call)
app.command(rich_help_panel=CONVERSE)(talk.talk)
app.command(rich_help_panel=CONVERSE)(livekit.livekit)
app.command(rich_help_panel=STAGES)(say.say)
app.command(rich_help_panel=STAGES)(transcribe.transcribe)
app.command(rich_help_panel=STAGES)(chat.chat)
app.command(rich_help_panel=TOOLS)(doctor.doctor)
app.add_typer(models.app, name="models", rich_help_panel=TOOLS)
app.command("eval", rich_help_panel=TOOLS)(eval.evaluate)
app.add_typer(bench.app, name="bench", rich_help_panel=TOOLS)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"antiphon {version('antiphon')}")
        raise typer.Exit


@app.callback()
def antiphon(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


def run(argv: Sequence[str] | None = None) -> int:
    """Runs the command that `argv` names, without the program's own name; None: that of this process."""
    arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    try:
        code = app(arguments, prog_name="antiphon", standalone_mode=False)
    except typer.TyperException as wrong:
        return _wrong_usage(wrong)
    except ConfigError as error:
        return _failed(str(error), code=2)
    except AntiphonError as error:
        return _failed(str(error), code=1)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        # Whoever read our output has enough. The interpreter's own flush at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _failed(f"{error.filename or 'the system'}: {error.strerror or error}", code=1)
    return code if isinstance(code, int) else 0


def _wrong_usage(wrong: typer.TyperException) -> int:
    # A group without a command has printed its help, and has no more to say.
    if message := wrong.format_message().rstrip("."):
        command = getattr(getattr(wrong, "ctx", None), "command_path", "antiphon")
        tell_failure(f"{message}; see: {command} --help")
    return 2


def _failed(message: str, *, code: int) -> int:
    tell_failure(message)
    return code
