"""The weight of the selected layer: what each type costs it, and how its channels differ."""

import pandas as pd
import streamlit as st

from analysis.figures import figures_of
from analysis.figures.weight_strip import MARKS, marked
from analysis.ranges.weight_channels import WeightChannels, WeightOption
from app.views.layers.settings import Layer
from app.views.shared.figure_chart import captioned_chart
from app.views.shared.format import as_text, db, number, plural
from quant.io.show import size

LISTED = 50
WIDTHS = (2, 5, 5)
HEADS = {False: "One scale", True: "A scale for each channel"}


def weight_plot(layer: Layer) -> None:
    """The types to choose from, the channels as colours and as lines, and those that stand out."""
    weights = layer.workspace.weights(layer.row.name)
    _head(layer, weights)
    _types(layer, layer.workspace.weight_options(layer.row.name))
    if weights is None:
        st.info("This weight has no output channels to compare.", icon=":material/info:")
        return
    for figure in figures_of(WeightChannels):
        captioned_chart(figure, weights, weights.name)
    _outliers(weights)


def _head(layer: Layer, weights: WeightChannels | None) -> None:
    """Which weight, and how far its channels are apart."""
    weight = layer.item.node.weight if layer.item else None
    if weight is None:
        return
    shape = "×".join(map(str, weight.shape))
    text = f"Weight **{as_text(weight.name)}** :gray[{shape}]"
    if weights is not None:
        text += (
            f": widest channel over narrowest **{_times(weights.ratio)}**; with its own scale "
            f"the middle channel gains **{db(weights.median_gain_db)}** in "
            f"{weights.qtype.value}."
        )
    st.markdown(text)


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}×" if ratio >= 100 else f"{number(ratio, 3)}×"


def _types(layer: Layer, options: tuple[WeightOption, ...]) -> None:
    """A button for each type with one scale and with many; the one in use is filled."""
    settings = layer.item.settings if layer.item else layer.settings
    kinds = sorted({option.per_channel for option in options})
    in_use = (settings.weight_type, settings.per_channel and True in kinds)
    with st.container(key=layer.key("weight types"), gap="xsmall"):
        st.caption("Predicted weight sqnr and size. A click sets the type for this layer.")
        heads = st.columns(WIDTHS, gap="small")
        for column, per_channel in zip(heads[1:], kinds, strict=False):
            column.caption(HEADS[per_channel])
        for qtype in dict.fromkeys(option.qtype for option in options):
            cells = st.columns(WIDTHS, gap="small", vertical_alignment="center")
            cells[0].markdown(f"**{qtype.value}**")
            mine = [option for option in options if option.qtype is qtype]
            for cell, option in zip(cells[1:], mine, strict=False):
                chosen = (option.qtype, option.per_channel) == in_use
                cell.button(
                    f"{db(option.sqnr_db)} · {_size(option.size_bytes)}",
                    key=layer.key(f"weight {qtype.value} {option.per_channel}"),
                    type="primary" if chosen else "secondary",
                    icon=":material/check:" if chosen else None,
                    width="stretch",
                    help=_hint(option, chosen=chosen),
                    on_click=layer.change,
                    kwargs={"weight_type": option.qtype, "per_channel": option.per_channel},
                )


def _size(count: int) -> str:
    """A number of bytes, fine enough to tell types apart."""
    return f"{count / 1e3:.1f} kB" if 1e3 <= count < 1e5 else size(count)


def _hint(option: WeightOption, *, chosen: bool) -> str:
    """What a click on an option does."""
    kind = "a scale for each channel" if option.per_channel else "one scale"
    words = f"{option.qtype.value} with {kind}"
    opset = option.qtype.min_opset
    note = f" It needs opset {opset}; the export raises it." if opset > 13 else ""
    return f"{words} is in use." if chosen else f"Use {words} for this layer.{note}"


def _outliers(weights: WeightChannels) -> None:
    """The channels that stand out, in numbers."""
    found = marked(weights)
    if not found:
        st.caption(
            "No channel stands out: none is an outlier by the modified z-score of the logarithm of "
            "its width (3.5, Iglewicz and Hoaglin 1993) and a factor of 2 from the median."
        )
        return
    counts = ", ".join(_count(kind, len(channels)) for kind, channels in found.items())
    listed = [(MARKS[k].label, int(c)) for k, channels in found.items() for c in channels]
    total = plural(weights.widths.size, "channel")
    more = f" The first {LISTED} are listed." if len(listed) > LISTED else ""
    st.caption(
        f"{counts} of {total}. An outlier has a modified z-score above 3.5 in the logarithm of its "
        f"width (Iglewicz and Hoaglin 1993) and is a factor of 2 or more from the median.{more}"
    )
    kinds, channels = zip(*listed[:LISTED], strict=True)
    rows = list(channels)
    st.dataframe(
        pd.DataFrame(
            {
                "channel": rows,
                "kind": kinds,
                "least": weights.low[rows],
                "greatest": weights.high[rows],
                "times": weights.widths[rows] / (weights.median_width or 1.0),
                "code": weights.codes[rows],
                "one": [db(value) for value in weights.per_tensor_db[rows]],
                "own": [db(value) for value in weights.per_channel_db[rows]],
            }
        ),
        key="weight outliers",
        hide_index=True,
        height="content" if len(rows) <= 6 else 248,
        column_config=_columns(),
        alt="Channels that stand out",
    )


def _count(kind: str, count: int) -> str:
    label = MARKS[kind].label
    return f"{count:,} with {label}" if kind == "dead" else plural(count, label)


def _columns():
    column = st.column_config
    return {
        "channel": column.NumberColumn("Channel", width=66),
        "kind": column.TextColumn("Kind", width=104),
        "least": column.NumberColumn("Least", format="%.4g", width=76, help="In real units."),
        "greatest": column.NumberColumn("Greatest", format="%.4g", width=76, help="In real units."),
        "times": column.NumberColumn("× median", format="%.3g", width=72),
        "code": column.NumberColumn(
            "Code", width=52, help="The largest code it reaches with one scale for the weight."
        ),
        "one": column.TextColumn("One scale", width=78, alignment="right"),
        "own": column.TextColumn("Own scale", width=78, alignment="right"),
    }
