"""Where to draw the nodes of a graph: in layers from top to bottom, with few crossings.

The layer of a node is its longest path from a source. An edge over several layers gets a bend in
each layer it passes, which takes a place like a node does, so that no edge runs through a node.
The order within a layer comes from barycentre sweeps (K. Sugiyama, S. Tagawa, M. Toda, "Methods
for visual understanding of hierarchical system structures", 1981), and the horizontal places from
isotonic regression: as close to the neighbours above and below as order and room allow.
"""

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

BOX: Final = (168.0, 48.0)
"""Width and height of a node in pixels."""
GAP: Final = (26.0, 36.0)
"""Room between nodes of a layer, and between layers, in pixels."""
BEND: Final = 12.0
"""Width that an edge takes where it passes a layer, in pixels."""

SWEEPS: Final = 3
PASSES: Final = 4
BEND_WEIGHT: Final = 0.15
"""How much a bend pulls at its neighbours, against 1 for a node: nodes in a row stay in line."""

Point = tuple[float, float]


@dataclass(frozen=True)
class GraphLayout:
    """A drawing of a graph.

    Attributes:
        layers: The layer of each node; 0 is at the top.
        places: The centre of each node: x and y in pixels, y growing downwards.
        edges: Source and target of each edge, as indices, without repeats.
        bends: For each edge the corners between its ends, from top to bottom.
        size: Width and height of the whole in pixels.
        columns: In how many columns, side by side, the layers stand.
    """

    layers: tuple[int, ...]
    places: tuple[Point, ...]
    edges: tuple[tuple[int, int], ...]
    bends: tuple[tuple[Point, ...], ...]
    size: Point
    columns: int = 1


def graph_layout(count: int, edges: Sequence[tuple[int, int]]) -> GraphLayout:
    """Lay out a graph; the same graph always looks the same.

    Args:
        count: Number of nodes. They are numbered in topological order.
        edges: Pairs of source and target; a source comes before its targets.

    Returns:
        The drawing: every edge goes down, and nothing in a layer overlaps.

    Raises:
        ValueError: If an edge goes from a later node to an earlier one.
    """
    if not count:
        return GraphLayout((), (), (), (), (0.0, 0.0))
    unique = tuple(sorted(set(edges)))
    if any(not 0 <= source < target < count for source, target in unique):
        raise ValueError("edges must go from earlier nodes to later ones")
    layers = _layers(count, unique)
    net = _Net(count, layers, unique)
    net.order()
    x = net.coordinates()
    height = max(layers) * (BOX[1] + GAP[1]) + BOX[1]
    shift = BOX[0] / 2 - min(x[:count])
    shift = max(shift, BEND / 2 - min(x))
    x = [value + shift for value in x]
    width = max(max(x[:count]) + BOX[0] / 2, max(x) + BEND / 2)
    places = tuple((x[item], _middle(layers[item])) for item in range(count))
    return GraphLayout(
        layers=tuple(layers),
        places=places,
        edges=unique,
        bends=tuple(_corners(chain, x, net.layer) for chain in net.chains),
        size=(width, height),
    )


