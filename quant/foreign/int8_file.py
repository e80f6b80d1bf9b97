"""What an int8 file says: scales, zero points and weights by the names of its float tensors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Codes:
    """How a tensor is stored as integers.

    Attributes:
        dtype: Integer type.
        scale: float32, one number or one for each channel.
        zero_point: int64, of the same shape.
        axis: The axis of the channels; None with one scale.
        values: Integers, for a constant; None for an activation.
    """

    dtype: np.dtype[np.generic]
    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int | None = None
    values: NDArray[np.generic] | None = None

    @property
    def range(self) -> tuple[float, float]:
        """The least and the greatest real number that a code stands for."""
        limits = np.iinfo(self.dtype.name)
        scale, zero = float(self.scale.max()), int(self.zero_point.reshape(-1)[0])
        return (limits.min - zero) * scale, (limits.max - zero) * scale

    @property
    def symmetric(self) -> bool:
        """Whether zero is in the middle of the codes."""
        middle = 0 if np.dtype(self.dtype).kind == "i" else (np.iinfo(self.dtype.name).max + 1) // 2
        return bool((self.zero_point == middle).all())

    @property
    def real(self) -> NDArray[np.float64]:
        """The real numbers that a constant stands for, float64; made anew, as they are large."""
        assert self.values is not None
        scale, zero = self.scale.astype(np.float64), self.zero_point
        if self.axis is not None:
            shape = [-1 if i == self.axis else 1 for i in range(self.values.ndim)]
            scale, zero = scale.reshape(shape), zero.reshape(shape)
        return (self.values.astype(np.int64) - zero) * scale


@dataclass(frozen=True, eq=False)
class FileNode:
    """A node of the file that computes, as its float model has it.

    Attributes:
        name: Its name.
        op_type: The float operator.
        operands: For each input the float tensor that it stands for, or empty.
        codes: For each input how it is stored; None where it is float.
        outputs: The float tensors it gives.
    """

    name: str
    op_type: str
    operands: tuple[str, ...]
    codes: tuple[Codes | None, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Int8File:
    """What an int8 file says.

    Attributes:
        name: What to call it.
        activations: Float tensor -> how it is rounded as the model runs.
        nodes: Name -> node, those aside that only convert.
        unread: Operators that this cannot read, with how many there are.
    """

    name: str
    activations: Mapping[str, Codes]
    nodes: Mapping[str, FileNode]
    unread: Mapping[str, int] = field(default_factory=dict[str, int])

    @cached_property
    def by_output(self) -> Mapping[str, FileNode]:
        """The node that gives each tensor."""
        return {output: node for node in self.nodes.values() for output in node.outputs}
