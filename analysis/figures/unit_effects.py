"""What each unit does to the model's outputs: alone quantized, and alone in float."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from analysis.figures.base import MeasuredModel, register
from analysis.figures.theme import CEILING_DB, Mode, as_label, layout, style, with_title
from analysis.short_names import cut_middle, short_names

ROWS = 20
"""Units drawn at most."""

_ROW_PX = 22
_NAME = 34


@register(
    "units",
    of=MeasuredModel,
    title="What each layer does to the outputs",
    about="Sensitivity: only this unit is quantized. Benefit: everything is quantized but this "
    f"unit. Both are measured at the model’s outputs; the first {ROWS} units, most to win first.",
    missing="Press Rank layers to see it.",
)
def _of_model(model: MeasuredModel, mode: Mode) -> go.Figure | None:
    if not model.units:
        return None
    return units_figure(model.units, model.sensitivity_db, model.benefit_db, mode=mode)


def units_figure(
    units: Sequence[str],
    sensitivity_db: Mapping[str, float],
    benefit_db: Mapping[str, float],
    *,
    title: str = "",
    mode: Mode = "light",
) -> go.Figure:
    """The first units, from top to bottom: output sqnr alone quantized, and gain alone in float.

    Args:
        units: Names of the units, the one to show at the top first.
        sensitivity_db: Unit -> output sqnr with only it quantized; less is worse. May be empty.
        benefit_db: Unit -> gain of output sqnr with only it in float. May be empty.
        title: Heading, or nothing.
        mode: The ground.

    Returns:
        A figure of bars, one row a unit, in one or two columns.
    """
    shown, names = list(units[:ROWS]), short_names(units)
    columns = [
        ("Sensitivity: output sqnr (dB), less is worse", sensitivity_db, "kl"),
        ("Benefit: gain of output sqnr (dB)", benefit_db, "percentile"),
    ]
    columns = [column for column in columns if column[1]]
    shape = layout(mode, height=90 + _ROW_PX * len(shown), x_title="", y_title="")
    shape["margin"] |= {"l": 250, "t": 16, "b": 48}
    figure = go.Figure(layout=with_title(shape, title))
    places = np.arange(len(shown), dtype=np.float32)
    x_axis = figure.layout.xaxis.to_plotly_json()
    for number, (label, values, name) in enumerate(columns, start=1):
        found = np.array([values.get(unit, np.nan) for unit in shown], np.float64)
        figure.add_bar(
            x=np.clip(found, -CEILING_DB, CEILING_DB).astype(np.float32),
            y=places,
            xaxis=f"x{number if number > 1 else ''}",
            orientation="h",
            marker={"color": style(name).colour(mode), "line": {"width": 0}},
            customdata=np.array(shown, dtype=object),
            hovertext=[as_label(unit) for unit in shown],
            hovertemplate="%{hovertext}: %{x:.2f} dB<extra></extra>",
            showlegend=False,
        )
        start = (number - 1) / len(columns)
        axis = {
            **x_axis,
            "domain": [start, start + 1 / len(columns) - (0.04 if len(columns) > 1 else 0)],
            "anchor": "y",
            "title": {**x_axis["title"], "text": label},
        }
        figure.update_layout(**{f"xaxis{number if number > 1 else ''}": axis})
    figure.update_layout(
        bargap=0.35,
        yaxis={
            "tickmode": "array",
            "tickvals": places,
            "ticktext": [as_label(cut_middle(names[unit], _NAME)) for unit in shown],
            "range": [len(shown) - 0.5, -0.5],
            "showgrid": False,
            "fixedrange": True,
            "ticks": "",
        },
    )
    return figure
