"""The channels of the selected layer's weight."""

import streamlit as st

from analysis.figures.weights import weights_figure
from app.views.layer_plots import mode
from app.views.layer_settings import Layer
from app.views.words import db, number


def weight_plot(layer: Layer) -> None:
    """The ranges of the weight's channels, and their error with one scale and with one each."""
    weights = layer.bench.weights(layer.row.name)
    if weights is None:
        st.info("This weight has no output channels to compare.", icon=":material/info:")
        return
    shape = "×".join(map(str, weights.shape))
    st.markdown(
        f"Weight **{weights.name}** :gray[{shape}, {weights.qtype.value}]: widest channel over "
        f"narrowest **{number(weights.ratio, 3)}×**. Weight sqnr with one scale "
        f"**{db(weights.whole_per_tensor_db)}**, with a scale for each channel "
        f"**{db(weights.whole_per_channel_db)}**; the middle channel gains "
        f"**{db(weights.median_gain_db)}**."
    )
    st.plotly_chart(
        weights_figure(weights, mode=mode()),
        key="weights figure",
        theme=None,
        config={"displaylogo": False, "displayModeBar": False},
        alt=f"Channel ranges of {weights.name} and their error",
    )