def _layers(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The longest path to each node; a source is put right above the first node that reads it."""
    layers = [0] * count
    consumer_ops: list[list[int]] = [[] for _ in range(count)]
    fed = [False] * count
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        layers[target] = max(layers[target], layers[source] + 1)
        consumer_ops[source].append(target)
        fed[target] = True
    for item in range(count):
        if not fed[item] and consumer_ops[item]:
            layers[item] = min(layers[target] for target in consumer_ops[item]) - 1
    top = min(layers)
    return [layer - top for layer in layers]


def _middle(layer: int) -> float:
    return layer * (BOX[1] + GAP[1]) + BOX[1] / 2


def _corners(chain: Sequence[int], x: Sequence[float], layer: Sequence[int]) -> tuple[Point, ...]:
    """The corners of an edge: it goes straight down through each layer that it passes."""
    corners: list[Point] = []
    for item in chain:
        middle = _middle(layer[item])
        corners += [(x[item], middle - BOX[1] / 2), (x[item], middle + BOX[1] / 2)]
    kept = [
        corner
        for index, corner in enumerate(corners)
        if index in {0, len(corners) - 1}
        or abs(corners[index - 1][0] - corner[0]) > 0.5
        or abs(corners[index + 1][0] - corner[0]) > 0.5
    ]
    return tuple(kept)


class _Net:
    """Nodes and bends, the segments between them, and their order in each layer.

    Nodes are the items 0 to count - 1; bends follow.
    """

    def __init__(self, count: int, layers: Sequence[int], edges: Sequence[tuple[int, int]]) -> None:
        self.count = count
        self.layer = list(layers)
        self.chains: list[list[int]] = []
        self.above: list[list[int]] = [[] for _ in range(count)]
        self.below: list[list[int]] = [[] for _ in range(count)]
        born = list(range(count))
        for source, target in edges:
            last, chain = source, list[int]()
            for level in range(layers[source] + 1, layers[target]):
                item = len(self.layer)
                self.layer.append(level)
                self.above.append([])
                self.below.append([])
                born.append(source)
                self._join(last, item)
                chain.append(item)
                last = item
            self._join(last, target)
            self.chains.append(chain)
        self.rows: list[list[int]] = [[] for _ in range(max(self.layer) + 1)]
        for item in sorted(range(len(self.layer)), key=lambda i: (born[i], i)):
            self.rows[self.layer[item]].append(item)
        self.place = [0] * len(self.layer)
        self._number()

    def _join(self, upper: int, lower: int) -> None:
        self.below[upper].append(lower)
        self.above[lower].append(upper)

    def _number(self) -> None:
        for row in self.rows:
            for index, item in enumerate(row):
                self.place[item] = index

    def order(self) -> None:
        """Sort each layer by where its neighbours stand; the order that crosses least is kept."""
        best, least = [list(row) for row in self.rows], self.crossings()
        for sweep in range(2 * SWEEPS):
            if not least:
                break
            down = sweep % 2 == 0
            neighbours = self.above if down else self.below
            for row in self.rows[1:] if down else self.rows[-2::-1]:
                self._sort(row, neighbours)
            crossings = self.crossings()
            if crossings < least:
                best, least = [list(row) for row in self.rows], crossings
        self.rows = best
        self._number()

    def _sort(self, row: list[int], neighbours: Sequence[Sequence[int]]) -> None:
        if len(row) < 2:
            return
        place = self.place

        def wanted(item: int) -> float:
            near = neighbours[item]
            return sum(place[other] for other in near) / len(near) if near else place[item]

        row.sort(key=wanted)
        for index, item in enumerate(row):
            place[item] = index

    def crossings(self) -> int:
        """How many pairs of segments cross."""
        total = 0
        for row in self.rows:
            if len(row) < 2:
                continue
            seen: list[int] = []
            for item in row:
                ends = sorted(self.place[other] for other in self.below[item])
                total += sum(len(seen) - bisect_right(seen, end) for end in ends)
                for end in ends:
                    insort(seen, end)
        return total

    def coordinates(self) -> list[float]:
        """The horizontal centre of every item, in pixels."""
        offsets = [self._offsets(row) for row in self.rows]
        x = [0.0] * len(self.layer)
        for row, offset in zip(self.rows, offsets, strict=True):
            middle = offset[-1] / 2
            for item, value in zip(row, offset, strict=True):
                x[item] = value - middle
        weights = [1.0 if item < self.count else BEND_WEIGHT for item in range(len(self.layer))]
        for turn in range(2 * PASSES):
            down = turn % 2 == 0
            neighbours = self.above if down else self.below
            for level in range(len(self.rows)) if down else range(len(self.rows) - 1, -1, -1):
                row, offset = self.rows[level], offsets[level]
                if len(row) == 1:
                    x[row[0]] = _mean(row[0], neighbours[row[0]], x, weights)
                    continue
                wanted = [_mean(item, neighbours[item], x, weights) for item in row]
                for item, value in zip(row, _fit(row, wanted, offset, weights), strict=True):
                    x[item] = value
        return x

    def _offsets(self, row: Sequence[int]) -> list[float]:
        """The least distance of each item of a layer from the first, in pixels."""
        offsets = [0.0]
        for left, right in pairwise(row):
            room = (self._half(left) + self._half(right)) + GAP[0] / (
                1 if left < self.count and right < self.count else 2
            )
            offsets.append(offsets[-1] + room)
        return offsets

    def _half(self, item: int) -> float:
        return (BOX[0] if item < self.count else BEND) / 2


def _mean(item: int, near: Sequence[int], x: Sequence[float], weights: Sequence[float]) -> float:
    """Where the neighbours pull an item to."""
    if len(near) == 1:
        return x[near[0]]
    if not near:
        return x[item]
    return sum(weights[n] * x[n] for n in near) / sum(weights[n] for n in near)


def _fit(
    row: Sequence[int], wanted: Sequence[float], offsets: Sequence[float], weights: Sequence[float]
) -> list[float]:
    """The places closest to the wanted ones, in weighted squares, that keep order and distance.

    Less its offset, each place must not be below the one before: an isotonic regression, solved
    by pooling adjacent violators.
    """
    pools: list[tuple[float, float, int]] = []
    for item, value, offset in zip(row, wanted, offsets, strict=True):
        mean, weight, size = value - offset, weights[item], 1
        while pools and pools[-1][0] > mean:
            other, heavy, count = pools.pop()
            mean = (mean * weight + other * heavy) / (weight + heavy)
            weight += heavy
            size += count
        pools.append((mean, weight, size))
    means = [mean for mean, _, size in pools for _ in range(size)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
