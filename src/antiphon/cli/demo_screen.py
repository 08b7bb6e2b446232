"""The demo as it is seen: both transcripts as they come, and each turn's ledger. Live on a terminal, plain lines
elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from antiphon.cli.spans import bar, legend
from antiphon.client import events as ev
from antiphon.lab.demo_caller import Line, Part

if TYPE_CHECKING:
    from antiphon.client import Timed
    from antiphon.lab.demo_checks import Check
    from antiphon.lab.demo_outcome import Outcome

BUDGET = 1_500  # ms from the caller's last sound to the agent's first
BAR = 48  # characters the budget is long
CALLER, AGENT = "yellow", "cyan"


class Screen:
    """What is over is printed; what is being said is redrawn below it until it is."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None

        # What is being said now.
        self._caller = ""
        self._agent = ""
        self._ledger: ev.TurnMetrics | None = None  # of the turn whose reply is being heard

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def tell(self, text: str) -> None:
        self._print(Text(text, style="dim"))

    # --- Watcher --------------------------------------------------------------------------------------------------

    def said(self, line: Line) -> None:
        if line.part is Part.BACKCHANNEL:
            self._row("caller", Text(line.text).append("  over the agent, who goes on", style="dim"), CALLER)

    def heard(self, timed: Timed) -> None:
        match timed.event:
            case ev.TranscriptUserDelta(text=text):
                self._caller = text
            case ev.TranscriptUser(text=text):
                self._caller = ""
                self._row("caller", Text(text), CALLER)
            case ev.ReplyStarted():
                self._agent = ""
            case ev.TranscriptAgentDelta(delta=delta):
                self._agent += delta
            case ev.TurnMetrics() as metrics:
                self._ledger = metrics
            case ev.TranscriptAgent() as transcript:
                self._reply_is_over(transcript)
            case _:
                return
        self._redraw()

    def _reply_is_over(self, transcript: ev.TranscriptAgent) -> None:
        sent, self._agent = self._agent, ""
        ledger, self._ledger = self._ledger, None
        self._redraw()  # what is over is not drawn below itself
        text = Text(transcript.text)
        if transcript.interrupted and not transcript.text:
            text.append("✂ cut before its first word: the caller spoke on", style="red")
        elif transcript.interrupted:
            text.append("  ✂ cut here, by the caller", style="bold red")
            if cut := _rest(sent, transcript.text):
                text.append(f"; sent and never heard: {cut}", style="dim")
        self._row("agent", text, AGENT)
        if ledger is not None:
            self._row("", self._bar(ledger))

    # --- afterwards -----------------------------------------------------------------------------------------------

    def conclude(self, outcome: Outcome, checks: list[Check]) -> None:
        """The verdicts, a line each, and how long things took."""
        self._print(Text())
        for check in checks:
            mark = Text("✓ ", style="green") if check.passed else Text("✗ ", style="bold red")
            self._print(mark.append(f"{check.name}: ", style="").append(check.reason, style="dim"))
        measured = ", ".join(f"{turn.latency_ms:.0f}" for turn in outcome.report.turns if turn.latency_ms is not None)
        self.tell(f"answered after {measured or '–'} ms, measured on the audio from the caller's last sound")
        if outcome.first_reply_s is not None:
            answer = (
                "" if outcome.first_answer_s is None else f", the first answer after {outcome.first_answer_s:.1f} s"
            )
            self.tell(f"first spoken reply {outcome.first_reply_s:.1f} s after the start{answer}")

    # --- drawing --------------------------------------------------------------------------------------------------

    def _bar(self, metrics: ev.TurnMetrics) -> Group | Text:
        total = Text(f"{metrics.total_ms:.0f}", style="bold red" if metrics.total_ms > BUDGET else "bold")
        total.append(f" of {BUDGET} ms", style="not bold dim")
        if self._live is None:
            return total.append("  ").append(legend(metrics.spans))
        drawn = bar(metrics.spans, width=BAR, full_ms=BUDGET)
        drawn.pad_right(max(BAR - len(drawn), 0))
        return Group(drawn.append("▏", style="dim").append(total), legend(metrics.spans))

    def _row(self, who: str, what: Text | Group, style: str = "") -> None:
        if isinstance(what, Text) and self._live is None:
            self._print(Text(f"{who:<8}").append(what))  # one line, however long
        else:
            self._console.print(_row(who, what, style))

    def _print(self, what: Text) -> None:
        self._console.print(what, soft_wrap=self._live is None)

    def _redraw(self) -> None:
        if self._live:
            rows = [_row("caller", Text(f"{self._caller} …", style="italic dim"), CALLER)] if self._caller else []
            rows += [_row("agent", Text(f"{self._agent}▌"), AGENT)] if self._agent else []
            self._live.update(Group(*rows), refresh=True)


def _row(who: str, what: Text | Group, style: str) -> Table:
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_column(width=7, style=style)
    row.add_column()
    row.add_row(who, what)
    return row


def _rest(sent: str, heard: str) -> str:
    """The words of `sent` after those of `heard`."""
    return " ".join(sent.split()[len(heard.split()) :])
