"""Activations whose channels differ in range, under the one scale that an activation has."""

from collections.abc import Iterable, Mapping

import numpy as np

from analysis.findings.base import Measurements, register
from analysis.findings.finding import Finding, Fix, severity_of
from analysis.findings.mismatched_inputs import RATIO as MISMATCH
from analysis.findings.mismatched_inputs import input_widths
from analysis.findings.words import short, times
from analysis.noise.budget import tensor
from quant.error_model.channels import channel_widths
from quant.types import QType, QuantSpec

RATIO = 8.0
"""A channel this much wider than the middle one is an outlier: three of eight bits are lost."""
FEW = 0.05
"""Outliers are at most this share of the channels (or one); else the channels simply differ."""
FEW_CODES = 16
"""A channel that reaches at most so many codes has four bits left of eight."""


@register("activation_channels")
def activation_channels(measurements: Measurements) -> Iterable[Finding]:
    """A few channels are far wider than the others."""
    return _found(measurements, few=True)


@register("channel_ranges")
def channel_ranges(measurements: Measurements) -> Iterable[Finding]:
    """Channels differ so much that narrow ones, which count as much, use few codes."""
    return _found(measurements, few=False)


def _found(measurements: Measurements, *, few: bool) -> Iterable[Finding]:
    for group in measurements.groups:
        spec = measurements.planned(group).spec
        if spec.qtype.bits > 8 or tensor(group) not in measurements.noise.shares:
            continue
        draft = measurements.quantized.draft
        if draft.has_own_scales(group):
            continue
        widths = channel_widths(measurements.stats(group))
        live = widths[widths > 0]
        if live.size < 4 or _joined(measurements, group):
            continue
        middle, widest = float(np.median(live)), float(live.max())
        outliers = int(np.count_nonzero(live >= RATIO * middle))
        scale = float(measurements.quantized.params[group].scale)
        narrow = int(np.count_nonzero(live <= FEW_CODES * scale))
        sparse = 0 < outliers <= max(1, FEW * live.size)
        if few != sparse or (not few and not narrow):
            continue
        numbers = {
            "width_ratio": widest / (middle if few else float(live.min())),
            "outlier_channels": outliers,
            "middle_codes": middle / scale,
            "narrow_channels": narrow,
            "channels": live.size,
        }
        yield _finding(measurements, group, few, numbers)


def _joined(measurements: Measurements, group: str) -> bool:
    """Whether an Add or Concat of inputs of different range made it: that is its own finding."""
    for name in measurements.groups[group]:
        node = measurements.quantized.float_model.producers.get(name)
        if node is not None and node.op_type in {"Add", "Concat"}:
            widths = input_widths(measurements, node).values()
            if len(widths) > 1 and max(widths) >= MISMATCH * min(widths):
                return True
    return False


def _finding(
    measurements: Measurements, group: str, few: bool, numbers: Mapping[str, float]
) -> Finding:
    ratio, outliers = times(numbers["width_ratio"]), numbers["outlier_channels"]
    spec = measurements.planned(group).spec
    wide = QuantSpec(QType.INT16 if spec.qtype.signed else QType.UINT16, spec.symmetric)
    gain = measurements.noise.gain_db(
        measurements.after(group, measurements.quantized.ranges[group], wide)
    )
    if few:
        channels = "1 channel is" if outliers == 1 else f"{outliers} channels are"
        title = f"Outlier channels in {short(group)}"
        text = (
            f"{channels} up to {ratio} as wide as the middle one, which reaches "
            f"{numbers['middle_codes']:.0f} of {spec.qtype.levels} codes."
        )
    else:
        title = f"Channels of {short(group)} differ much in range"
        text = (
            f"The widest is {ratio} as wide as the narrowest, and {numbers['narrow_channels']:.0f} "
            f"of {numbers['channels']:.0f} channels reach {FEW_CODES} codes or fewer."
        )
    return Finding(
        kind="activation_channels" if few else "channel_ranges",
        severity=severity_of(gain),
        title=title,
        node=measurements.node_of(group),
        tensor=group,
        evidence=(
            f"{text} An activation has one scale for all channels: give it 16 bits, skip the "
            "nodes around it, or move the scale into the weights before and after it."
        ),
        numbers=numbers,
        gain_db=gain,
        fix=Fix(
            "Give this tensor 16 bits",
            measurements.with_tensors([group], activation_type=wide.qtype),
            costs=True,
        ),
    )
