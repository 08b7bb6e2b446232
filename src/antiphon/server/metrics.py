"""`GET /metrics`: the state of every worker of this machine, in the text format of Prometheus (version 0.0.4).

Whichever worker is asked, all of them are told: one scrape of a port that many processes share is enough.
"""

from __future__ import annotations

from collections.abc import Callable

from antiphon.server.board import Board, Line, Phase

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Name without its prefix, type, help, value. None: not known of this worker.
GAUGES: tuple[tuple[str, str, str, Callable[[Line], float | None]], ...] = (
    ("ready", "gauge", "Whether it takes on sessions.", lambda line: line.phase == Phase.READY),
    ("draining", "gauge", "Whether it is stopping, and waits for its sessions.", lambda x: x.phase == Phase.DRAINING),
    ("sessions", "gauge", "Sessions that are live.", lambda line: line.sessions),
    ("sessions_most", "gauge", "Sessions it takes at a time, where that is limited.", lambda line: line.most or None),
    ("waiting_connections", "gauge", "Connections that have no session yet.", lambda line: line.waiting),
    ("loop_lag_seconds", "gauge", "95th percentile of how late the event loop is, of 5 s.", lambda line: line.lag),
    ("starts_total", "counter", "How often the worker was started.", lambda line: max(line.starts, 1)),
)


def render(board: Board) -> str:
    lines: list[str] = []
    for name, kind, told, value in GAUGES:
        values = [(number, value(line)) for number, line in enumerate(board.lines) if line.starts or line.pid]
        known = [f'antiphon_{name}{{worker="{number}"}} {float(v):g}' for number, v in values if v is not None]
        if known:
            lines += [f"# HELP antiphon_{name} {told}", f"# TYPE antiphon_{name} {kind}", *known]
    return "\n".join([*lines, ""])
