"""Taking connections in: a few in each pass of the loop and so many a second, however many knock at once.

What is not taken in waits in the kernel, where it costs nobody anything. An event loop left to itself accepts all that
there are before it does anything else; a thousand connections are a fifth of a second in which no call is served.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
import time
from collections.abc import Callable

from antiphon.server.lobby import Lobby

log = logging.getLogger("antiphon.server")

EACH_TIME = 4  # connections taken in before everybody else has had a turn
EXHAUSTED = 1.0  # seconds until the next, when the process has no file descriptor left
TLS_TIMEOUT = 10.0  # seconds a handshake may take, where the lobby allows as much


class Acceptor:
    """Accepts from `listener`, `rate` connections a second at most, until it is closed. It has what uvicorn uses of an
    asyncio.Server.

    Where other processes accept from it too, `courtesy` says for how many seconds they are let go first. It is told
    whether they were already, and did not.
    """

    def __init__(
        self,
        listener: socket.socket,
        make: Callable[[], asyncio.Protocol],
        *,
        lobby: Lobby,
        rate: float,
        courtesy: Callable[[bool], float] = lambda waited: 0.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._listener = listener
        self._make = make
        self._lobby = lobby
        self._pause = EACH_TIME / rate  # seconds
        self._courtesy = courtesy
        self._waited = False  # others were let go first, and did not
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._later: asyncio.Handle | None = None
        self._stopped = False
        listener.setblocking(False)
        self._loop.add_reader(listener.fileno(), self._accept)

    @property
    def is_busy(self) -> bool:
        """Somebody was taken in whose connection has not begun yet."""
        return bool(self._beginning)

    def stop(self) -> None:
        """Takes in nobody any more; the listener stays open. Who was taken in is still connected."""
        if self._stopped:
            return
        self._stopped = True
        if self._later:
            self._later.cancel()
        self._loop.remove_reader(self._listener.fileno())

    def close(self) -> None:
        """The same, and drops who is not connected yet."""
        self.stop()
        for task in self._beginning:
            task.cancel()

    async def wait_closed(self) -> None:
        await asyncio.gather(*self._beginning, return_exceptions=True)

    def _accept(self) -> None:
        if seconds := self._courtesy(self._waited):
            self._waited = True
            self._rest(seconds)
            return
        self._waited = False
        for _ in range(EACH_TIME):
            try:
                sock, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return  # another process was faster, or the client has gone
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    raise
                log.error("no connection can be taken in: %s", error.strerror)
                self._rest(EXHAUSTED)
                return
            self._begin(sock)
        self._loop.remove_reader(self._listener.fileno())
        self._later = self._loop.call_soon(self._passed, time.monotonic())

    def _passed(self, since: float) -> None:
        """Rests for as long as the loop took to serve everybody else once."""
        self._rest(max(self._pause, time.monotonic() - since))

    def _rest(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener.fileno())
        self._later = self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        self._later = None
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def _begin(self, sock: socket.socket) -> None:
        task = self._loop.create_task(self._connect(sock), name="accept")
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    async def _connect(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        place = self._lobby.enter(self._turn_out(asyncio.current_task())) if self._tls else None
        try:
            await self._loop.connect_accepted_socket(
                self._make, sock, ssl=self._tls, ssl_handshake_timeout=TLS_TIMEOUT if self._tls else None
            )
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            log.info("a connection did not begin: %s", error)
        finally:
            if place:
                place.leave()

    def _turn_out(self, task: asyncio.Task[None] | None) -> Callable[[], None]:
        def turn_out() -> None:
            if task:
                task.cancel()

        return turn_out
