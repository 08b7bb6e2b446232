"""The page of an evaluation."""

import re
from html.parser import HTMLParser

from antiphon.lab.eval import figures
from antiphon.lab.eval.compare import Change, Verdict
from antiphon.lab.eval.frontier import sweep
from antiphon.lab.eval.overlaps import Outcome, Story
from antiphon.lab.eval.policies import silence
from antiphon.lab.eval.report import SHOWN, page
from antiphon.lab.eval.sounds import Kind
from antiphon.lab.eval.suite import Found
from tests.lab.eval.clips import point

STORY = Story(-0.1, 0.02, (0.0, 0.5, 0.4), (0.3, 0.2, 0.0), ((0.04, "hold"), (0.3, "heard: <stop>")))


def found(outcomes: int = 1) -> Found:
    points = [point(over=over, name=str(i)) for i in range(4) for over in (True, False)]
    one = Outcome("anna.flac 1", Kind.INTERRUPTION, False, 0.1, 0.3, 0.4, story=STORY)
    frontier = sweep(silence, [0.3, 0.5, 0.7], points)
    told = figures.merged(figures.of_frontier(frontier)) | {
        "suite": "small",
        "seed": 0,
        "version": "1",
        "date": "2026-01-01",
        "machine": "one & only",
        "half": "figures are of the other",
        "synthetic": ["coughs"],
        "subset": {"echoes": {"done": 1, "of": 2}},
        "baselines": {"silence_700": figures.merged(figures.at_a_setting(sweep(silence, [0.7], points)))},
    }
    return Found(told, {"silence": frontier}, {"balanced": (0.5, 0.3)}, {"balanced": [0.4, 0.6]}, [one] * outcomes)


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else():
    text = page(found())
    assert _Tags(text).open == []
    assert not re.search(r"https?:|<script|<link|<img|@import|url\(", text)


def test_it_shows_the_frontier_the_times_and_a_call_with_what_was_decided():
    text = page(found())
    assert text.count("<svg") == 4 and "<polyline" in text
    assert "hold" in text and "heard: &lt;stop&gt;" in text and "one &amp; only" in text
    assert "There was time for 1 of 2 echoes" in text


def test_of_each_kind_a_few_calls_are_shown():
    assert page(found(20)).count("anna.flac") == SHOWN


def test_a_comparison_is_in_it():
    text = page(found(), [Change("yield_rate", 0.98, 0.9, Verdict.WORSE)])
    assert '<td class="worse">worse</td>' in text and "98.0 %" in text


def test_no_call_and_no_wait_is_no_reason_to_fail():
    told = found(0)
    told.waits.clear()
    assert _Tags(page(told)).open == []
