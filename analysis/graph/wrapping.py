"""A deep and narrow drawing in columns side by side, so that it is read on one screen."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from analysis.graph.layout import BOX, GAP, GraphLayout, Point

ASPECT: Final = 1.6
"""Width over height that the drawing should have."""
GUTTER: Final = 56.0
"""Room between columns, in pixels; edges from one to the next run up in it."""
MOST_CUT: Final = 3
"""Edges that a break between two columns may cut: more would be a tangle in the gutter."""
LEAST_ROWS: Final = 6
"""Layers that a column has on average, at least: a short drawing is read as it is."""
WINDOW: Final = 0.3
"""How far from its ideal place a break may lie, in columns."""

_ROW: Final = BOX[1] + GAP[1]


def wrapped(layout: GraphLayout) -> GraphLayout:
    """The drawing in as many columns as make it about as wide as a screen.

    Columns break where at most three edges pass; a drawing without such places stays as it is.

    Args:
        layout: The drawing in one column.
    """
    starts = _starts(layout)
    if len(starts) < 2:
        return layout
    columns = _columns(layout, starts)
    places = tuple(
        columns[_column(starts, layer)].moved(place)
        for place, layer in zip(layout.places, layout.layers, strict=True)
    )
    bends = tuple(
        _rerouted(layout, edge, corners, starts, columns)
        for edge, corners in zip(layout.edges, layout.bends, strict=True)
    )
    last = columns[-1]
    size = (last.left + last.width, max(c.height for c in columns) + GAP[1])
    return replace(layout, places=places, bends=bends, size=size, columns=len(starts))


@dataclass(frozen=True)
class _Column:
    """Where a column stands.

    Attributes:
        first: Its first layer.
        least: The least x of what it holds, in the drawing in one column.
        left: Where that comes to lie.
        width: Its width.
        height: Its height.
    """

    first: int
    least: float
    left: float
    width: float
    height: float

    def moved(self, point: Point) -> Point:
        """Where a point of this column comes to lie."""
        x, y = point
        return x - self.least + self.left, y - self.first * _ROW + GAP[1] / 2

    @property
    def gutter(self) -> float:
        """The middle of the room behind it."""
        return self.left + self.width + GUTTER / 2


def _starts(layout: GraphLayout) -> list[int]:
    """The first layer of each column."""
    width, height = layout.size
    count = max(layout.layers, default=-1) + 1
    wanted = min(round(math.sqrt(ASPECT * height / (width + GUTTER))), count // LEAST_ROWS)
    crossing = [0] * (count + 1)
    for source, target in layout.edges:
        crossing[layout.layers[source] + 1] += 1
        crossing[layout.layers[target] + 1] -= 1
    total = 0
    for layer in range(count + 1):
        total += crossing[layer]
        crossing[layer] = total
    starts = [0]
    for place in range(1, wanted):
        ideal, reach = place * count / wanted, WINDOW * count / wanted
        near = range(math.ceil(ideal - reach), math.floor(ideal + reach) + 1)
        free = [at for at in near if starts[-1] < at < count and crossing[at] <= MOST_CUT]
        if free:
            starts.append(min(free, key=lambda at: (crossing[at], abs(at - ideal))))
    return starts


def _column(starts: Sequence[int], layer: int) -> int:
    return sum(start <= layer for start in starts) - 1


def _columns(layout: GraphLayout, starts: Sequence[int]) -> list[_Column]:
    ends: list[list[float]] = [[] for _ in starts]
    for (x, _), layer in zip(layout.places, layout.layers, strict=True):
        ends[_column(starts, layer)] += [x - BOX[0] / 2, x + BOX[0] / 2]
    for corners in layout.bends:
        for a, b in pairwise(corners):
            for column in range(_column(starts, _layer(a)), _column(starts, _layer(b)) + 1):
                ends[column] += [a[0], b[0]]
    found: list[_Column] = []
    left = 0.0
    stops = [*starts[1:], max(layout.layers) + 1]
    for first, stop, xs in zip(starts, stops, ends, strict=True):
        width = max(xs) - min(xs)
        found.append(_Column(first, min(xs), left, width, (stop - first) * _ROW - GAP[1]))
        left += width + GUTTER
    return found


def _layer(corner: Point) -> int:
    """The layer that a corner lies in: corners are at the edges of boxes."""
    return int((corner[1] + GAP[1] / 2) // _ROW)


def _rerouted(
    layout: GraphLayout,
    edge: tuple[int, int],
    corners: Iterable[Point],
    starts: Sequence[int],
    columns: Sequence[_Column],
) -> tuple[Point, ...]:
    """The corners of an edge in columns: up through a gutter wherever it passes a break."""
    source, target = edge
    at, x = _column(starts, layout.layers[source]), layout.places[source][0]
    found: list[Point] = []
    for layer, corner in (*((_layer(c), c) for c in corners), (layout.layers[target], None)):
        while at < _column(starts, layer):
            here, there = columns[at], columns[at + 1]
            if found:
                found.append((x - here.least + here.left, here.height + GAP[1] / 2))
            found += [(here.gutter, here.height + GAP[1]), (here.gutter, 0.0)]
            if layer > there.first:
                found.append((x - there.least + there.left, GAP[1] / 2))
            at += 1
        if corner is not None:
            found.append(columns[at].moved(corner))
            x = corner[0]
    return tuple(point for place, point in enumerate(found) if found[:place][-1:] != [point])
