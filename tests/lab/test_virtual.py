from __future__ import annotations

import asyncio
import random
import socket
import threading
import time

import pytest

from antiphon.lab import virtual


def now() -> float:
    return asyncio.get_running_loop().time()


def test_an_hour_takes_no_time_and_ends_on_the_hour() -> None:
    async def main() -> float:
        await asyncio.sleep(3600)
        return now()

    began = time.monotonic()
    assert virtual.run(main()) == 3600
    assert time.monotonic() - began < 1


def test_the_clock_starts_where_it_is_told_and_stands_while_we_compute() -> None:
    async def main() -> tuple[float, float]:
        before = now()
        sum(range(100_000))
        return before, now()

    assert virtual.run(main(), start=50) == (50, 50)


def test_timers_fire_in_order_and_exactly_on_time() -> None:
    async def main() -> list[float]:
        fired: list[float] = []
        delays = [random.Random(1).uniform(0, 100) for _ in range(500)]
        for delay in delays:
            asyncio.get_running_loop().call_at(delay, lambda: fired.append(now()))
        await asyncio.sleep(101)
        assert fired == sorted(delays)
        return fired

    assert virtual.run(main()) == virtual.run(main())


def test_a_deadline_a_float_step_away_is_reached_while_others_are_busy() -> None:
    async def until(deadline: float) -> None:
        while (left := deadline - now()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)

    async def main() -> None:
        await asyncio.sleep(0.1)
        await asyncio.gather(*(until(0.1 + i / 7e9) for i in range(50)))

    virtual.run(main())


def test_timeout_task_group_queue_and_event_work() -> None:
    async def main() -> list[float]:
        queue: asyncio.Queue[float] = asyncio.Queue()
        event = asyncio.Event()

        async def producer() -> None:
            for _ in range(3):
                await asyncio.sleep(1)
                await queue.put(now())
            event.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(producer())
            got = [await queue.get() for _ in range(3)]
            await event.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        return [*got, now()]

    assert virtual.run(main()) == [1, 2, 3, 8]


def test_an_executor_runs_in_place_and_takes_no_time() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(None, threading.get_ident)
        assert future.done()
        assert await future == threading.get_ident()
        assert await asyncio.to_thread(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, divmod, 1, 0)
        assert loop.time() == 0

    virtual.run(main())


def test_a_deadlock_is_an_error_that_names_who_waits() -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        await asyncio.create_task(forever(), name="the guilty one")

    with pytest.raises(virtual.Deadlock, match=r"the guilty one .*forever \(test_virtual.py:\d+\)"):
        virtual.run(main())


def test_a_deadlock_still_lets_tasks_clean_up() -> None:
    cleaned: list[float] = []

    async def main() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)
            cleaned.append(now())

    with pytest.raises(virtual.Deadlock):
        virtual.run(main())
    assert cleaned == [1]


def test_a_run_past_its_limit_is_an_error() -> None:
    with pytest.raises(virtual.TimeLimit, match=r"after 10\.000 s"):
        virtual.run(asyncio.sleep(11), limit=10)


def test_spinning_without_time_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual, "_SPINS", 1000)

    async def main() -> None:
        while True:  # noqa: ASYNC110
            await asyncio.sleep(0)

    with pytest.raises(virtual.Livelock):
        virtual.run(main())


def test_until_cuts_a_program_that_has_no_end() -> None:
    ticks: list[float] = []

    async def main() -> None:
        while True:
            await asyncio.sleep(1)
            ticks.append(now())

    assert virtual.run(main(), until=3.5) is None
    assert ticks == [1, 2, 3]


def test_until_returns_what_ends_before_and_passes_on_its_own_timeout() -> None:
    async def main() -> None:
        raise TimeoutError("mine")

    assert virtual.run(asyncio.sleep(1, "done"), until=2) == "done"
    with pytest.raises(TimeoutError, match="mine"):
        virtual.run(main(), until=2)


def test_sockets_within_the_process_work() -> None:
    async def main() -> bytes:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        _, peer = await asyncio.open_connection(sock=theirs)
        peer.write(b"hello")
        got = await reader.readexactly(5)
        writer.close()
        peer.close()
        return got

    assert virtual.run(main()) == b"hello"
