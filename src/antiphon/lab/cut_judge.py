"""What is wrong with a call whose connection was cut: with its history, its tools, its events."""

from __future__ import annotations

from collections.abc import Iterator

from antiphon.lab.cut_call import TURNS, Lost, Outcome, script
from antiphon.types import Role


def judge(outcome: Outcome, how: Lost | None) -> list[str]:
    """What is wrong with it; nothing, if the session survived as it should."""
    wrong = [outcome.failure] if outcome.failure else []
    wrong += outcome.client.wrong
    if outcome.booked > 1 or any(runs > 1 for runs in outcome.client.runs.values()):
        wrong.append("a tool was run twice")
    wrong += [*_callers_words(outcome, how), *_agents_words(outcome), *_heard(outcome)]
    return wrong


def _callers_words(outcome: Outcome, how: Lost | None) -> Iterator[str]:
    """All of them, in their order. In one turn, what was under way with a connection that died is lost: a word at most
    is missing or broken in two. What a process had not understood when it was killed is lost too; who got no answer
    says it again."""
    remembered = _words(outcome, Role.USER)
    turns = [turn.split() for turn in TURNS]
    parts = [[word for word in remembered if word in turn] for turn in turns]
    spoilt = [(part, turn) for part, turn in zip(parts, turns, strict=True) if part != turn]
    in_order = remembered == [word for part in parts for word in part]
    if not in_order or len(spoilt) > 1 or not all(_may_be(part, turn, how) for part, turn in spoilt):
        yield f"the caller is remembered to have said {' '.join(remembered)!r}"


def _may_be(part: list[str], turn: list[str], how: Lost | None) -> bool:
    if how is Lost.DEAD:
        return abs(len(part) - len(turn)) == 1 and (_within(part, turn) or _within(turn, part))
    if how is Lost.KILLED:
        return _within(part, turn) or (part[-len(turn) :] == turn and _within(part[: -len(turn)], turn))
    return False


def _within(some: list[str], whole: list[str]) -> bool:
    """Whether they come in that order."""
    rest = iter(whole)
    return all(word in rest for word in some)


def _agents_words(outcome: Outcome) -> Iterator[str]:
    """Every word of the script once and in its order, but that a word that was cut may be said again."""
    expected, at = list(script(outcome)), 0
    for message in outcome.history:
        words = message.text.split()
        if message.role is not Role.ASSISTANT or not words:
            continue
        begins = next((k for k in (at, at - 1) if k >= 0 and expected[k : k + len(words)] == words), None)
        if begins is None:
            yield f"{message.text!r} does not follow {' '.join(expected[:at][-5:])!r}"
            return
        at = begins + len(words)
    if at != len(expected):
        yield f"{' '.join(expected[at:])!r} was not said"


def _heard(outcome: Outcome) -> Iterator[str]:
    for said in outcome.said:
        heard = outcome.client.words(said.reply_id, said.text)
        if heard != said.text.split():
            yield f"{said.text!r} is remembered as heard, and was {' '.join(heard)!r}"


def _words(outcome: Outcome, role: Role) -> list[str]:
    return [word for message in outcome.history if message.role is role for word in message.text.split()]
