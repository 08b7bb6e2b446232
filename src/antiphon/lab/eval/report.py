"""An evaluation as one HTML page that needs nothing else: tables, the frontier, distributions, and single calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from antiphon.lab.eval import svg
from antiphon.lab.eval.compare import Change
from antiphon.lab.eval.figures import COLUMNS
from antiphon.lab.eval.overlaps import Outcome
from antiphon.lab.eval.sounds import Kind
from antiphon.lab.eval.suite import Found
from antiphon.lab.eval.svg import Axis, Line, Mark, Track

SHOWN = 2  # calls of each kind

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1f24; --paper: #fff; --faint: #d9dde3; --soft: #6a7280;
  --c0: #0b6bcb; --c1: #c4541a; --c2: #2c8a4b; --c3: #8a3ffc; --c4: #b8860b; --c5: #d02670; --c6: #007d79 }
@media (prefers-color-scheme: dark) { :root { --ink: #e7e9ec; --paper: #14171b; --faint: #333a44; --soft: #9aa3af;
  --c0: #5aa9f5; --c1: #f08a52; --c2: #63c98a; --c3: #b794ff; --c4: #e0b84a; --c5: #ff7eb6; --c6: #3ddbd9 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 60rem; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem } p, figcaption { color: var(--soft) }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: 13px }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--faint) }
th:first-child, td:first-child { text-align: left } tr.ours td { font-weight: 600 }
svg { width: 100%; height: auto } svg text { font: 11px system-ui, sans-serif; fill: var(--ink) }
figure { margin: 1rem 0 } .axis { stroke: var(--ink) } .grid { stroke: var(--faint) }
.mark { stroke: var(--c1); stroke-dasharray: 3 2 }
.worse { color: var(--c1); font-weight: 600 } .better { color: var(--c2) }
""" + "".join(
    f".line{i} {{ stroke: var(--c{i}); fill: none; stroke-width: 2 }} .fill{i} {{ fill: var(--c{i}) }} "
    f".wave{i} {{ stroke: var(--c{i}) }}\n"
    for i in range(7)
)


def page(found: Found, changes: Sequence[Change] = ()) -> str:
    told = found.figures
    parts = [
        "<h1>Turn-taking</h1>",
        f"<p>Suite {escape(told['suite'])}, seed {told['seed']}, Antiphon {escape(told['version'])}, {told['date']}, "
        f"{escape(told['machine'])}. {escape(told['half']).capitalize()}. Made, not recorded: "
        f"{escape(' and '.join(told['synthetic']))}.</p>",
        *(
            f"<p>There was time for {part['done']} of {part['of']} {escape(what)}.</p>"
            for what, part in told["subset"].items()
        ),
        _figures(told),
        _changes(changes),
        "<h2>False cut-offs against waiting</h2>",
        _figure(
            _frontier(found), "Each line is one policy over all settings of its knob; nearer to the corner is better."
        ),
        "<h2>How long it takes</h2>",
        _figure(_waits(found), "The wait from the last voiced sample to the end of the turn, over all true ends."),
        _figure(_times(found.outcomes), "A real interruption: held back, decided, and the agent's last sound."),
        "<h2>Single calls</h2>",
        *(_call(outcome) for outcome in _shown(found.outcomes)),
    ]
    body = "\n".join(part for part in parts if part)
    head = f'<meta charset="utf-8"><title>Turn-taking</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def cell(value: Any, interval: Sequence[float] | None = None) -> str:
    """A share as percent, a wait in ms, with its interval where there is one."""
    if value is None:
        return "–"
    share = isinstance(value, float)
    told = f"{100 * value:.1f} %" if share else f"{value} ms"
    if not interval:
        return told
    low, high = (f"{100 * end:.1f}" if share else f"{end:.0f}" for end in interval)
    return f"{told} ({low}–{high})"


