"""What is swept: a base graph, and how its variants are made and opened."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from quant.ablation import QuantUnit
from quant.data.dataset import Batch
from quant.runtime.session import InferenceSession, Level


@dataclass(frozen=True, eq=False)
class Subject:
    """What is swept.

    Attributes:
        base: The graph that the variants are compared with.
        variant: Makes the variant of a unit.
        float_model: Content of the float model, which scores refer to.
        float_base: Whether the base is the float model.
        level: How far ONNX Runtime may optimize.
    """

    base: ir.Model
    variant: Callable[[QuantUnit], ir.Model]
    float_model: bytes
    float_base: bool
    level: Level

    def session(
        self, model: bytes, taps: Sequence[str] = (), threads: int | None = None
    ) -> InferenceSession:
        """A session of ``model`` that computes quantization as it is defined."""
        return InferenceSession(
            model, taps=taps, level=self.level, threads=threads, integer_kernels=False
        )


@dataclass(frozen=True, eq=False)
class BaseBatch:
    """A batch with the base's tensors that the group reads, and the float model's outputs."""

    batch: Batch
    tensors: Mapping[str, NDArray[np.generic]]
    reference: Mapping[str, NDArray[np.generic]]
