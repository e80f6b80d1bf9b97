"""How nodes and tensors are quantized: the settings, each with the values it may have."""

from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np

from quant.calibrators import Calibrator
from quant.calibrators.minmax import MinMax
from quant.errors import RecipeError
from quant.io.forms import OwnForm, short
from quant.types import QType

Drop = Literal["never", "lossless", "always"]
Fuse = Literal["never", "clamps", "always"]
Align = Literal["none", "largest", "output"]
Placement = Literal["everything", "integer_kernels"]

_LARGEST = float(np.finfo(np.float32).max)
"""What a range may reach: the arithmetic of a model is float32."""


@dataclass(frozen=True)
class Settings(OwnForm):
    """How a node and the tensors it computes are quantized.

    Attributes:
        activation_type: Integer type of activations.
        activation_symmetric: Whether activations have zero_point 0 (signed types).
        weight_type: Integer type of weights; always symmetric.
        per_channel: One scale for each output channel of a weight.
        calibrator: Turns the statistics of an activation into its range.
        range: A fixed range (rmin, rmax) in real units instead of the calibrator's, or None.
        placement: Quantize the node wherever it has a quantized form ("everything"), or only where
            that pays: it has multiply-adds, or stands between two that have and has an integer
            kernel; see :mod:`quant.planning.placement`.
        skip: Compute the node in float.
        fuse_activation: On an activation node: no Q/DQ between it and the node before it; by
            default only for those that clamp (Relu, Clip).
        drop_activation: On a Relu or Clip: remove the node where the quantization after it clamps
            the same ("lossless"), always, or never.
        align: On an Add or Concat: let its inputs share parameters, those of the largest input or
            those of the output.
        quantize_bias: Store the bias as int32 with scale_x * scale_w.
        quantize_weight: Store the node's weight and constant operands as integers; where they are
            float, the bias is too.
        quantize_activation: Round the tensor as the model runs. Where not, its range still sets
            the scale of a bias.
    """

    activation_type: QType = QType.UINT8
    activation_symmetric: bool = False
    weight_type: QType = QType.INT8
    per_channel: bool = True
    calibrator: Calibrator = field(default_factory=MinMax)
    range: tuple[float, float] | None = None
    placement: Placement = "everything"
    skip: bool = False
    fuse_activation: Fuse = "clamps"
    drop_activation: Drop = "lossless"
    align: Align = "none"
    quantize_bias: bool = True
    quantize_weight: bool = True
    quantize_activation: bool = True

    def __post_init__(self) -> None:
        if self.activation_type.bits not in {8, 16}:
            raise RecipeError(
                "activation_type: expected int8, uint8, int16 or uint16, found "
                f"{self.activation_type.value}"
            )
        if self.weight_type not in {QType.INT4, QType.INT8, QType.INT16}:
            raise RecipeError(
                f"weight_type: expected int4, int8 or int16, found {self.weight_type.value}"
            )
        if self.range is not None:
            rmin, rmax = self.range
            if not -_LARGEST <= rmin <= 0 <= rmax <= _LARGEST:
                raise RecipeError(
                    "range: expected rmin <= 0 <= rmax in real units that float32 can hold, found "
                    f"{short(list(self.range))}; widen it to hold 0, or cut it"
                )
            object.__setattr__(self, "range", (float(rmin), float(rmax)))

    def document(self) -> dict[str, Any]:
        """The settings by name, without those added later that are as before."""
        every = {name: getattr(self, name) for name in SETTING_NAMES}
        return {k: v for k, v in every.items() if k not in ADDED_LATER or v != getattr(Settings, k)}


SETTING_NAMES = tuple(f.name for f in fields(Settings))
TENSOR_SETTING_NAMES = (
    "activation_type",
    "activation_symmetric",
    "calibrator",
    "range",
    "quantize_activation",
)
ADDED_LATER = ("placement", "quantize_weight", "quantize_activation")
"""Settings that version 0.1 did not have. Defaults name them only where they are not as before, so
that a recipe without them is the same text, and has the same key, as it had."""
