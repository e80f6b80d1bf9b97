"""Int8 files made by ONNX Runtime's own quantizer."""

from pathlib import Path
from typing import Any

import numpy as np
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

from sample_models import find

SAMPLE = find("fmnist_mobilenet")
SAMPLES = 16

KINDS: dict[str, dict[str, Any]] = {
    "qdq": {},
    "per channel": {"per_channel": True},
    "uint8": {"activation_type": QuantType.QUInt8, "per_channel": True},
    "symmetric": {"extra_options": {"ActivationSymmetric": True}},
    "on codes": {"quant_format": QuantFormat.QOperator},
    "on codes, per channel": {"quant_format": QuantFormat.QOperator, "per_channel": True},
}
"""Ways to quantize, by what is asked of the tool."""


class Reader(CalibrationDataReader):
    """The first samples, one at a time."""

    def __init__(self, data: Path) -> None:
        with np.load(data) as arrays:
            found = {name: arrays[name] for name in arrays.files if name != "labels"}
        self.rows = iter([{n: a[i : i + 1] for n, a in found.items()} for i in range(SAMPLES)])

    def get_next(self) -> dict[str, np.ndarray] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The next sample."""
        return next(self.rows, None)


def made(
    out: Path, model: Path = SAMPLE.model_path, data: Path = SAMPLE.calibration_path, **how: Any
) -> Path:
    """Write the int8 file that ONNX Runtime makes of a float model."""
    options = {"quant_format": QuantFormat.QDQ, **how}
    quantize_static(model, out, Reader(data), **options)
    return out
