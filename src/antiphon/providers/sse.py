"""Server-sent events, as language models send them: bytes in, the data of each event out. No I/O."""

from __future__ import annotations


class SseDecoder:
    """Splits at line feeds only: a line separator of Unicode may stand unescaped inside the JSON of an event.

    Names, ids and comments are passed over. Source: WHATWG HTML, section 9.2, "Server-sent events".
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._data: list[bytes] = []

    def feed(self, received: bytes) -> list[str]:
        """Returns the data of every event that is complete now. Raises UnicodeDecodeError when it is not UTF-8."""
        *lines, self._buffer = (self._buffer + received).split(b"\n")
        events = []
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                events.append(self._event())
        return events

    def end(self) -> list[str]:
        """What is left when the connection has ended: some servers leave out the last empty line."""
        return self.feed(b"\n\n")

    def _event(self) -> str:
        data, self._data = b"\n".join(self._data), []
        return data.decode()
