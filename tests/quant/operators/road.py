"""The whole road for one model, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

import quant
from analysis.errors.cumulative import compare
from quant.errors import QuantError
from quant.runtime.session import InferenceSession, holds_numbers
from tests.quant.operators.subjects import Subject

NOT_RUN = "not run by ONNX Runtime"
QUANTIZED = "quantized"
LEFT_FLOAT = "left float"
NOTHING = "nothing to quantize"
REFUSED = "refused"
WRONG = "wrong"


@dataclass(frozen=True)
class End:
    """How the road ended.

    Attributes:
        outcome: One of the words above.
        detail: The reason or the sentence; of a quantized model the error of its outputs.
        op_in_int8: Whether the operator itself reads or gives integers.
    """

    outcome: str
    detail: str = ""
    op_in_int8: bool = False


def outputs_of(model: onnx.ModelProto, feeds: Mapping[str, NDArray[np.generic]]) -> dict[str, Any]:
    """What ONNX Runtime gives for the file as it is; nothing where it cannot run it."""
    try:
        session = InferenceSession(model.SerializeToString(), level="disabled")
        return session.run(feeds)
    except (QuantError, ValueError):
        return {}


def walked(subject: Subject, truth: Mapping[str, Any], recipe: str = "everything") -> End:
    """Load, compare float, calibrate, quantize, verify and measure a model."""
    content = subject.model.SerializeToString()
    try:
        model = quant.load(content)
    except QuantError as error:
        said = str(error)
        return End(NOTHING if "nothing to quantize" in said else REFUSED, said)
    if differing := _differs(
        truth, outputs_of(onnx.load_from_string(model.to_bytes()), subject.feeds)
    ):
        return End(WRONG, f"float differs at {differing}")
    try:
        data = _data(model, subject.feeds)
        calibration = quant.calibrate(model, data)
        made = quant.quantize(model, calibration, quant.preset(recipe))
        made.verify()
        scores = compare(model, made, data).outputs
    except QuantError as error:
        return End(REFUSED, str(error))
    if not made.params and not made.constants:
        return End(LEFT_FLOAT, next((n.reason for n in model.nodes if n.reason), ""))
    found = InferenceSession(made.to_bytes()).run(subject.feeds)
    for name, array in truth.items():
        if holds_numbers(array) and np.isfinite(array).all() and not np.isfinite(found[name]).all():
            return End(WRONG, f"{name} is not finite in int8")
    in_int8 = any(
        item.quantized for item in made.plan.nodes.values() if item.node.op_type == subject.op_type
    )
    worst = min((score.sqnr_db for score in scores.values()), default=np.inf)
    return End(QUANTIZED, f"{worst:.1f} dB", in_int8)


def _data(model: quant.Model, feeds: Mapping[str, NDArray[np.generic]]) -> quant.Dataset:
    """The sample with an axis for samples before it, or as it is where that does not fit."""
    try:
        return quant.open_data({i.name: feeds[i.name][None] for i in model.inputs}, model)
    except QuantError:
        return quant.open_data({i.name: feeds[i.name] for i in model.inputs}, model)


def _differs(truth: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    for name, expected in truth.items():
        other = found.get(name)
        if not holds_numbers(expected):
            continue
        if other is None or other.shape != expected.shape:
            return name
        a, b = np.asarray(expected, np.complex128), np.asarray(other, np.complex128)
        if not np.allclose(a, b, rtol=1e-3, atol=1e-5, equal_nan=True):
            return name
    return ""