def _figures(told: dict[str, Any]) -> str:
    rows = [("antiphon", told), *told["baselines"].items()]
    head = "".join(f"<th>{escape(column.replace('_', ' '))}</th>" for column in COLUMNS)
    body = "".join(
        f'<tr class="{"ours" if name == "antiphon" else "other"}"><td>{escape(name.replace("_", " "))}</td>'
        + "".join(f"<td>{cell(row[column], row['intervals'].get(column))}</td>" for column in COLUMNS)
        + "</tr>"
        for name, row in rows
    )
    return f'<div class="wide"><table><tr><th></th>{head}</tr>{body}</table></div>'


def _changes(changes: Sequence[Change]) -> str:
    if not changes:
        return ""
    rows = "".join(
        f"<tr><td>{escape(one.figure.replace('_', ' '))}</td><td>{cell(one.before)}</td><td>{cell(one.now)}</td>"
        f'<td class="{one.verdict}">{one.verdict}</td></tr>'
        for one in changes
    )
    return f"<h2>Against the baseline</h2><table><tr><th></th><th>before</th><th>now</th><th></th></tr>{rows}</table>"


def _figure(drawing: str, caption: str) -> str:
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"


def _frontier(found: Found) -> str:
    lines = [Line(name.replace("_", " "), frontier.curve()) for name, frontier in found.frontiers.items()]
    lines.append(Line("modes", list(found.modes.values()), dots=True, names=list(found.modes)))
    singles = {
        name: (row["mean_wait_ms"] / 1000, row["false_cutoff"])
        for name, row in found.figures["baselines"].items()
        if "mean_wait_ms" in row
    }
    lines.append(Line("baselines", list(singles.values()), dots=True, names=[n.replace("_", " ") for n in singles]))
    wait = Axis("mean wait, seconds", 0.0, 2.0, 0.2)
    return svg.chart(wait, Axis("false cut-offs", 0.0, 0.6, 0.1, percent=True), lines)


def _waits(found: Found) -> str:
    lines = [Line(name.replace("_", " "), _cumulative(waits)) for name, waits in found.waits.items()]
    return svg.chart(Axis("seconds", 0.0, 3.2, 0.4), Axis("share of the ends", 0.0, 1.0, 0.2, percent=True), lines)


def _times(outcomes: Iterable[Outcome]) -> str:
    real = [one for one in outcomes if one.kind is Kind.INTERRUPTION]
    named = {
        "held back": [one.held for one in real],
        "decided": [one.yielded for one in real],
        "last sound": [one.stopped for one in real],
    }
    lines = [Line(name, _cumulative([at for at in times if at is not None])) for name, times in named.items()]
    return svg.chart(Axis("seconds", 0.0, 1.0, 0.1), Axis("share of them", 0.0, 1.0, 0.2, percent=True), lines)


def _cumulative(values: Sequence[float]) -> list[svg.Point]:
    return [(value, (i + 1) / len(values)) for i, value in enumerate(sorted(values))]


def _shown(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Of each kind some, those first that did not come out as they should."""
    shown: list[Outcome] = []
    for kind in Kind:
        those = [one for one in outcomes if one.kind is kind and one.story]
        right = [one.gave_way if kind is Kind.INTERRUPTION else one.kept for one in those]
        shown += [one for _, one in sorted(zip(right, those, strict=True), key=lambda pair: pair[0])[:SHOWN]]
    return shown


def _call(outcome: Outcome) -> str:
    story = outcome.story
    assert story
    tracks = (
        Track("caller", story.caller, story.begins, story.every),
        Track("agent", story.agent, story.begins, story.every),
    )
    came = "the agent gave way" if outcome.yielded is not None else "the agent went on"
    made = ", synthetic" if outcome.synthetic else ""
    marks = [Mark(at, name) for at, name in story.events]
    return _figure(svg.timeline(tracks, marks), f"{outcome.kind}{made}: {outcome.name}; {came}.")
