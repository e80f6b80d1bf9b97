"""Which inputs suffer most from quantization, and which ones set the range of a tensor."""

from collections.abc import Mapping
from itertools import islice

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from analysis.errors.out_of_range import OutOfRange
from analysis.errors.per_sample import (
    SampleError,
    SampleErrors,
    samples_outside,
    unusual_layers,
)
from analysis.report.image import Picture, picture
from analysis.short_names import cut_middle
from analysis.study.measuring import OUT_OF_RANGE, SAMPLE_ERRORS
from app.tasks.measurement import measuring
from app.views.layers.table import go_to, selected
from app.views.shared.format import as_text, db, number, plural
from app.workspace.workspace import Workspace
from quant.data.dataset import Dataset
from sample_models import find

Inputs = Mapping[str, NDArray[np.generic]]
Outside = Mapping[str, OutOfRange]

WORST, RANGE = "Worst samples", "Who sets the range"
PER_ROW = 4
SHOWN = 8
PICTURE = 112
TOP = 3
VALUES = 6
NAME = 24
"""Characters of a layer's name that its button has room for."""


def samples_panel(workspace: Workspace) -> None:
    """Draw the section."""
    with st.container(border=True, key="samples_box"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("**Samples** :gray[one evaluation input at a time]", width="stretch")
            view = st.segmented_control(
                "View",
                (WORST, RANGE),
                default=WORST,
                required=True,
                key="samples view",
                label_visibility="collapsed",
                persist_state="session",
            )
        if view == RANGE:
            _range_setters(workspace)
            return
        errors = workspace.study.known(SAMPLE_ERRORS)
        outside = workspace.study.known(OUT_OF_RANGE)
        if errors is None or outside is None:
            if not measuring(workspace):
                st.info(
                    "Press Measure to see which inputs suffer most, with both outputs side by "
                    "side.",
                    icon=":material/speed:",
                )
            return
        _worst(workspace, errors, outside)


def _worst(workspace: Workspace, errors: SampleErrors, outside: Outside) -> None:
    """A line about all samples, then the worst, each with both outputs."""
    st.caption(_about(errors, outside))
    shown = errors.worst[:SHOWN]
    pictures = [_picture(sample.inputs, workspace.opened.evaluation) for sample in shown]
    scalings = {p.scaling for p in pictures if p is not None}
    for start in range(0, len(shown), PER_ROW):
        columns = st.columns(PER_ROW, gap="small")
        for column, sample, drawn in zip(
            columns, shown[start : start + PER_ROW], pictures[start : start + PER_ROW], strict=False
        ):
            with column, st.container(border=True, gap="xsmall", height="stretch"):
                _sample(workspace, outside, sample, drawn)
    if len(scalings) == 1:
        st.caption(f"Pictures: {next(iter(scalings))}")
    elif scalings:
        st.caption(
            "Pictures: each is stretched from its least value (black) to its greatest (white); the "
            "data does not say how it was normalised."
        )


def _about(errors: SampleErrors, outside: Outside) -> str:
    finite = errors.sqnr_db[np.isfinite(errors.sqnr_db)]
    text = plural(errors.samples, "sample")
    if errors.agrees is not None:
        differ = int(errors.samples - np.count_nonzero(errors.agrees))
        text += f", {differ:,} answered differently by int8"
    if finite.size:
        middle = float(np.median(finite))
        text += f"; output sqnr {db(float(finite.min()))} to {db(float(finite.max()))}, "
        text += f"middle {db(middle)}"
    if outside:
        count = int(np.count_nonzero(samples_outside(outside)))
        text += f"; {count:,} with values outside a calibrated range"
    return f"{text}."


def _sample(
    workspace: Workspace, outside: Outside, sample: SampleError, drawn: Picture | None
) -> None:
    """One sample: what it is, its error, both outputs, and who clips it."""
    names = _classes(workspace)
    label = "" if sample.label is None else f", label **{as_text(_class(sample.label, names))}**"
    st.markdown(f"Sample {sample.index}{label}")
    left, right = st.columns([1, 1], gap="small")
    with left:
        if drawn is not None:
            st.image(drawn.levels, width=PICTURE, alt=f"Sample {sample.index}")
        else:
            st.caption(as_text(_values(sample.inputs)))
    with right:
        st.markdown(f"**{db(sample.sqnr_db)}**  \n:gray[output sqnr]")
        if sample.agrees is not None:
            st.badge(
                "same answer" if sample.agrees else "other answer",
                icon=":material/check:" if sample.agrees else ":material/close:",
                color="gray" if sample.agrees else "red",
            )
    name = next(iter(sample.float_outputs))
    st.table(
        _ranges(sample)
        if sample.agrees is None
        else _outputs(sample.float_outputs[name], sample.int8_outputs[name], names),
        border="horizontal",
        hide_index=True,
        alt="Outputs of float and int8 for this sample",
    )
    unusual = unusual_layers(sample.index, outside)
    if not unusual:
        st.caption("No layer clips it more than the others.")
    for layer in unusual[:2]:
        producer = workspace.opened.model.producers.get(layer.tensor)
        row = producer.name if producer else layer.tensor
        st.button(
            f"{_share(layer.clip_rate)} clipped, mean {_share(layer.mean_clip_rate)}: "
            f"{as_text(cut_middle(row, NAME))}",
            key=f"sample {sample.index} {layer.tensor}",
            type="tertiary",
            icon=":material/content_cut:",
            help=f"Choose the layer {as_text(row)}",
            on_click=go_to,
            args=(row,),
        )


def _outputs(
    reference: NDArray[np.generic], test: NDArray[np.generic], names: tuple[str, ...]
) -> dict[str, list[str]]:
    """The scores that are largest in either output, float and int8 side by side."""
    a, b = (array.reshape(-1).astype(np.float64) for array in (reference, test))
    places = list(dict.fromkeys([*np.argsort(-a)[:TOP], *np.argsort(-b)[:1]]))
    most = (int(a.argmax()), int(b.argmax()))
    return {
        "Output": [as_text(_class(int(i), names)) for i in places],
        "Float": [_marked(float(a[i]), most[0] == i) for i in places],
        "Int8": [_marked(float(b[i]), most[1] == i) for i in places],
    }


def _ranges(sample: SampleError) -> dict[str, list[str]]:
    """From where to where each output goes, float and int8 side by side."""
    both = (sample.float_outputs, sample.int8_outputs)
    said = [
        [
            f"{number(float(a.min()), 3)} to {number(float(a.max()), 3)}" if a.size else "empty"
            for a in outputs.values()
        ]
        for outputs in both
    ]
    return {
        "Output": [as_text(name) for name in sample.float_outputs],
        "Float": said[0],
        "Int8": said[1],
    }


def _marked(value: float, largest: bool) -> str:
    return f"**{number(value, 3)}**" if largest else number(value, 3)


def _range_setters(workspace: Workspace) -> None:
    """The calibration inputs that gave a tensor its least and its greatest value."""
    seen = workspace.calibration.tensors
    rows = {row.name: row for row in workspace.rows() if row.owner and row.tensor in seen}
    if not rows:
        st.info("No quantized tensor has statistics.", icon=":material/info:")
        return
    chosen = selected(workspace)
    names = list(rows)
    row = chosen.name if chosen and chosen.name in rows else names[0]
    st.session_state["samples tensor"] = row

    def picked() -> None:
        go_to(str(st.session_state["samples tensor"]))

    st.selectbox("Layer", names, key="samples tensor", on_change=picked, width=420)
    row = rows[str(st.session_state["samples tensor"])]
    stats = seen[row.tensor]
    st.caption(
        f"In use: {number(row.rmin)} to {number(row.rmax)}. Calibration saw {number(stats.min)} to "
        f"{number(stats.max)} over {plural(stats.samples, 'sample')}."
    )
    columns = st.columns(PER_ROW, gap="small")
    for column, what, index, value in (
        (columns[0], "Greatest", stats.max_sample, stats.max),
        (columns[1], "Least", stats.min_sample, stats.min),
    ):
        with column, st.container(border=True, gap="xsmall"):
            st.markdown(f"{what} **{number(value)}** :gray[calibration sample {index}]")
            inputs = _nth(workspace.opened.data, index)
            drawn = _picture(inputs, workspace.opened.data)
            if drawn is not None:
                st.image(drawn.levels, width=PICTURE, alt=f"Calibration sample {index}")
                st.caption(drawn.scaling)
            else:
                st.caption(as_text(_values(inputs)))


def _nth(data: Dataset, index: int) -> Inputs:
    return next(islice(data.samples(index + 1), index, None), {})


def _picture(inputs: Inputs, data: Dataset) -> Picture | None:
    """The only input as a picture, where it looks like one."""
    one = len(inputs) == 1
    return picture(next(iter(inputs.values())), data.preprocessing) if one else None


def _values(inputs: Inputs) -> str:
    """The first values of each input."""
    parts: list[str] = []
    for name, array in inputs.items():
        flat = array.reshape(-1)
        ends = " …" if flat.size > VALUES else ""
        whole = flat.dtype.kind in "iub"
        said = [str(int(v)) if whole else number(float(v), 3) for v in flat[:VALUES]]
        parts.append(f"{name}: {', '.join(said)}{ends}")
    return "; ".join(parts)


def _classes(workspace: Workspace) -> tuple[str, ...]:
    sample = workspace.opened.source.sample
    return find(sample).class_names if sample else workspace.opened.evaluation.classes


def _class(index: int, names: tuple[str, ...]) -> str:
    return names[index] if 0 <= index < len(names) else str(index)


def _share(share: float) -> str:
    """A share in percent with two digits that tell: clip rates differ by orders of magnitude."""
    return "<0.0001 %" if 0 < share < 1e-6 else f"{100 * share:.2g} %"
