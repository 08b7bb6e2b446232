"""The audio of a call by tracks, without the call."""

from __future__ import annotations

import base64
import json

from antiphon.protocols.tracks import SAMPLES, Media, Way

WAY = Way(round_trip=0.08, jitter=0.005)  # so 0.1 s until it is heard


def audio(reply_id: str, seconds: float) -> str:
    data = base64.b64encode(b"\1\1" * int(seconds * 24_000)).decode()
    return json.dumps({"type": "reply.audio", "reply_id": reply_id, "data": data})


def test_what_was_heard_is_what_left_a_way_ago() -> None:
    media = Media()
    assert media.send(audio("r1", 0.2), 0.0) == ("", "")
    told = []
    for n in range(30):
        assert len(media.frame(n * 0.02)) == SAMPLES * 2
        if position := media.position(WAY, n * 0.02):
            told.append((n * 20, json.loads(position)["samples"]))
    assert told[0] == (100, 480) and told[-1][1] == 4800
    assert all(samples <= (at - 80) * 24 for at, samples in told)


def test_a_flush_drops_what_has_not_left_and_says_what_has() -> None:
    media = Media()
    media.send(audio("r1", 0.2), 0.0)
    media.frame(0.0), media.frame(0.02)
    started = json.dumps({"type": "input.speech.started"})
    assert media.send(started, 0.03) == (started, '{"type":"playout.position","reply_id":"r1","samples":960}')
    assert not any(media.frame(0.04)[200:])


def test_the_tracks_follow_the_format_of_the_session() -> None:
    media = Media()
    formats = {"format": {"encoding": "audio/pcmu"}}
    config = {"id": "sess_1", "input": formats, "output": formats}
    media.send(json.dumps({"type": "session.updated", "config": config}), 0.0)
    heard = [json.loads(media.hear(bytes(SAMPLES * 2))) for _ in range(5)]
    assert len(base64.b64decode(heard[-1]["audio"])) == 160
