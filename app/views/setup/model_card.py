"""What is known of the model and of the data before anything runs."""

from collections import Counter

import pandas as pd
import streamlit as st

from analysis.latency import float_bytes
from app.views.shared.format import as_text, number, plural
from app.views.shared.messages import show_warnings
from app.workspace.data_preview import files_as_seen, preview
from app.workspace.opening import OpenedSource
from quant.data.dataset import Dataset
from quant.io.show import size
from quant.model.model import Model
from quant.types import TensorInfo
from sample_models import find


def model_card(opened: OpenedSource) -> None:
    """Nodes, opset, inputs and outputs, what preparation did, what stays float and why."""
    model = opened.model
    st.markdown(f"**Model** :gray[{as_text(opened.source.title)}]")
    show_warnings(model.warnings)
    quantizable = [node for node in model.nodes if node.quantizable]
    facts = {
        "Nodes": f"{len(model.nodes):,}, of which {len(quantizable):,} can be quantized",
        "Operators": as_text(_operators(model)),
        "Opset": str(model.graph.opset_imports.get("", "unknown")),
        "Inputs": ", ".join(as_text(_tensor(info)) for info in model.inputs),
        "Outputs": ", ".join(as_text(_tensor(info)) for info in model.outputs),
        "Size": size(float_bytes(model)),
    }
    st.table(facts, border="horizontal", alt="Facts about the model")
    for note in model.notes:
        st.caption(f":material/build: {as_text(note)}")
    reasons = Counter(
        (node.reason or "nothing to compute in int8")
        for node in model.nodes
        if not node.quantizable
    )
    if reasons:
        floats = plural(sum(reasons.values()), "node")
        with st.expander(f"{floats} in float", icon=":material/info:"):
            for reason, count in reasons.most_common():
                st.markdown(f"- {plural(count, 'node')}: {as_text(reason)}")


def data_card(opened: OpenedSource) -> None:
    """How much data there is, and what the model is fed."""
    st.markdown("**Data**")
    evaluation = opened.evaluation
    labels = "with labels" if evaluation.labels is not None else "without labels"
    judged = "the same" if opened.source.one_data else plural(len(evaluation), "sample")
    st.markdown(
        f"Calibration: {plural(len(opened.data), 'sample')}. Evaluation: {judged}, {labels}."
    )
    shown = preview(opened.data.digest, opened.model.fingerprint, opened.data)
    st.dataframe(
        pd.DataFrame(
            {
                "Input": list(shown.ranges),
                "Shape of a sample": [_shape(opened.data, name) for name in shown.ranges],
                "Type": [str(opened.data.dtypes[name]) for name in shown.ranges],
                "Least": [number(low) for low, _ in shown.ranges.values()],
                "Greatest": [number(high) for _, high in shown.ranges.values()],
            }
        ),
        hide_index=True,
        alt="Inputs of the model with the range of the first samples",
    )
    if opened.data.preprocessing is not None:
        st.caption("Files, and below what the model is fed of each:")
        seen = files_as_seen(opened.data.digest, opened.source.calibration)
        st.image(list(seen), width=64, alt=[f"File {i}" for i in range(len(seen))])
    if shown.images:
        names = _classes(opened)
        labels_of = opened.data.labels
        captions = None
        if labels_of is not None:
            captions = [_label(int(i), names) for i in labels_of[: len(shown.images)]]
        st.image(
            list(shown.images),
            caption=captions,
            width=64,
            alt=[f"Sample {i}" for i in range(len(shown.images))],
        )
    what = "Range and pictures are" if shown.images else "The range is"
    st.caption(f"{what} of the first {plural(shown.samples, 'sample')}.")
    for note in dict.fromkeys((*opened.data.notes, *opened.evaluation.notes)):
        st.caption(f":material/info: {as_text(note)}")


def _classes(opened: OpenedSource) -> tuple[str, ...]:
    sample = opened.source.sample
    return find(sample).class_names if sample else opened.data.classes


def _label(index: int, names: tuple[str, ...]) -> str:
    return names[index] if 0 <= index < len(names) else str(index)


def _operators(model: Model) -> str:
    counts = Counter(node.op_type for node in model.nodes).most_common()
    listed = ", ".join(f"{count} {op}" for op, count in counts[:8])
    return listed + (f" and {plural(len(counts) - 8, 'other type')}" if len(counts) > 8 else "")


def _tensor(info: TensorInfo) -> str:
    shape = "shape unknown"
    if info.shape is not None:
        shape = "×".join(str(d) if d is not None else "?" for d in info.shape) or "one number"
    return f"{info.name} ({shape}, {info.dtype.lower() or 'type unknown'})"


def _shape(data: Dataset, name: str) -> str:
    return (
        "×".join("varies" if d is None else str(d) for d in data.shapes[name][1:]) or "one number"
    )
