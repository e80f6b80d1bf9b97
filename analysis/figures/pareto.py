"""What accuracy costs in multiply-adds: the ways that a recovery found."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from analysis.figures.base import register
from analysis.figures.theme import CEILING_DB, GROUNDS, Mode, as_label, layout, with_title
from analysis.recovery.recovering import Standing
from analysis.recovery.story import Point, Recovery, Scored
from analysis.recovery.target import Target
from quant.io.show import size


@register(
    "pareto",
    of=Recovery,
    title="Accuracy against multiply-adds in int8",
    about="Each point is one int8 model, judged on samples that chose nothing; bars are 95 % "
    "intervals over the samples. Up and to the right is better. The star is written.",
)
def _of_recovery(recovery: Recovery, mode: Mode) -> go.Figure:
    return pareto_figure(recovery.points, target_db=_decibels(recovery.target), mode=mode)


@register(
    "tried",
    of=Standing,
    title="Tried so far",
    about="Each point is one int8 model, scored on the samples that choose; bars are 95 % "
    "intervals over the samples. Up and to the right is better.",
)
def _of_standing(standing: Standing, mode: Mode) -> go.Figure | None:
    if not standing.scored:
        return None
    return pareto_figure(standing.scored, target_db=_decibels(standing.target), mode=mode)


def _decibels(target: Target) -> float | None:
    return target.value if target.goal == "sqnr" else None


def pareto_figure(
    points: Sequence[Point | Scored],
    *,
    target_db: float | None = None,
    title: str = "",
    height: int = 340,
    mode: Mode = "light",
) -> go.Figure:
    """Output sqnr of several int8 models over their share of multiply-adds in int8.

    Args:
        points: The models.
        target_db: The output sqnr that was asked for, in dB, or None.
        title: Heading, or nothing.
        height: Height in pixels.
        mode: The ground.

    Returns:
        A figure whose first trace holds every point; what is above 80 dB is drawn there.
    """
    ground = GROUNDS[mode]
    shape = layout(
        mode, height=height, x_title="Multiply-adds in int8 (%)", y_title="Output sqnr (dB)"
    )
    figure = go.Figure(layout=with_title(shape, title))
    low, db, high = (
        np.clip(
            np.array([getattr(point, name) for point in points], np.float32),
            -CEILING_DB,
            CEILING_DB,
        )
        for name in ("sqnr_low_db", "sqnr_db", "sqnr_high_db")
    )
    chosen = [isinstance(point, Point) and point.chosen for point in points]
    figure.add_scatter(
        x=np.array([100 * point.int8_share for point in points], np.float32),
        y=db,
        mode="markers",
        marker={
            "size": [15 if star else 9 for star in chosen],
            "symbol": ["star" if star else "circle" for star in chosen],
            "color": [ground.accent if star else ground.line for star in chosen],
        },
        error_y={
            "array": high - db,
            "arrayminus": db - low,
            "color": ground.muted,
            "thickness": 1,
            "width": 4,
        },
        customdata=[_hover(point) for point in points],
        hovertemplate="%{customdata}<extra></extra>",
        showlegend=False,
    )
    if target_db is not None:
        figure.add_hline(
            y=target_db,
            line={"color": ground.muted, "dash": "dash", "width": 1},
            annotation={"text": f"target {target_db:g} dB", "font": {"color": ground.muted}},
            annotation_position="top left",
        )
    return figure


def _hover(point: Point | Scored) -> str:
    lines = [
        point.name,
        f"{point.sqnr_db:.1f} dB ({point.sqnr_low_db:.1f} to {point.sqnr_high_db:.1f})",
    ]
    if isinstance(point, Scored):
        lines.append(f"{point.int8_share:.1%} of the multiply-adds in int8")
        return "<br>".join(map(as_label, lines))
    if point.agreement is not None:
        lines.append(f"predicts like float: {point.agreement:.1%}")
    run = f"{point.int8_share_real:.1%} run so"
    lines.append(f"{point.int8_share:.1%} of the multiply-adds in int8, {run}")
    lines.append(f"latency {point.latency:.2f} of float's, {size(point.size)}")
    return "<br>".join(map(as_label, lines))
