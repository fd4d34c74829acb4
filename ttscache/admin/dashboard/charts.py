"""Lines and bars for inline SVG: numbers in, path data out. Drawn in a box of 600 by 100."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600.0, 100.0
EDGE = 6.0  # so that a point on the edge is seen as a whole


@dataclass(frozen=True, slots=True)
class Scale:
    low: float
    high: float

    def y(self, value: float) -> float:
        """0 is the top of the box."""
        span = (self.high - self.low) or 1.0
        share = (min(max(value, self.low), self.high) - self.low) / span
        return HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE)


def x(place: int, number: int) -> float:
    """The middle of step `place` of `number` steps."""
    return (place + 0.5) * WIDTH / max(number, 1)


def line(values: Sequence[float | None], scale: Scale) -> str:
    """A line through all values but the last, whose step is not over; broken where one is None."""
    path, is_drawing = [], False
    for place, value in enumerate(values[:-1]):
        if value is not None:
            path.append(f"{'L' if is_drawing else 'M'}{x(place, len(values)):.1f} {scale.y(value):.1f}")
        is_drawing = value is not None
    return "".join(path)


def marks(values: Sequence[float | None], scale: Scale) -> str:
    """A dot for each value: a line of length 0, whose round ends stay round when the box is stretched."""
    return "".join(
        f"M{x(place, len(values)):.1f} {scale.y(value):.1f}h0"
        for place, value in enumerate(values)
        if value is not None
    )


def open_end(values: Sequence[float | None], scale: Scale) -> str:
    """The line to the last value, whose step is not over yet; empty where one of the two is None."""
    place = len(values) - 1
    if place < 1 or (before := values[-2]) is None or (last := values[-1]) is None:
        return ""
    start = f"M{x(place - 1, len(values)):.1f} {scale.y(before):.1f}"
    return f"{start}L{x(place, len(values)):.1f} {scale.y(last):.1f}"


def horizontal(value: float, scale: Scale) -> str:
    return f"M0 {scale.y(value):.1f}H{WIDTH:g}"


def ticks(number: int) -> list[tuple[int, float]]:
    """The steps that the time axis names, at most five: place, and its middle in percent of the width."""
    apart = max(1, -(-number // 5))
    places = range((number - 1) % apart, number, apart)  # counted from the last, which is now
    return [(place, 100 * x(place, number) / WIDTH) for place in places]


def bars(values: Sequence[float], scale: Scale) -> str:
    """Vertical bars, with a gap of a third of a step between them. A bar that is empty is not drawn."""
    width = WIDTH / max(len(values), 1) * 2 / 3
    floor = scale.y(scale.low)
    return "".join(
        f"M{x(place, len(values)) - width / 2:.1f} {floor:.1f}V{scale.y(value):.1f}h{width:.1f}V{floor:.1f}z"
        for place, value in enumerate(values)
        if value > 0
    )


def floor_for(values: Sequence[float | None], target: float | None) -> float:
    """The low end of a percentage scale: 0, 50, 80, 90 or 95, so that small losses near 100 show."""
    lowest = min([value for value in values if value is not None] + ([target] if target else []), default=0.0)
    return max((floor for floor in (0.0, 50.0, 80.0, 90.0, 95.0) if floor <= lowest - 1), default=0.0)
