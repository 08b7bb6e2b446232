"""Small drawings as inline SVG: lines over two axes, and waveforms with marks. Colours are those of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 340
LEFT, RIGHT, TOP, BOTTOM = 52, 150, 12, 40  # margins; names stand on the right

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    name: str
    low: float
    high: float
    step: float  # between two ticks
    percent: bool = False

    def label(self, value: float) -> str:
        return f"{value:.0%}" if self.percent else f"{value:g}"

    def ticks(self) -> list[float]:
        count = int((self.high - self.low) / self.step + 1e-9)
        return [round(self.low + i * self.step, 6) for i in range(count + 1)]


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    points: Sequence[Point]
    dots: bool = False  # single points with names of their own, not joined
    names: Sequence[str] = ()


def chart(x: Axis, y: Axis, lines: Sequence[Line]) -> str:
    """Lines over two axes. What lies outside of them is not drawn."""
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def across(value: float) -> float:
        return LEFT + (value - x.low) / (x.high - x.low) * (right - LEFT)

    def up(value: float) -> float:
        return bottom - (value - y.low) / (y.high - y.low) * (bottom - TOP)

    parts = [f'<line class="axis" x1="{LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>']
    for tick in x.ticks():
        parts.append(_text(across(tick), bottom + 16, x.label(tick), anchor="middle"))
    for tick in y.ticks():
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{up(tick):.1f}" y2="{up(tick):.1f}"/>')
        parts.append(_text(LEFT - 6, up(tick) + 4, y.label(tick), anchor="end"))
    parts.append(_text((LEFT + right) / 2, HEIGHT - 6, x.name, anchor="middle"))
    for i, line in enumerate(lines):
        inside = [p for p in line.points if x.low <= p[0] <= x.high and y.low <= p[1] <= y.high]
        spots = [(across(a), up(b)) for a, b in inside]
        parts += _dots(spots, line.names, i) if line.dots else _joined(spots, i)
        parts.append(f'<rect class="fill{i}" x="{right + 12}" y="{TOP + 20 * i}" width="10" height="10"/>')
        parts.append(_text(right + 28, TOP + 9 + 20 * i, line.name))
    return _svg(HEIGHT, parts, f"{y.name} against {x.name}")


@dataclass(frozen=True, slots=True)
class Track:
    """Peaks from 0 to 1, evenly spaced from `begins` on."""

    name: str
    peaks: Sequence[float]
    begins: float  # seconds
    every: float  # seconds


@dataclass(frozen=True, slots=True)
class Mark:
    at: float  # seconds
    name: str


def timeline(tracks: Sequence[Track], marks: Sequence[Mark]) -> str:
    """Waveforms above each other on one clock, and what was decided when."""
    begins = min(track.begins for track in tracks)
    ends = max(track.begins + len(track.peaks) * track.every for track in tracks)
    row, top = 64, 16 + 14 * min(len(marks), 6)
    scale = (WIDTH - LEFT - 20) / max(ends - begins, 0.1)
    parts = []
    for i, track in enumerate(tracks):
        middle = top + row * i + row / 2
        parts.append(_text(4, middle + 4, track.name))
        parts.append(f'<path class="wave{i}" d="{_wave(track, begins, scale, middle, row / 2 - 4)}"/>')
    bottom = top + row * len(tracks)
    for i, mark in enumerate(sorted(marks, key=lambda mark: mark.at)):
        at, y = LEFT + (mark.at - begins) * scale, 12 + 14 * (i % 6)
        parts.append(f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{y + 2}" y2="{bottom}"/>')
        left = at > WIDTH * 0.7
        parts.append(_text(at - 3 if left else at + 3, y, mark.name, anchor="end" if left else "start"))
    for second in range(int(begins) + 1, int(ends) + 1):
        parts.append(_text(LEFT + (second - begins) * scale, bottom + 14, f"{second} s", anchor="middle"))
    return _svg(bottom + 20, parts, "timeline")


def _wave(track: Track, begins: float, scale: float, middle: float, height: float) -> str:
    moves = []
    for i, peak in enumerate(track.peaks):
        x, y = LEFT + (track.begins - begins + i * track.every) * scale, max(min(peak, 1.0) ** 0.6 * height, 0.3)
        moves.append(f"M{x:.1f} {middle - y:.1f}V{middle + y:.1f}")
    return "".join(moves)


def _joined(spots: Sequence[Point], i: int) -> list[str]:
    return [f'<polyline class="line{i}" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in spots)}"/>']


def _dots(spots: Sequence[Point], names: Sequence[str], i: int) -> list[str]:
    dots = [f'<circle class="fill{i}" cx="{a:.1f}" cy="{b:.1f}" r="4"/>' for a, b in spots]
    return dots + [_text(a + 6, b - 6, name) for (a, b), name in zip(spots, names, strict=False)]


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(height: float, parts: Sequence[str], title: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img"><title>{escape(title)}</title>{"".join(parts)}</svg>'
