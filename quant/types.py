"""The vocabulary of quantization: what a code is, who shares a scale, what the scale is."""

import enum
from dataclasses import dataclass
from functools import cached_property

import ml_dtypes
import numpy as np
import onnx
from numpy.typing import NDArray


class QType(enum.Enum):
    """An integer type that a tensor can be quantized to."""

    INT4 = "int4"
    UINT4 = "uint4"
    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"

    @property
    def bits(self) -> int:
        """Bits in a code."""
        return int(self.value.removeprefix("u").removeprefix("int"))

    @property
    def signed(self) -> bool:
        """Whether codes may be negative."""
        return not self.value.startswith("u")

    @property
    def qmin(self) -> int:
        """The least code."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def qmax(self) -> int:
        """The greatest code."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    @property
    def levels(self) -> int:
        """Number of codes."""
        return 1 << self.bits

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The NumPy type that holds one code; the four-bit types are those of ml_dtypes."""
        return np.dtype(getattr(ml_dtypes, self.value) if self.bits == 4 else self.value)

    @property
    def onnx_type(self) -> int:
        """The element type as an ``onnx.TensorProto`` number."""
        return int(getattr(onnx.TensorProto, self.value.upper()))

    @property
    def min_opset(self) -> int:
        """The ONNX opset from which QuantizeLinear and DequantizeLinear take this type.

        Per-axis parameters need opset 13; 4 and 16 bit codes need opset 21.
        """
        return 21 if self.bits in {4, 16} else 13


@dataclass(frozen=True)
class PerTensor:
    """One scale for the whole tensor."""


@dataclass(frozen=True)
class PerChannel:
    """One scale for each index along ``axis``."""

    axis: int


@dataclass(frozen=True)
class PerBlock:
    """One scale for each run of ``block_size`` values along ``axis``."""

    axis: int
    block_size: int

    def __post_init__(self) -> None:
        if self.block_size < 1:
            raise ValueError(f"block_size is {self.block_size}; it must be at least 1")


Granularity = PerTensor | PerChannel | PerBlock


@dataclass(frozen=True)
class QuantSpec:
    """How a tensor is to be quantized, before its range is known.

    Attributes:
        qtype: The integer type of the codes.
        symmetric: Whether zero sits in the middle of the codes (signed: zero_point 0).
        granularity: Who shares a scale.
        narrow_range: Leave out the lowest code of a signed type, so that int8 runs from -127.
    """

    qtype: QType
    symmetric: bool
    granularity: Granularity = PerTensor()
    narrow_range: bool = False

    def __post_init__(self) -> None:
        if self.narrow_range and not self.qtype.signed:
            raise ValueError(f"narrow_range needs a signed type, found {self.qtype.value}")
        if self.qtype is QType.INT32 and not self.symmetric:
            raise ValueError("int32 is the type of a bias, which is symmetric; set symmetric")

    @property
    def qmin(self) -> int:
        """The least code in use."""
        return self.qtype.qmin + (1 if self.narrow_range else 0)

    @property
    def qmax(self) -> int:
        """The greatest code in use."""
        return self.qtype.qmax


@dataclass(frozen=True, eq=False)
class QuantParams:
    """Scales and zero points: real = scale * (code - zero_point).

    Invariants, held at construction: scales are positive and finite; zero points are codes; both
    have shape ``()`` per tensor and ``(C,)`` per channel. Parameters per block are refused.

    Attributes:
        scale: float32, shape ``()`` or ``(C,)``, in real units per step.
        zero_point: int32, same shape: the code that stands for 0.
        spec: What the parameters were made for.
    """

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int32]
    spec: QuantSpec

    def __post_init__(self) -> None:
        if self.scale.dtype != np.float32 or self.zero_point.dtype != np.int32:
            raise ValueError(
                f"scale must be float32 and zero_point int32, found {self.scale.dtype} and "
                f"{self.zero_point.dtype}"
            )
        if isinstance(self.spec.granularity, PerBlock):
            raise ValueError("parameters per block are not supported; use PerTensor or PerChannel")
        ndim = 0 if isinstance(self.spec.granularity, PerTensor) else 1
        if self.scale.shape != self.zero_point.shape or self.scale.ndim != ndim:
            raise ValueError(
                f"scale and zero_point must both have {ndim} dimensions, found shapes "
                f"{self.scale.shape} and {self.zero_point.shape}"
            )
        if not (np.isfinite(self.scale).all() and (self.scale > 0).all()):
            raise ValueError("every scale must be positive and finite")
        codes = self.zero_point
        if codes.size and (codes.min() < self.spec.qmin or codes.max() > self.spec.qmax):
            raise ValueError(
                f"zero_point must be within [{self.spec.qmin}, {self.spec.qmax}], found "
                f"{codes.min()} to {codes.max()}"
            )

    @cached_property
    def representable(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The least and greatest real number that a code stands for, float64, scale's shape."""
        scale = self.scale.astype(np.float64)
        zero_point = self.zero_point.astype(np.int64)
        return (
            np.asarray(scale * (self.spec.qmin - zero_point)),
            np.asarray(scale * (self.spec.qmax - zero_point)),
        )


ONNX_DTYPES = {
    "FLOAT": "float32",
    "DOUBLE": "float64",
    "FLOAT16": "float16",
    "BOOL": "bool",
    **{n.upper(): n for k in (8, 16, 32, 64) for n in (f"int{k}", f"uint{k}")},
}
"""ONNX element type -> NumPy type, for the types of numbers that a data file can hold."""

Dim = int | str | None


@dataclass(frozen=True)
class TensorInfo:
    """What is known of a tensor before anything runs.

    Attributes:
        name: The tensor's name.
        dtype: Name of the ONNX element type, such as ``FLOAT``; empty while unknown.
        shape: A size, a symbol or None for each dimension; None while even the rank is unknown.
    """

    name: str
    dtype: str
    shape: tuple[Dim, ...] | None

    @property
    def rank(self) -> int | None:
        """Number of dimensions, or None while unknown."""
        return None if self.shape is None else len(self.shape)
