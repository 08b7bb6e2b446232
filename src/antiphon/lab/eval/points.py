"""The moments at which a policy must decide: each true end of a turn, and pauses in the middle of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from antiphon.audio.pcm import Int16
from antiphon.errors import AntiphonError
from antiphon.lab.eval import pauses
from antiphon.lab.eval.corpus import RATE, Clip, Half
from antiphon.lab.eval.traces import SILENCE, Models, Store, Trace

LEAD = 0.5  # seconds of the clip before its speech, for the VAD to settle in
MOST_PAUSES = 3  # in one clip


@dataclass(frozen=True, slots=True)
class Point:
    """One pause, or one end (`over`)."""

    clip: str
    kind: str
    half: Half
    over: bool
    at: float  # seconds since the clip's speech began
    trace: Trace
    lasts: float = 0.0  # seconds of pause that the clip itself has there, if it was made with pauses


@dataclass(frozen=True, slots=True)
class Place:
    """Where a point will be. `pause` is a sample of `audio`."""

    clip: Clip
    at: int
    over: bool

    def audio(self) -> tuple[Int16, int]:
        lead = min(round(LEAD * RATE), self.clip.begin)
        audio = pauses.paused(self.clip, self.at, SILENCE, lead=LEAD)
        return audio, self.at - self.clip.begin + lead


def places(clips: Sequence[Clip], *, most: int = MOST_PAUSES) -> Iterator[Place]:
    for clip in clips:
        yield from (Place(clip, at, over=False) for at in pauses.dips(clip, most=most))
        yield Place(clip, clip.end, over=True)


def trace(
    wanted: Sequence[Place],
    *,
    jobs: int,
    until: float,
    seed: int = 0,
    store: Store | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Point]:
    """The points, in the order given, of all places that could be traced until `until` (monotonic seconds): in a seeded
    order, so that what is missing is missing at random. `progress` is told how many are done, and of how many.

    Raises ModelStoreError or MissingDependency where a model is missing.
    """
    store = store or Store()
    sounds = [place.audio() for place in wanted]
    known = [store.get(*sound) for sound in sounds]
    missing = [i for i, found in enumerate(known) if found is None]
    random.Random(seed).shuffle(missing)
    if missing:
        Models()  # what is not here is missed before any process is started
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_load) as pool:
            running = {pool.submit(_trace, *sounds[i], store.place, until): i for i in missing}
            try:
                for done, future in enumerate(as_completed(running), len(wanted) - len(missing) + 1):
                    known[running[future]] = future.result()
                    if progress:
                        progress(done, len(wanted))
            except BrokenProcessPool as error:
                raise AntiphonError("a process that ran the models was killed; is there enough memory?") from error
    return [_point(place, found) for place, found in zip(wanted, known, strict=True) if found]


def _point(place: Place, found: Trace) -> Point:
    clip = place.clip
    lasts = pauses.dip_length(clip, place.at) / RATE if clip.breaks and not place.over else 0.0
    return Point(clip.name, clip.kind, clip.half, place.over, (place.at - clip.begin) / RATE, found, lasts)


_models: Models | None = None  # of a worker process, which has one thread and serves one evaluation


def _load() -> None:
    global _models
    _models = Models()


def _trace(audio: Int16, pause: int, store: Path, until: float) -> Trace | None:
    assert _models
    if time.monotonic() > until:
        return None
    found = _models.trace(audio, pause)
    Store(store).put(audio, pause, found)
    return found
