"""The bench of connections that are cut, on a seeded sample of its points."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from antiphon.client import events as of
from antiphon.lab.bench_resume import POINTS_A_CALL, Where, drawn, run
from antiphon.lab.cut_call import Lost
from antiphon.lab.event_order import EventOrder


def test_every_kind_of_cut_comes_as_often_as_any_other():
    points = drawn(500, seed=1)
    kinds = Counter((point.where, point.how) for point in points)
    assert len(kinds) == len(Where) * len(Lost)
    assert max(kinds.values()) - min(kinds.values()) <= 1
    assert max(Counter(point.call for point in points).values()) == POINTS_A_CALL


def test_a_session_survives_a_cut_at_any_moment():
    figures = run(points=9, seed=1, processes=1)
    assert figures["failures"] == []
    assert figures["stock"] == figures["seq"] == {"cuts": 9, "right": 9}
    assert figures["next_audio"]["retained"]["max"] <= 200
    assert figures["next_audio"]["text_after_stages"]["max"] <= figures["next_audio"]["of_it_network"] + 50


READY = {"type": "session.ready", "session_id": "sess_1"}
STARTED = {"type": "reply.started", "reply_id": "resp_1", "item_id": "msg_2"}
DONE = {"type": "reply.done", "reply_id": "resp_1", "status": "completed"}
AUDIO = {"type": "reply.audio", "reply_id": "resp_1", "data": ""}
SPEECH = {"type": "input.speech.started"}
USER = {"type": "transcript.user", "text": "yes", "item_id": "msg_1"}


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ([READY, STARTED, AUDIO, DONE], []),
        ([STARTED], ["ReplyStarted"]),
        ([READY, READY], ["SessionReady"]),
        ([READY, STARTED, DONE, AUDIO], ["ReplyAudio"]),
        ([READY, STARTED, DONE, STARTED], ["ReplyStarted"]),
        ([READY, SPEECH, SPEECH], ["InputSpeechStarted"]),
        ([READY, USER, USER], ["TranscriptUser"]),
        ([READY, SPEECH, USER], ["TranscriptUser"]),
    ],
)
def test_what_may_not_come_is_found(told: list[dict[str, str]], wrong: list[str]) -> None:
    order = EventOrder()
    found = [order.see(of.decode(json.dumps(event | {"timestamp": 1.0}))) for event in told]
    assert [text.split()[0] for text in found if text] == wrong
