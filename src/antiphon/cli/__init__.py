"""The command line: `antiphon serve | call | talk | say | transcribe | chat | models | bench | demo`.

One module a command. What a command needs is imported when it runs, so that `antiphon --help` is quick.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0 for done, 1 for a run that failed, 2 for wrong usage or
    configuration, 130 for Ctrl-C. Failures are told in one line on stderr."""
    from antiphon.cli.app import run

    return run(argv)
