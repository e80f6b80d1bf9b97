"""Faults at the outputs of a float model."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from onnx import helper

from analysis.errors.axis_slices import slice_errors
from analysis.errors.tensor_error import ErrorAccumulator
from quant import open_data
from quant.pipeline import QuantizedModel
from quant.runtime.session import InferenceSession
from tests.analysis.findings.cases import (
    Case,
    Planted,
    measured_slices,
    plain,
    planted,
    resnet,
)
from tests.analysis.findings.nets import Net, data


def detector(*, join: bool) -> Net:
    """The residual network with a second head: boxes in pixels beside scores from 0 to 1."""
    found = plain()
    features = found.node("/classifier/Gemm").input[0]
    rng = np.random.default_rng(1)
    found["boxes.weight"] = rng.standard_normal((4, 96)) * 40
    found["boxes.bias"] = np.full(4, 200.0)
    names = ["boxes", "scores"]
    nodes = [
        helper.make_node(
            "Gemm", [features, "boxes.weight", "boxes.bias"], ["boxes"], name="boxes/Gemm", transB=1
        ),
        helper.make_node("Sigmoid", ["logits"], ["scores"], name="scores/Sigmoid"),
    ]
    if join:
        nodes.append(helper.make_node("Concat", names, ["found"], name="found/Concat", axis=1))
    found.graph.node.extend(nodes)
    del found.graph.output[:]
    for name, count in [("found", 14)] if join else [("boxes", 4), ("scores", 10)]:
        found.output(name, ["batch", count])
    return found


def worst_part_db(case: Case, made: QuantizedModel) -> float:
    """sqnr_db of the worse of boxes and scores, joined or not."""
    found = slice_errors(made, open_data(data(case.sample, "evaluation"), case.model))
    if "found" in found:
        return min(found["found"].part_db(0, 4), found["found"].part_db(4, 14))
    return min(found[name].whole_db for name in ("boxes", "scores"))


@planted
def joined_outputs() -> Planted:
    healthy = resnet(build=lambda: detector(join=False), measure=worst_part_db)
    return Planted(
        "boxes and scores joined by a Concat",
        "joined_quantities",
        "found/Concat",
        healthy,
        replace(healthy, build=lambda: detector(join=True), more=measured_slices),
    )


def worst_logit_db(case: Case, made: QuantizedModel) -> float:
    found = slice_errors(made, open_data(data(case.sample, "evaluation"), case.model))
    return float(found["logits"].sqnr_db.min())


@planted
def small_logit() -> Planted:
    def build() -> Net:
        found = plain()
        rows, bias = found["classifier.weight"], found["classifier.bias"]
        rows[4], bias[4] = rows[4] / 200, bias[4] / 200
        found["classifier.weight"], found["classifier.bias"] = rows, bias
        return found

    return Planted(
        "one logit / 200",
        "uneven_output",
        "logits",
        resnet(measure=worst_logit_db, more=measured_slices),
        resnet(build=build, measure=worst_logit_db, more=measured_slices),
    )


def against_reference(factor: float) -> Callable[[Case], Mapping[str, Any]]:
    """The float model against outputs recorded with other preprocessing."""

    def more(case: Case) -> Mapping[str, Any]:
        session = InferenceSession(case.model.to_bytes())
        image = data(case.sample, "evaluation")["image"]
        error = ErrorAccumulator()
        recorded = session.run({"image": image * np.float32(factor)})["logits"]
        error.add(recorded, session.run({"image": image})["logits"])
        return {"reference": {"logits": error.result()}}

    return more


@planted
def other_reference() -> Planted:
    return Planted(
        "reference outputs of images twice as bright",
        "reference_differs",
        "logits",
        resnet(more=against_reference(1.0)),
        resnet(more=against_reference(2.0)),
        words="mend the conversion or the preprocessing first",
    )
