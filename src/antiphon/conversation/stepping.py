"""The workbench of one step: the state so far, the orders so far, and the few verbs every handler needs."""

from __future__ import annotations

from typing import Any, TypeVar

from antiphon.conversation.actions import Action, ClearTimer, Clock, Emit, SetTimer
from antiphon.conversation.notices import Notice
from antiphon.conversation.settings import Settings
from antiphon.conversation.state import Reply, State, Turn

T = TypeVar("T", State, Turn, Reply)


class Step:
    """Lives for one call of `step`. `state` is replaced, never changed."""

    __slots__ = ("actions", "now", "state")

    def __init__(self, state: State, now: float) -> None:
        self.state = state
        self.now = now
        self.actions: list[Action] = []

    @property
    def settings(self) -> Settings:
        return self.state.settings

    def set(self, **changes: Any) -> None:
        self.state = _changed(self.state, changes)

    def set_turn(self, **changes: Any) -> Turn:
        assert self.state.turn is not None
        turn = _changed(self.state.turn, changes)
        self.set(turn=turn)
        return turn

    def set_live(self, **changes: Any) -> Reply:
        assert self.state.live is not None
        live = _changed(self.state.live, changes)
        self.set(live=live)
        return live

    def do(self, *actions: Action) -> None:
        self.actions.extend(actions)

    def emit(self, notice: Notice) -> None:
        self.actions.append(Emit(notice))

    def new_id(self, prefix: str) -> str:
        """An id of the wire's form, `prefix` and 32 hex digits; never given twice in a session."""
        self.set(ids=self.state.ids + 1)
        return f"{prefix}_{self.state.seed}{self.state.ids:08x}"

    # Timers: audio time in ms from a position, wall time in seconds from now.

    def at_audio(self, name: str, due: int) -> None:
        self.do(SetTimer(name, Clock.AUDIO, due))

    def after(self, name: str, seconds: float) -> None:
        self.do(SetTimer(name, Clock.WALL, self.now + seconds))

    def clear(self, *names: str) -> None:
        self.do(*(ClearTimer(name) for name in names))


def _changed(data: T, changes: dict[str, Any]) -> T:
    """As `dataclasses.replace`, for a frozen class with slots and no checks of its own, in a third of the time: most of
    a step is spent here."""
    kind = type(data)
    new = object.__new__(kind)
    for name in kind.__slots__:
        object.__setattr__(new, name, changes.pop(name) if name in changes else getattr(data, name))
    if changes:
        raise TypeError(f"{kind.__name__} has no {', '.join(changes)}")
    return new
