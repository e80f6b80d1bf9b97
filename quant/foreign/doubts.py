"""What in an int8 file is no rounding: scales, weights and clamps that cannot be right."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from quant.foreign.int8_file import Codes
from quant.foreign.matching import Match
from quant.model.model import Node
from quant.model.op_roles import CLAMPS
from quant.statistics.calibration import Calibration

Kind = Literal["weight", "bias", "bias scale", "channel axis", "range", "zero point", "activation"]

NOISE: Final = 8.0
"""Error of a constant over that of rounding to the nearest code; up or down at will gives 4."""

ALIKE: Final = 0.98
"""Cosine of two channels from which on one is the other times a factor."""

WIDE: Final = 20.0
"""A range so many times as wide as what calibration saw leaves four bits of eight."""

BEYOND: Final = 1.5
"""Values so many times beyond an end of a range are cut off, not clipped for gain."""


@dataclass(frozen=True)
class Doubt:
    """Something in the file that rounding does not explain.

    Attributes:
        node: The node of the float model, or the tensor.
        kind: What is doubted.
        text: What was expected and what was found, as a sentence.
    """

    node: str
    kind: Kind
    text: str


def doubts(match: Match, calibration: Calibration | None = None) -> tuple[Doubt, ...]:
    """What in the file cannot be right, in the order of the graph.

    Args:
        match: The file beside the float model.
        calibration: What the float model's tensors hold; ranges are judged by it.
    """
    found: list[Doubt] = []
    for info in match.model.inputs:
        found += _of_range(match, info.name, calibration)
    for node in match.model.nodes:
        found += _of_weight(match, node)
        ranges = [d for tensor in node.outputs for d in _of_range(match, tensor, calibration)]
        # A range that is wrong would not clamp either.
        found += ranges or _of_clamp(match, node)
    return tuple(found)


def scaled_weights(match: Match) -> tuple[str, ...]:
    """Nodes whose weight has another factor for each channel: a tool folded or equalized it."""
    return tuple(
        node.name
        for node in match.model.nodes
        if (codes := match.weight(node)) is not None
        and node.weight is not None
        and not any(_is_rounding(real, codes) for real in match.floats(node, node.weight.index))
        and any(_is_scaled(node, r, codes.real) for r in match.floats(node, node.weight.index))
    )


def _of_weight(match: Match, node: Node) -> Iterator[Doubt]:
    codes = match.weight(node)
    if codes is None or node.weight is None or codes.values is None:
        return
    axis = node.weight.channel_axis
    if codes.axis is not None and axis is not None and codes.axis != axis % codes.values.ndim:
        text = f"its weight has a scale along axis {codes.axis}, its channels are along {axis}"
        yield Doubt(node.name, "channel axis", f"{node.name}: {text}.")
        return
    floats = match.floats(node, node.weight.index)
    rounded = any(_is_rounding(real, codes) for real in floats)
    folded = match.joined(node) or (
        not rounded and any(_is_scaled(node, real, codes.real) for real in floats)
    )
    if not rounded and not folded and floats:
        text = _difference(floats[-1], codes.real)
        yield Doubt(node.name, "weight", f"{node.name}: its weight in the file {text}.")
    bias = match.bias(node)
    if bias is None or node.bias is None:
        return
    yield from _of_bias_scale(match, node, bias)
    floats = match.floats(node, node.bias)
    if floats and not folded and not any(_is_corrected(real, bias) for real in floats):
        text = _difference(floats[-1], bias.real)
        yield Doubt(node.name, "bias", f"{node.name}: its bias in the file {text}.")


def _of_bias_scale(match: Match, node: Node, bias: Codes) -> Iterator[Doubt]:
    wanted = match.scale_of_bias(node)
    if wanted is None or bias.dtype != np.dtype(np.int32):
        return
    ratio = bias.scale.reshape(-1).astype(np.float64) / np.maximum(wanted, 1e-300)
    worst = float(ratio[np.argmax(np.abs(np.log(np.maximum(ratio, 1e-300))))])
    if not 0.99 < worst < 1.01:
        yield Doubt(
            node.name,
            "bias scale",
            f"{node.name}: the scale of its bias is {worst:.3g} times the product of those of "
            "its data and its weight, and integer kernels add it as it is.",
        )


def _is_rounding(real: NDArray[np.float64], codes: Codes) -> bool:
    """Whether a constant is the float one rounded to its codes, some of them clipped."""
    found = codes.real
    if found.shape != real.shape:
        return False
    noise = float(np.mean(codes.scale.astype(np.float64) ** 2)) / 12
    return float(np.mean((found - real) ** 2)) <= NOISE * noise or _is_near(real, found)


def _is_corrected(real: NDArray[np.float64], bias: Codes) -> bool:
    """Whether a bias is the float one, rounded, or with what some tools take back added to it."""
    if _is_rounding(real, bias):
        return True
    found = bias.real
    if real.shape != found.shape:
        return False
    sizes = float((real**2).sum()), float((found**2).sum())
    alike = float((real * found).sum()) / ((sizes[0] * sizes[1]) ** 0.5 or 1.0)
    return alike > 0.7 and 0.25 < sizes[1] / (sizes[0] or 1.0) < 4


def _is_near(real: NDArray[np.float64], found: NDArray[np.float64]) -> bool:
    """Whether two constants are the same to a tenth: a correction or a better rounding."""
    if real.shape != found.shape:
        return False
    return bool(np.mean((found - real) ** 2) <= 0.01 * np.mean(real**2))


def _is_scaled(node: Node, real: NDArray[np.float64], found: NDArray[np.float64]) -> bool:
    """Whether each channel has a factor of its own."""
    if real.shape != found.shape or node.weight is None or node.weight.channel_axis is None:
        return False
    axis = node.weight.channel_axis
    a, b = (np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1) for x in (real, found))
    size = np.sqrt((a * a).sum(1) * (b * b).sum(1))
    live = size > 1e-12 * size.max(initial=0)
    if not live.any():
        return False
    alike = (a * b).sum(1)[live] / size[live]
    factors = np.sqrt((b * b).sum(1)[live] / (a * a).sum(1)[live])
    # One factor for all is a wrong scale.
    return float(np.median(alike)) > ALIKE and float(factors.max()) > 1.05 * float(factors.min())


def _difference(real: NDArray[np.float64], found: NDArray[np.float64]) -> str:
    """How a constant of the file differs, in words."""
    if real.shape != found.shape:
        sizes = ("×".join(map(str, x.shape)) for x in (found, real))
        return "has shape {}, not {}".format(*sizes)
    if real.ndim == 2 and real.shape[0] == real.shape[1] and _is_near(real, found.T):
        return "is transposed"
    dot = float((real * found).sum())
    alike = dot / float(np.sqrt((real**2).sum() * (found**2).sum()) or 1.0)
    factor = float(np.sqrt((found**2).sum() / ((real**2).sum() or 1.0)))
    if alike > 0.9:
        hint = ": a threshold was taken for a scale" if 100 < factor < 160 else ""
        return f"is {factor:.3g} times as large{hint}"
    return "holds other numbers than the float model's"


def _of_clamp(match: Match, node: Node) -> Iterator[Doubt]:
    """A Relu or Clip that the file dropped although the codes behind it do not clamp."""
    if node.op_type not in CLAMPS or match.nodes[node.name] is not None or node.clamp is None:
        return
    codes = match.activations.get(node.outputs[0])
    if codes is None or not match.gives(node):
        return
    low, high = codes.range
    step = float(codes.scale.max())
    if low < node.clamp[0] - step or high > node.clamp[1] + step:
        yield Doubt(
            node.name,
            "activation",
            f"{node.name}: the file dropped this {node.op_type}, and its codes go from {low:.4g} "
            f"to {high:.4g}, beyond {node.clamp[0]:g} to {node.clamp[1]:g}.",
        )


def _of_range(match: Match, tensor: str, calibration: Calibration | None) -> Iterator[Doubt]:
    codes = match.activations.get(tensor)
    stats = calibration.tensors.get(tensor) if calibration else None
    if codes is None or stats is None or codes.axis is not None:
        return
    low, high = codes.range
    least, greatest = min(stats.min, 0.0), max(stats.max, 0.0)
    width, seen = high - low, greatest - least
    if not (np.isfinite(seen) and seen > 0 and width > 0):
        return
    if width > WIDE * seen:
        hint = ": its scale looks like a threshold" if width > 100 * seen else ""
        yield Doubt(
            tensor,
            "range",
            f"{tensor}: its codes reach {width / seen:.3g} times as far as its values{hint}.",
        )
        return
    cut = max(greatest - BEYOND * high, BEYOND * low - least) > 0
    unused = max(least - low, high - greatest) > 0.3 * width
    if cut and unused:
        yield Doubt(
            tensor,
            "zero point",
            f"{tensor}: its codes stand for {low:.4g} to {high:.4g}, its "
            f"values go from {least:.4g} to {greatest:.4g}.",
        )
    elif width * WIDE < seen:
        text = f"its codes reach a {seen / width:.3g}th as far as its values"
        yield Doubt(tensor, "range", f"{tensor}: {text}.")
