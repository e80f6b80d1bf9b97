"""Which preprocessing a model was probably made for, from its input and its first nodes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast, get_args

import numpy as np
from numpy.typing import NDArray

from quant.data.images.preprocessing import DType, Layout, Preprocessing
from quant.data.images.presets import preset_named
from quant.errors import DataError
from quant.model.model import Model
from quant.types import ONNX_DTYPES, TensorInfo

SIDE: Final = 224
"""Height and width where the model leaves them open."""

NORMAL: Final = 10.0
"""What pictures become in a network is seldom larger."""

OF_LEVELS: Final = 0.1
"""Euclidean norm of a filter of the first Conv, in the median, below which it reads levels: 0.006
and 0.03 were found in two models that do, 0.28 to 2.8 in nine that take values of about −2 to 2."""

OF_SHARES: Final = 5.0
"""The same norm above which it reads shares of 255: 21 and 52 were found in two models that do."""

_AFFINE: Final[dict[str, Callable[..., NDArray[np.float64]]]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
}
_PASSING: Final = frozenset({"Cast", "Transpose", "Identity"})


@dataclass(frozen=True)
class Guess:
    """A preprocessing and why.

    Attributes:
        preset: Name of the preset that it is.
        preprocessing: The preprocessing.
        why: The reason, as half a sentence.
    """

    preset: str
    preprocessing: Preprocessing
    why: str

    @property
    def note(self) -> str:
        """What is told of it, as a sentence."""
        height, width = self.preprocessing.size
        return (
            f"Guessed that pictures are fed as {self.preset}, {width}×{height}, because "
            f"{self.why}; choose another where that is wrong."
        )


def image_input(model: Model, info: TensorInfo | None = None) -> TensorInfo:
    """The input that takes pictures.

    Args:
        model: The model.
        info: The input that is meant; the only one without.

    Raises:
        DataError: The model has other inputs too, or takes no picture.
    """
    if info is None and len(model.inputs) != 1:
        raise DataError(
            f"pictures feed one input, but the model has {len(model.inputs)} "
            f"({', '.join(repr(info.name) for info in model.inputs)}); say which data feeds "
            "which as NAME:PATH,NAME:PATH"
        )
    info = info or model.inputs[0]
    if _place(info) is None or ONNX_DTYPES.get(info.dtype) not in get_args(DType):
        shape = "unknown" if info.shape is None else tuple(d or "any" for d in info.shape)
        raise DataError(
            f"input {info.name!r} takes {info.dtype.lower()} of shape {shape}, expected pictures "
            "with 1 or 3 channels as its second or last axis; give a .npz of arrays instead"
        )
    return info


def guessed(
    model: Model,
    preset: str = "",
    size: tuple[int, int] | None = None,
    info: TensorInfo | None = None,
) -> Guess:
    """The preprocessing that a model was probably made for.

    Args:
        model: The model.
        preset: A preset that is asked for; what is guessed then is its size and channels only.
        size: Height and width that are asked for, in pixels; the model's own without.
        info: The input that takes pictures; the only one without.

    Raises:
        DataError: The model does not take pictures, or none of this size, or there is no such
            preset.
    """
    info = image_input(model, info)
    place = _place(info)
    assert place is not None
    layout, channels, own, fixed = place
    if size is not None and fixed and size != own:
        raise DataError(
            f"input {info.name!r} takes pictures of {own[1]}x{own[0]}, found {size[1]}x{size[0]}; "
            "leave the size to the model"
        )
    name, why = (preset, "it was asked for") if preset else _likely(model, info, layout)
    found = preset_named(name).of(
        size or own,
        gray=channels == 1,
        layout=layout,
        dtype=cast("DType", ONNX_DTYPES[info.dtype]),
    )
    return Guess(name, found, why)


def _likely(model: Model, info: TensorInfo, layout: Layout) -> tuple[str, str]:
    """A preset, and why."""
    numbers, why = _numbers(model, info)
    shape = model.outputs[0].shape or ()
    of_imagenet = len(shape) == 2 and shape[-1] in {1000, 1001}
    if numbers == "normal" and not (of_imagenet and layout == "NHWC"):
        return ("imagenet" if of_imagenet else "imagenet-whole"), why
    if numbers == "normal":
        return "minus-one-to-one", why
    if numbers == "zero-to-one" and info.name in {"images", "image"} and len(shape) == 3:
        return "yolo", f"{why} and it gives a list of boxes"
    return numbers, why


def _numbers(model: Model, info: TensorInfo) -> tuple[str, str]:
    """How large the numbers are that a model takes, and what tells it."""
    if np.dtype(ONNX_DTYPES[info.dtype]).kind in "iu":
        return "levels", "the input takes integers"
    inside = _normalized(model, info.name)
    if inside is not None and max(map(abs, inside(255.0))) <= NORMAL:
        return "levels", "the model normalises 0 to 255 itself"
    if inside is not None and max(map(abs, inside(1.0))) <= NORMAL:
        return "zero-to-one", "the model normalises 0 to 1 itself"
    return _by_weights(model)


def _by_weights(model: Model) -> tuple[str, str]:
    """How large the numbers are that the first Conv was trained for."""
    first = next((n for n in model.nodes if n.op_type == "Conv" and n.weight), None)
    if first is None or first.weight is None:
        return "zero-to-one", "nothing in the model tells otherwise"
    weights = model.constant(first.weight.name).astype(np.float64)
    size = float(np.median(np.sqrt((weights**2).sum(axis=tuple(range(1, weights.ndim))))))
    if size < OF_LEVELS:
        return "levels", "its first weights are as small as for values of 0 to 255"
    if size > OF_SHARES:
        return "zero-to-one", "its first weights are as large as for values of 0 to 1"
    return "normal", "its first weights are as large as for values of about −2 to 2"


def _normalized(model: Model, name: str) -> Callable[[float], tuple[float, float]] | None:
    """What the nodes behind the input make of the levels 0 and ``most``; None without any."""
    steps: list[tuple[str, NDArray[np.float64], bool]] = []
    nodes = {node.name: node for node in model.nodes}
    while True:
        consumers = [nodes[c] for c in model.consumers.get(name, ()) if c in nodes]
        if len(consumers) != 1:
            break
        node = consumers[0]
        if node.op_type in _AFFINE and len(node.inputs) == 2:
            other = node.inputs[1] if node.inputs[0] == name else node.inputs[0]
            if other not in model.graph.graph.initializers:
                break
            value = np.asarray(model.constant(other), np.float64)
            steps.append((node.op_type, value, node.inputs[0] == name))
        elif node.op_type not in _PASSING:
            break
        name = node.outputs[0]
    if not steps:
        return None

    def ends(most: float) -> tuple[float, float]:
        found = np.array([0.0, most])[:, None]
        for kind, value, first in steps:
            flat = value.reshape(1, -1)
            with np.errstate(all="ignore"):
                found = _AFFINE[kind](found, flat) if first else _AFFINE[kind](flat, found)
        return float(found.min()), float(found.max())

    return ends


def _place(info: TensorInfo) -> tuple[Layout, int, tuple[int, int], bool] | None:
    """Where the channels are, how many, the size and whether it is fixed; None for no picture."""
    shape = info.shape
    if shape is None or len(shape) != 4:
        return None
    last = shape[3] in {1, 3} and shape[1] not in {1, 3}
    channels, *sides = (shape[3], *shape[1:3]) if last else shape[1:]
    if isinstance(channels, int) and channels not in {1, 3}:
        return None
    fixed = all(isinstance(side, int) and side > 0 for side in sides)
    height, width = (side if isinstance(side, int) and side > 0 else SIDE for side in sides)
    count = channels if isinstance(channels, int) else 3
    return ("NHWC" if last else "NCHW"), count, (height, width), fixed
