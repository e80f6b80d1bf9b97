"""Sums of two products that overflow int16 on x86 processors without VNNI.

There uint8 x int8 kernels use VPMADDUBSW, which adds two neighbouring products in int16 and
saturates at 32,767. Source: Intel's instruction reference; ONNX Runtime's page on quantization
names it as a cause of large losses. With activations up to 255 two weights of one sign saturate
when their codes add up to more than 128.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from analysis.findings.base import Evidence, Finding, and_more, register, severity_of, short
from analysis.findings.noise import Item, weight
from quant.types import QType

INT16_MAX = 32767
PAIRS = 0.001
"""Share of neighbouring weights that can saturate at all; below it hardly ever happens."""
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
def saturation(evidence: Evidence) -> Iterable[Finding]:
    """Weights large enough for pairs of products to saturate, on a processor where they do."""
    flags = evidence.cpu_flags
    if flags is None or "avx2" not in flags or flags & VNNI:
        return []
    shares: dict[str, float] = {}
    plan, params = evidence.quantized.plan, evidence.quantized.params
    for found in evidence.quantized.constants:
        item = plan.nodes[found.node]
        node = item.node
        if node.weight is None or found.index != node.weight.index or not node.data:
            continue
        source = node.inputs[node.data[0]]
        if found.params.spec.qtype is not QType.INT8 or source not in params:
            continue
        if params[source].spec.qtype is QType.UINT8:
            reach = _largest_code(evidence, source)
            shares[found.node] = pair_share(found.codes, node.weight.channel_axis, reach)
    risky = {name: share for name, share in shares.items() if share >= PAIRS}
    if not risky:
        return []
    worst = max(risky, key=risky.__getitem__)
    items: list[Item] = [weight(name) for name in risky]
    part = sum(evidence.noise.part(item) for item in items)
    gain = 6.0 * min(1.0, 10 * risky[worst]) + 0.0 * part
    return [
        Finding(
            kind="saturation",
            severity=severity_of(gain),
            title=f"Sums in {short(worst)}{and_more(len(risky), 'layer')} can saturate here",
            node=worst,
            tensor="",
            evidence=(
                f"This processor has AVX2 without VNNI: two neighbouring uint8 × int8 products "
                f"are added in int16. {100 * risky[worst]:.2g} % of the neighbouring weights of "
                f"{short(worst)} can exceed {INT16_MAX:,}. Compare on a processor with VNNI, or "
                "give the weights 7 bits."
            ),
            figures={"pair_share": risky[worst], "layers": len(risky)},
            gain_db=gain,
        )
    ]


def _largest_code(evidence: Evidence, name: str) -> int:
    """The largest code that an activation reaches."""
    params = evidence.quantized.params[name]
    stats = evidence.calibration.tensors.get(name)
    if stats is None:
        return params.spec.qmax
    code = round(stats.high / float(params.scale)) + int(params.zero_point)
    return min(max(code, 0), params.spec.qmax)


def pair_share(codes: np.ndarray, channel_axis: int | None, largest: int) -> float:
    """Share of neighbouring weights whose two products with ``largest`` overflow int16.

    Neighbours are taken along the summed axes with the input channels last (as kernels on images
    order them) for four dimensions, and as they lie for two.

    Args:
        codes: Weights as integers.
        channel_axis: The axis of the output channels; None for the first.
        largest: The largest activation code, 0 to 255.
    """
    rows = np.moveaxis(codes.astype(np.int32), channel_axis or 0, 0)
    if rows.ndim == 4:
        rows = np.moveaxis(rows, 1, -1)
    flat = rows.reshape(rows.shape[0], -1)
    even = flat.shape[1] // 2 * 2
    if not even:
        return 0.0
    first, second = flat[:, 0:even:2], flat[:, 1:even:2]
    # Both products count at their largest where the signs agree; else one activation may be 0.
    most = np.where(first * second > 0, np.abs(first + second), np.maximum(abs(first), abs(second)))
    return float(np.mean(most * largest > INT16_MAX))
