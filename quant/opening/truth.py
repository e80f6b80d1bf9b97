"""The file is the truth: what the prepared model computes is compared with the user's own file."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quant.errors import ModelError
from quant.model.model import Model
from quant.model.prepare import FOLDING, prepare
from quant.model.read import read_model
from quant.model.serialize import to_bytes, to_graph
from quant.runtime.session import InferenceSession

Array = NDArray[np.generic]

LEAST_DB: Final = 60.0
"""Float sums in another order stay above it; another meaning of an operator falls far below."""

LEAST_HALF_DB: Final = 30.0
"""The same where the file rounds to half precision at every step, as the prepared one does not."""

LEAST_EQUAL: Final = 0.99
"""The share of integers that must be equal: a class may change where two scores are as good."""


def refuse_unfaithful(model: Model, feeds: Mapping[str, Array]) -> None:
    """Run the file and the prepared model on a real sample, and compare every output.

    Args:
        model: The model as it was loaded; without a source, or where ONNX Runtime cannot run the
            file, there is nothing to compare with.
        feeds: One sample, or one group where the model takes several.

    Raises:
        ModelError: If they differ; it names the step of the preparation that changed the model.
    """
    if model.source is None:
        return
    try:
        truth = InferenceSession(model.source, level="disabled").run(feeds)
    except ModelError:
        return
    least = LEAST_HALF_DB if any("float32" in note for note in model.notes) else LEAST_DB
    output = _differing(truth, model.to_bytes(), feeds, least)
    if output is None:
        return
    raise ModelError(
        f"{model.name}: the output {output!r} of the prepared model differs from the file's on the "
        f"first sample, because of {_culprit(model, truth, feeds, least)}; export the model again "
        "with another opset, or simplify it first"
    )


def _culprit(
    model: Model, truth: Mapping[str, Array], feeds: Mapping[str, Array], least: float
) -> str:
    """The step that changed the model, found by leaving steps out."""
    assert model.source is not None
    graph = to_graph(read_model(model.source).proto)
    prepare(graph, model.name, without={FOLDING})
    if _differing(truth, to_bytes(graph), feeds, least) is None:
        return "the folding of constants and batch normalization"
    raised = next((note for note in model.notes if "opset" in note), "")
    return f"a change of opset ({raised.rstrip('.')})" if raised else "a step before folding"


def _differing(
    truth: Mapping[str, Array], content: bytes, feeds: Mapping[str, Array], least: float
) -> str | None:
    """The first output that differs; None where all are equal but for float noise."""
    found = InferenceSession(content, level="disabled").run(feeds)
    for name, expected in truth.items():
        if name not in found or found[name].shape != expected.shape:
            return name
        if not expected.size:
            continue
        a, b = expected.astype(np.float64), found[name].astype(np.float64)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        if expected.dtype.kind != "f":
            alike = bool(same.mean() >= LEAST_EQUAL)
        else:
            with np.errstate(invalid="ignore"):
                noise = float(np.square(np.where(same, 0.0, b - a)).sum())
            signal = float(np.square(np.where(np.isfinite(a), a, 0.0)).sum())
            alike = noise <= signal * 10 ** (-least / 10)
        if not alike:
            return name
    return None
