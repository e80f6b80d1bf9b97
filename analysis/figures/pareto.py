"""What accuracy costs in multiply-adds: the ways that a recovery found."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from analysis.figures.base import register
from analysis.figures.theme import CEILING_DB, GROUNDS, Mode, as_label, layout, with_title
from analysis.recovery.story import Point, Recovery
from quant.io.show import size


@register(
    "pareto",
    of=Recovery,
    title="Accuracy against multiply-adds in int8",
    about="Each point is one int8 model, judged on samples that chose nothing; bars are 95 % "
    "intervals over the samples. Up and to the right is better. The star is written.",
)
def _of_recovery(recovery: Recovery, mode: Mode) -> go.Figure:
    target = recovery.target.value if recovery.target.goal == "sqnr" else None
    return pareto_figure(recovery.points, target_db=target, mode=mode)


def pareto_figure(
    points: Sequence[Point],
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
    figure.add_scatter(
        x=np.array([100 * point.int8_share for point in points], np.float32),
        y=db,
        mode="markers",
        marker={
            "size": [15 if point.chosen else 9 for point in points],
            "symbol": ["star" if point.chosen else "circle" for point in points],
            "color": [ground.accent if point.chosen else ground.line for point in points],
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


def _hover(point: Point) -> str:
    lines = [
        point.name,
        f"{point.sqnr_db:.1f} dB ({point.sqnr_low_db:.1f} to {point.sqnr_high_db:.1f})",
        f"{point.int8_share:.1%} of the multiply-adds in int8, {point.int8_share_real:.1%} run so",
        f"latency {point.latency:.2f} of float's, {size(point.size)}",
    ]
    if point.agreement is not None:
        lines.insert(2, f"predicts like float: {point.agreement:.1%}")
    return "<br>".join(map(as_label, lines))
