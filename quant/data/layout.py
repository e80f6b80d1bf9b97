"""How samples become what a model's input takes: stacked along an axis, or each one whole."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from quant.errors import DataError
from quant.types import Dim, TensorInfo

_BATCH: Final = re.compile(r"n|b|bs|.*batch.*", re.IGNORECASE)
"""What exporters call the axis that counts samples."""


@dataclass(frozen=True)
class InputLayout:
    """Where the samples of an input are.

    Attributes:
        stored: The axis of the stored array that counts the samples.
        axis: The axis of the input along which samples are stacked; None where the input takes
            one whole sample, without an axis that counts them.
        guessed: Whether nobody asked for another axis than the first, but names or shapes leave no
            doubt.
    """

    stored: int = 0
    axis: int | None = 0
    guessed: bool = False

    def sample(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of one sample in the input, from that of the stored array."""
        rest = [size for axis, size in enumerate(shape) if axis != self.stored]
        if self.axis is not None:
            rest.insert(self.axis, 1)
        return tuple(rest)


def layout_of(info: TensorInfo, shape: Sequence[int], asked: int | None) -> InputLayout | None:
    """How an array feeds an input.

    Args:
        info: The input.
        shape: Of the stored array.
        asked: The axis of the array and of the input that counts the samples, where the user says
            so.

    Returns:
        The layout, or None where the array does not fit.
    """
    if info.shape is None:
        axis = asked or 0
        return InputLayout(axis, axis)
    if asked is not None:
        found = InputLayout(asked, asked)
        return found if len(shape) > asked and fitting(info.shape, shape, found) else None
    named = [
        axis for axis, d in enumerate(info.shape) if isinstance(d, str) and _BATCH.fullmatch(d)
    ]
    candidates = [InputLayout()]
    if len(named) == 1 and named[0]:
        (axis,) = named
        candidates = [InputLayout(axis, axis, guessed=True), InputLayout(0, axis, guessed=True)]
    candidates.append(InputLayout(0, None))
    return next((c for c in candidates if shape and fitting(info.shape, shape, c)), None)


def fitting(wanted: Sequence[Dim] | None, shape: Sequence[int], layout: InputLayout) -> bool:
    """Whether an array of ``shape`` feeds an input of shape ``wanted`` by a layout."""
    if wanted is None:
        return True
    sample = layout.sample(shape)
    return len(sample) == len(wanted) and all(
        not isinstance(want, int) or axis == layout.axis or want == have
        for axis, (want, have) in enumerate(zip(wanted, sample, strict=True))
    )


def group_size(inputs: Sequence[TensorInfo], layouts: Mapping[str, InputLayout]) -> int | None:
    """How many samples the model takes at once.

    Args:
        inputs: The model's inputs.
        layouts: How each is fed.

    Returns:
        The number it asks for, 1 where samples are fed whole; None where any number will do.

    Raises:
        DataError: If inputs ask for different numbers.
    """
    sizes: dict[str, int] = {}
    for info in inputs:
        axis = layouts[info.name].axis
        size = 1 if axis is None else None if info.shape is None else info.shape[axis]
        if isinstance(size, int):
            sizes[info.name] = size
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name}: {size}" for name, size in sizes.items())
        raise DataError(
            f"the model takes different numbers of samples at its inputs ({listed}); export it "
            "with one number, or with a free first axis"
        )
    return next(iter(sizes.values()), None)
