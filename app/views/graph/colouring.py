"""What the nodes of the graph are coloured by: numbers on a scale from best to worst."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from analysis.graph.model_graph import ModelGraph
from analysis.layers import LayerRow
from app.components.graph import NodeLook, Paint
from app.views.shared.format import DASH, db, percent
from app.views.shared.layer_state import layer_state

DECADES: Final = 4
"""Powers of ten that the scale of a share covers; less is as good as nothing."""
GOOD_SHARE: Final = 0.1
"""The best part of the nodes shares the good end of a scale in dB: it is not what is looked for."""


@dataclass(frozen=True)
class Colouring:
    """One number that nodes can be coloured by.

    Attributes:
        label: Its name.
        title: Its name with its unit and which end is bad.
        low_is_bad: Whether the lowest value is the worst.
        share: Whether it is a share of 0 to 1 on a logarithmic scale, not a ratio in dB.
        unit: The unit of what is neither a share nor a ratio.
        missing: What to do where no node has it.
    """

    label: str
    title: str
    low_is_bad: bool = True
    share: bool = False
    unit: str = ""
    missing: str = ""

    def words(self, value: float) -> str:
        """A value with its unit."""
        if self.share:
            return percent(value, 3 if value < 0.001 else 2)
        if self.unit:
            return f"{value:+.3f} {self.unit}".replace("-", "\N{MINUS SIGN}")
        if self.low_is_bad or not math.isfinite(value):
            return db(value)
        return f"{round(value, 2) + 0.0:+.2f} dB".replace("-", "\N{MINUS SIGN}")


COLOURINGS: Final[Mapping[str, Colouring]] = {
    "local": Colouring("Local error", "Local sqnr in dB, predicted, low is bad"),
    "cumulative": Colouring(
        "Cumulative error",
        "Cumulative sqnr in dB, measured, low is bad",
        missing="Press Measure to know it.",
    ),
    "sensitivity": Colouring(
        "Sensitivity",
        "Output sqnr in dB with only this node in int8, low is bad",
        missing="Run the ranking on Overview to know it.",
    ),
    "benefit": Colouring(
        "Benefit",
        "Output sqnr gained in dB with this node in float, high is worth it",
        low_is_bad=False,
        missing="Run the ranking on Overview to know it.",
    ),
    "clip": Colouring(
        "Clip rate",
        "Clip rate in percent of the values, high is bad",
        low_is_bad=False,
        share=True,
    ),
    "runtime": Colouring(
        "Runtime",
        "Time lost in int8 in ms, high is bad",
        low_is_bad=False,
        unit="ms",
        missing="Open Runtime to know it.",
    ),
}


def paint(
    colouring: Colouring,
    graph: ModelGraph,
    rows: Mapping[str, LayerRow],
    values: Mapping[str, float],
) -> Paint:
    """Colour the nodes of a graph.

    Args:
        colouring: What the numbers are.
        graph: The graph.
        rows: What is known of each node, by name.
        values: The numbers of the nodes that have one.

    Returns:
        The paint.
    """
    place, ticks = _scale(colouring, [values[n] for n in graph.names if n in values])
    looks = [
        NodeLook(
            state=layer_state(rows.get(name)),
            place=place(values[name]) if name in values else None,
            text=colouring.words(values[name]) if name in values else DASH,
        )
        for name in graph.names
    ]
    return Paint(colouring.title, ticks, looks)


def _scale(
    colouring: Colouring, values: list[float]
) -> tuple[Callable[[float], float], tuple[tuple[float, str], ...]]:
    """Value -> place from 0 (best) to 1 (worst), and the ticks of the legend."""
    known = [v for v in values if math.isfinite(v)]
    if not known:
        return _fixed, ()
    if colouring.share:
        return _decades(colouring, max(known))
    ordered = sorted(known, reverse=colouring.low_is_bad)
    best, worst = ordered[int(GOOD_SHARE * len(known))], ordered[-1]
    if best == worst:
        return _fixed, ((0.5, colouring.words(best)),)

    def place(value: float) -> float:
        return min(max((value - best) / (worst - best), 0.0), 1.0)

    shares = (0.0, 1 / 3, 2 / 3, 1.0)
    words = [colouring.words(best + s * (worst - best)) for s in shares]
    if ordered[0] != best:
        words[0] = f"{'≥' if colouring.low_is_bad else '≤'} {words[0]}"
    return place, tuple(zip(shares, words, strict=True))


def _decades(
    colouring: Colouring, most: float
) -> tuple[Callable[[float], float], tuple[tuple[float, str], ...]]:
    if most <= 0:
        return _best, ((0.5, colouring.words(0.0)),)

    def place(value: float) -> float:
        return max(1 + math.log10(value / most) / DECADES, 0.0) if value > 0 else 0.0

    steps = (0.0, *(10.0**-step for step in range(DECADES - 1, -1, -1)))
    return place, tuple(
        (place(most * s), colouring.words(most * s)) for s in (steps[0], *steps[2:])
    )


def _fixed(_: float) -> float:
    return 0.5


def _best(_: float) -> float:
    return 0.0
