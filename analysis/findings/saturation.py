"""Sums of two products that overflow int16 on x86 processors without VNNI.

There uint8 x int8 kernels use VPMADDUBSW, which adds two neighbouring products in int16 and
saturates at 32,767. Source: Intel's instruction reference; ONNX Runtime's page on quantization
names it as a cause of large losses. With activations up to 255 two weights of one sign saturate
when their codes add up to more than 128.
"""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.findings.base import Measurements, register
from analysis.findings.finding import LEAST_DB, Finding, severity_of
from analysis.findings.words import and_more, short
from quant.error_model.code_counts import code_counts
from quant.error_model.sqnr import gain_db
from quant.types import QType

Real = NDArray[np.float64]

INT16_MAX = 32767
VNNI = frozenset({"avx512_vnni", "avx_vnni"})


def cpu_flags(path: Path = Path("/proc/cpuinfo")) -> frozenset[str] | None:
    """What this processor can do, in the words of Linux; None where that is not known."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return None


@register("saturation")
def saturation(measurements: Measurements) -> Iterable[Finding]:
    """Weights large enough for pairs of products to saturate, on a processor where they do."""
    flags = measurements.cpu_flags
    if flags is None or "avx2" not in flags or flags & VNNI:
        return []
    lost: dict[str, float] = {}
    shares: dict[str, float] = {}
    plan, params = measurements.quantized.plan, measurements.quantized.params
    for found in measurements.quantized.constants:
        node = plan.nodes[found.node].node
        source = node.inputs[node.data[0]] if node.data else ""
        if node.weight is None or found.index != node.weight.index or source not in params:
            continue
        kinds = found.params.spec.qtype, params[source].spec.qtype
        if kinds != (QType.INT8, QType.UINT8) or source not in measurements.calibration.tensors:
            continue
        sums = pair_sums(found.codes, node.weight.channel_axis)
        excess = mean_excess(_code_shares(measurements, source))[sums].sum(axis=1)
        scale = found.params.scale.astype(np.float64) * float(params[source].scale)
        lost[found.node] = measurements.noise.of_error(found.node, excess * np.square(scale))
        shares[found.node] = float(np.mean(sums * 255 > INT16_MAX))
    total = measurements.noise.total
    gain = gain_db(total + math.fsum(lost.values()), total) if total > 0 else 0.0
    if gain < LEAST_DB:
        return []
    worst = max(lost, key=lost.__getitem__)
    count = sum(1 for share in lost.values() if share >= lost[worst] / 10)
    return [
        Finding(
            kind="saturation",
            severity=severity_of(gain),
            title=f"Sums in {short(worst)}{and_more(count, 'layer')} can saturate here",
            node=worst,
            tensor="",
            evidence=(
                "This processor has AVX2 without VNNI: two neighbouring uint8 × int8 products "
                f"are added in int16. {100 * shares[worst]:.2g} % of the neighbouring weights of "
                f"{short(worst)} can exceed {INT16_MAX:,}. Compare on a processor with VNNI, or "
                "give the weights 7 bits."
            ),
            numbers={"pair_share": shares[worst], "layers": count},
            gain_db=gain,
        )
    ]


def _code_shares(measurements: Measurements, name: str) -> Real:
    """How often an activation has each of its 256 codes, float64 of shape (256,)."""
    params, stats = measurements.quantized.params[name], measurements.stats(name)
    return code_counts(stats, params) / max(stats.count, 1)


def mean_excess(codes: Real) -> Real:
    """Mean squared excess over int16 of two products, for each sum of two weights of one sign.

    Neighbouring activations are taken to be equal, as they nearly are in an image.

    Args:
        codes: float64, shape (256,): how often each activation code occurs.

    Returns:
        float64 of shape (257,): by the magnitude of the sum of the two weights, in squared
        products of codes.
    """
    products = np.arange(257)[:, None] * np.arange(256)
    return np.square(np.maximum(products - INT16_MAX, 0).astype(np.float64)) @ codes


def pair_sums(codes: NDArray[np.generic], channel_axis: int | None) -> NDArray[np.int64]:
    """The magnitude of the sum of each two neighbouring weights of one sign; 0 of two signs.

    Neighbours lie along the summed axes, with the input channels last for images, as kernels order
    them.

    Args:
        codes: Weights as integers.
        channel_axis: The axis of the output channels; None for the first.

    Returns:
        int64 of shape (output channels, pairs).
    """
    rows = np.moveaxis(codes.astype(np.int64), channel_axis or 0, 0)
    if rows.ndim == 4:
        rows = np.moveaxis(rows, 1, -1)
    flat = rows.reshape(rows.shape[0], -1)
    even = flat.shape[1] // 2 * 2
    first, second = flat[:, 0:even:2], flat[:, 1:even:2]
    return np.where(first * second > 0, np.abs(first + second), 0)
