"""What is particular to the store in an SQLite file."""

from __future__ import annotations

import asyncio
import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

from antiphon.server.stores.sqlite import SqliteStore

WORKERS = 4


def opens(path: Path, barrier: Barrier) -> None:
    async def open_and_close() -> None:
        store = SqliteStore(path)
        await store.open()
        await store.aclose()

    barrier.wait(30)
    asyncio.run(open_and_close())


def test_workers_that_start_at_the_same_moment_open_one_new_file(tmp_path):
    context = multiprocessing.get_context("spawn")
    for attempt in range(3):
        barrier = context.Barrier(WORKERS)
        workers = [context.Process(target=opens, args=(tmp_path / f"{attempt}.db", barrier)) for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert [worker.exitcode for worker in workers] == [0] * WORKERS
