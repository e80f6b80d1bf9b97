"""An int8 model computed in integers alone, layer by layer, beside ONNX Runtime's kernels."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.runtime.fixed_point import Rounding, times
from analysis.runtime.integer_layers import Codes, IntegerLayer
from quant.errors import ModelError
from quant.runtime.session import InferenceSession


@dataclass(frozen=True, eq=False)
class Agreement:
    """Codes of a layer in integers beside those of ONNX Runtime's kernel.

    Attributes:
        layer: The layer.
        differences: Difference in codes -> how many values have it.
    """

    layer: IntegerLayer
    differences: Mapping[int, int]

    @property
    def equal(self) -> float:
        """Share of the values that are the same code."""
        return self.differences.get(0, 0) / sum(self.differences.values())

    @property
    def other(self) -> int:
        """How many values are another code."""
        return sum(count for by, count in self.differences.items() if by)

    @property
    def most(self) -> int:
        """The largest difference in codes."""
        return max(map(abs, self.differences))


def kernel_codes(
    content: bytes, feeds: Mapping[str, NDArray[np.generic]], layers: Sequence[IntegerLayer]
) -> dict[str, NDArray[np.generic]]:
    """The codes that ONNX Runtime's kernels read and give.

    Args:
        content: Content of the ``.onnx`` file.
        feeds: Inputs of one sample.
        layers: What :func:`analysis.runtime.integer_layers.integer_layers` found in it.

    Raises:
        ModelError: If ONNX Runtime cannot run the file.
    """
    wanted = dict.fromkeys(t for layer in layers for t in (layer.reads, layer.gives))
    taps = tuple(name for name in wanted if name not in feeds)
    return {**feeds, **InferenceSession(content, taps=taps, level="extended").run(feeds)}


def agreements(
    layers: Sequence[IntegerLayer],
    codes: Mapping[str, NDArray[np.generic]],
    rounding: Rounding = "double",
    *,
    heartbeat: Callable[[], None] | None = None,
) -> tuple[Agreement, ...]:
    """Compute each layer in integers from the codes that it really reads, and compare.

    Args:
        layers: The layers.
        codes: What :func:`kernel_codes` gave for them.
        rounding: How the multiplication rounds.
        heartbeat: Called after each layer; it may raise to stop.

    Raises:
        ModelError: If a kernel gives another shape.
    """
    found: list[Agreement] = []
    for layer in layers:
        own = computed(layer, codes[layer.reads].astype(np.int64), rounding)
        theirs = codes[layer.gives].astype(np.int64)
        if own.shape != theirs.shape:
            raise ModelError(f"{layer.name}: expected codes of {theirs.shape}, found {own.shape}")
        values, counts = np.unique(own - theirs, return_counts=True)
        found.append(Agreement(layer, dict(zip(values.tolist(), counts.tolist(), strict=True))))
        if heartbeat is not None:
            heartbeat()
    return tuple(found)


def computed(layer: IntegerLayer, codes: Codes, rounding: Rounding = "double") -> Codes:
    """What a layer gives for codes, in integers alone.

    Args:
        layer: The layer.
        codes: What it reads, int64.
        rounding: How the multiplication rounds.
    """
    sums = _convolved(layer, codes) if layer.op_type == "Conv" else _multiplied(layer, codes)
    axis = 1 if layer.op_type == "Conv" else -1
    channels = np.moveaxis(sums, axis, 0)
    scaled = np.stack(
        [
            times(row + bias, multiplier, rounding)
            for row, bias, multiplier in zip(channels, layer.bias, layer.multipliers, strict=True)
        ]
    )
    return np.clip(np.moveaxis(scaled, 0, axis) + layer.zeros[1], *layer.limits)


def _multiplied(layer: IntegerLayer, codes: Codes) -> Codes:
    # Sums of 32 bits are exact in float64, whose products are quick.
    x = (codes - layer.zeros[0]).astype(np.float64)
    return (x @ layer.weight.T.astype(np.float64)).astype(np.int64)


def _convolved(layer: IntegerLayer, codes: Codes) -> Codes:
    x, weight = (codes - layer.zeros[0]).astype(np.float64), layer.weight.astype(np.float64)
    rank = weight.ndim - 2
    kernel = weight.shape[2:]
    strides = layer.attributes.get("strides", [1] * rank)
    dilations = layer.attributes.get("dilations", [1] * rank)
    pads = layer.attributes.get("pads", [0] * 2 * rank)
    groups = int(layer.attributes.get("group", 1))
    x = np.pad(x, [(0, 0), (0, 0), *zip(pads[:rank], pads[rank:], strict=True)])
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    places = tuple(range(2, 2 + rank))
    windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=places)
    steps = tuple(slice(None, None, s) for s in strides)
    taps = tuple(slice(None, None, d) for d in dilations)
    windows = windows[(slice(None), slice(None), *steps, *taps)]
    found: list[Codes] = []
    of_group = x.shape[1] // groups
    for group, part in enumerate(np.split(weight, groups)):
        seen = windows[:, group * of_group : (group + 1) * of_group]
        axes = (1, *range(2 + rank, 2 + 2 * rank))
        product = np.tensordot(seen, part, (axes, tuple(range(1, 2 + rank))))
        found.append(np.moveaxis(product, -1, 1).astype(np.int64))
    return np.concatenate(found, axis=1)


def histogram(found: Sequence[Agreement]) -> dict[int, int]:
    """Difference in codes -> how many values of all layers have it."""
    total: Counter[int] = Counter()
    for item in found:
        total.update(item.differences)
    return dict(sorted(total.items()))
