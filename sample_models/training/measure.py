"""Top-1 accuracy of a model in float and after static int8 quantization by ONNX Runtime."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Variant:
    """One way to call quantize_static.

    Attributes:
        title: Shown in the printed table.
        options: Keyword arguments that differ from the defaults.
        skip: Nodes that stay in float: the first names that contain one of these texts.
    """

    title: str
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    skip: tuple[str, ...] = ()


DEFAULT = Variant("default")
VARIANTS = (
    DEFAULT,
    Variant("uint8 activations", {"activation_type": QuantType.QUInt8}),
    Variant("percentile ranges", {"calibrate_method": CalibrationMethod.Percentile}),
    Variant("entropy ranges", {"calibrate_method": CalibrationMethod.Entropy}),
    Variant("per-channel weights", {"per_channel": True}),
    Variant(
        "per-channel weights, percentile ranges",
        {"per_channel": True, "calibrate_method": CalibrationMethod.Percentile},
    ),
    Variant(
        "per-channel weights, entropy ranges",
        {"per_channel": True, "calibrate_method": CalibrationMethod.Entropy},
    ),
)


class Rows(CalibrationDataReader):
    """Feed the arrays of a calibration set in batches of 32 samples."""

    def __init__(self, arrays: Arrays) -> None:
        self._batches = self._cut(arrays)

    @staticmethod
    def _cut(arrays: Arrays) -> Iterator[dict[str, NDArray[Any]]]:
        total = len(next(iter(arrays.values())))
        for start in range(0, total, 32):
            yield {name: values[start : start + 32] for name, values in arrays.items()}

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """The next batch, or None at the end."""
        return next(self._batches, None)


def logits(path: Path, inputs: Arrays) -> NDArray[np.float32]:
    """Outputs of a model on a whole set.

    Args:
        path: ONNX file.
        inputs: Input arrays.

    Returns:
        float32 [N, classes].
    """
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feeds = Rows(inputs)
    parts: list[NDArray[np.float32]] = []
    while (feed := feeds.get_next()) is not None:
        parts.append(np.asarray(session.run(["logits"], feed)[0], np.float32))
    return np.concatenate(parts)


def top1(path: Path, evaluation: Arrays) -> float:
    """Share of evaluation samples whose largest logit is the label.

    Args:
        path: ONNX file.
        evaluation: Input arrays and "labels".

    Returns:
        A number in [0, 1].
    """
    inputs = {name: values for name, values in evaluation.items() if name != "labels"}
    return float((logits(path, inputs).argmax(1) == evaluation["labels"]).mean())


def quantized_top1(
    path: Path, calibration: Arrays, evaluation: Arrays, variant: Variant = DEFAULT
) -> float:
    """Quantize to int8 and measure.

    Args:
        path: Float ONNX file.
        calibration: Input arrays.
        evaluation: Input arrays and "labels".
        variant: How to quantize.

    Returns:
        Top-1 of the quantized model.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared, result = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(str(path), str(prepared))
        names = [node.name for node in onnx.load(prepared).graph.node]
        skipped = [name for name in names if any(text in name for text in variant.skip)]
        quantize_static(
            str(prepared),
            str(result),
            Rows(calibration),
            nodes_to_exclude=skipped,
            **variant.options,
        )
        return top1(result, evaluation)


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read an npz file into a dictionary."""
    with np.load(path) as bundle:
        return {name: bundle[name] for name in bundle.files}


def table(folder: Path, variants: tuple[Variant, ...] = VARIANTS) -> dict[str, float]:
    """Measure a finished sample in float and under several quantizations.

    Args:
        folder: Folder of the sample.
        variants: Quantizations to try.

    Returns:
        Top-1 by title, "float" first.
    """
    model = folder / "model.onnx"
    calibration = load_arrays(folder / "calibration.npz")
    evaluation = load_arrays(folder / "evaluation.npz")
    rows = {"float": top1(model, evaluation)}
    for variant in variants:
        rows[variant.title] = quantized_top1(model, calibration, evaluation, variant)
    return rows
