"""Calls leave nothing behind in the server: a sample of what `antiphon bench leaks` holds."""

from __future__ import annotations

import asyncio

from antiphon.lab.bench_leaks import measure


def test_calls_leave_no_task_thread_or_file_behind() -> None:
    figures = asyncio.run(measure(40, seed=1, warm_up=20))
    assert figures["faults"] == []
    assert figures["failed"] == 0
    assert figures["back"], figures
