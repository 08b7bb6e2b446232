"""OpenAI's Realtime API, with the event names of its general availability, as a plain class."""

from antiphon.protocols.realtime.door import RealtimeDoor

__all__ = ["RealtimeDoor"]
