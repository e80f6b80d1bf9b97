"""Where along the network the error builds up."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import plotly.graph_objects as go

from analysis.errors.tensor_error import ErrorStats
from analysis.figures.base import MeasuredModel, register
from analysis.figures.theme import CEILING_DB, GROUNDS, Ground, Mode, as_label, layout, with_title
from analysis.graph.model_graph import measured_edges

_NAMED: Final = 3
"""Falls that are told apart from the rest."""
_FALL_DB: Final = 3.0
"""From here a fall is drawn as one."""

ROOM: Final = (0.15, 0.1)
"""Share of the axes that the number of a fall takes; where two meet, the larger is written."""

Place = tuple[float, float]


@dataclass(frozen=True)
class Fall:
    """A tensor that is much worse than what it is computed from.

    Attributes:
        tensor: The tensor.
        source: The worst of the tensors that it reads.
        db: Least cumulative sqnr_db of what it reads less its own, in dB.
    """

    tensor: str
    source: str
    db: float


@register(
    "depth",
    of=MeasuredModel,
    title="Where the error builds up",
    about="Cumulative sqnr of each tensor from input to output, everything quantized; more is "
    "better. Lines follow the graph, and the largest falls are marked.",
    missing="Press Measure to see it.",
)
def _of_model(model: MeasuredModel, mode: Mode) -> go.Figure | None:
    if not model.tensors:
        return None
    edges = measured_edges(model.quantized.float_model, model.tensors)
    return depth_figure(model.tensors, edges=edges, selected=model.selected or None, mode=mode)


def depth_figure(
    tensors: Mapping[str, ErrorStats],
    *,
    edges: Sequence[tuple[str, str]] | None = None,
    selected: str | None = None,
    title: str = "",
    height: int = 300,
    mode: Mode = "light",
) -> go.Figure:
    """Cumulative sqnr_db of each tensor in topological order; more is better.

    Args:
        tensors: Tensor -> cumulative error, in topological order, as :func:`analysis.compare`
            measures it.
        edges: Pairs of a tensor and one computed from it: the lines follow these, so that branches
            show, and the largest falls along them are marked. Without them one line joins all.
        selected: A tensor to point out.
        title: Heading, or nothing.
        height: Height in pixels.
        mode: The ground.

    Returns:
        A figure whose first trace holds every tensor; equal tensors are drawn at 80 dB.
    """
    ground = GROUNDS[mode]
    names = list(tensors)
    measured = np.array([error.sqnr_db for error in tensors.values()], np.float64)
    shown = np.clip(measured, -CEILING_DB, CEILING_DB).astype(np.float32)
    place = np.arange(len(names), dtype=np.float32)
    figure = go.Figure(
        layout=with_title(
            layout(
                mode,
                height=height,
                x_title="Tensors, from input to output",
                y_title="Cumulative sqnr (dB)",
            ),
            title,
        )
    )
    figure.add_scatter(
        x=place,
        y=shown,
        customdata=np.array(names, dtype=object),
        hovertext=[as_label(name) for name in names],
        mode="lines+markers" if edges is None else "markers",
        line={"color": ground.line, "width": 1.4},
        marker={"size": 6, "color": ground.line},
        hovertemplate="%{hovertext}: %{y:.1f} dB<extra></extra>",
        showlegend=False,
    )
    if edges is not None:
        places = {name: (index, float(shown[index])) for index, name in enumerate(names)}
        falls = _falls(tensors, edges)
        marked = dict.fromkeys((f.source, f.tensor) for f in falls)  # in their order
        _branches(figure, edges, marked, places, ground)
        _mark(figure, falls[:_NAMED], places, ground)
    if selected is not None and selected in tensors:
        index = names.index(selected)
        figure.add_scatter(
            x=place[index : index + 1],
            y=shown[index : index + 1],
            mode="markers",
            marker={
                "size": 12,
                "symbol": "circle-open",
                "color": ground.accent,
                "line": {"width": 2},
            },
            hovertemplate=f"{selected}: %{{y:.1f}} dB<extra></extra>",
            showlegend=False,
        )
    return figure


def _branches(
    figure: go.Figure,
    edges: Sequence[tuple[str, str]],
    falls: Collection[tuple[str, str]],
    places: Mapping[str, Place],
    ground: Ground,
) -> None:
    """A line for each edge: thin, and marked where a tensor falls below all that it reads."""
    known = [pair for pair in edges if pair[0] in places and pair[1] in places]
    for name, drawn, colour, width in (
        ("little changes", [pair for pair in known if pair not in falls], ground.line, 1.2),
        (f"falls by {_FALL_DB:.0f} dB or more", list(falls), ground.accent, 2.4),
    ):
        if not drawn:
            continue
        ends = np.array([(*places[a], *places[b], np.nan) for a, b in drawn], np.float32)
        figure.add_scatter(
            x=ends[:, [0, 2, 4]].ravel(),
            y=ends[:, [1, 3, 4]].ravel(),
            mode="lines",
            name=name,
            line={"color": colour, "width": width},
            hoverinfo="skip",
            showlegend=bool(falls),
        )


def largest_falls(
    tensors: Mapping[str, ErrorStats], edges: Sequence[tuple[str, str]]
) -> tuple[Fall, ...]:
    """The tensors across which the error grows most, by 3 dB or more, most first.

    Args:
        tensors: Tensor -> cumulative error.
        edges: Pairs of a tensor and one computed from it.

    Returns:
        At most three: how far below the worst tensor that it reads each of them is.
    """
    return tuple(_falls(tensors, edges)[:_NAMED])


def _falls(tensors: Mapping[str, ErrorStats], edges: Sequence[tuple[str, str]]) -> list[Fall]:
    """Every fall of 3 dB or more, most first."""
    shown = {name: _clipped(error.sqnr_db) for name, error in tensors.items()}
    before: dict[str, str] = {}
    for source, target in edges:
        if source in shown and target in shown:
            before[target] = min(before.get(target, source), source, key=shown.__getitem__)
    falls = [Fall(name, old, shown[old] - shown[name]) for name, old in before.items()]
    return sorted((f for f in falls if f.db >= _FALL_DB), key=lambda fall: -fall.db)


def _clipped(value: float) -> float:
    return min(max(value, -CEILING_DB), CEILING_DB)


def _mark(
    figure: go.Figure, falls: Sequence[Fall], places: Mapping[str, Place], ground: Ground
) -> None:
    """Write how far the largest falls go, under where they end: most often there is room."""
    if not falls:
        return
    low, high = min(y for _, y in places.values()), max(y for _, y in places.values())
    span = max(high - low, 1.0)
    figure.update_yaxes(range=(low - 0.14 * span, high + 0.06 * span))
    written: list[Place] = []
    for fall in falls:
        x, y = places[fall.tensor]
        if any(
            abs(x - other[0]) < ROOM[0] * len(places) and abs(y - other[1]) < ROOM[1] * span
            for other in written
        ):
            continue
        written.append((x, y))
        figure.add_annotation(
            x=x,
            y=y,
            text=f"−{fall.db:.1f} dB",
            showarrow=False,
            yanchor="top",
            yshift=-5,
            font={"size": 12, "color": ground.accent},
        )
