"""Activations whose channels differ in range, under the one scale that an activation has."""

import math
from collections.abc import Iterable

import numpy as np

from analysis.findings.base import Evidence, Finding, Fix, register, severity_of, short, times
from analysis.findings.channels import channel_widths
from analysis.findings.noise import tensor
from quant.types import QType, QuantSpec

RATIO = 8.0
"""A channel this much wider than the middle one is an outlier: three of eight bits are lost."""
FEW = 0.05
"""Outliers are at most this share of the channels (or one); else the channels simply differ."""
FEW_CODES = 16
"""Half of the channels reach at most so many codes: four bits are left of eight."""


@register("activation_channels")
def activation_channels(evidence: Evidence) -> Iterable[Finding]:
    """A few channels are far wider than the others."""
    return _found(evidence, few=True)


@register("channel_ranges")
def channel_ranges(evidence: Evidence) -> Iterable[Finding]:
    """Channels differ so much that half of them use few codes."""
    return _found(evidence, few=False)


def _found(evidence: Evidence, *, few: bool) -> Iterable[Finding]:
    for group in evidence.groups:
        spec = evidence.planned(group).spec
        if spec.qtype.bits > 8 or tensor(group) not in evidence.noise.shares:
            continue
        widths = channel_widths(evidence.stats(group))
        live = widths[widths > 0]
        if live.size < 4:
            continue
        middle, widest = float(np.median(live)), float(live.max())
        outliers = int(np.count_nonzero(live >= RATIO * middle))
        codes = middle / float(evidence.quantized.params[group].scale)
        sparse = 0 < outliers <= max(1, FEW * live.size)
        if few != sparse or (not few and codes > FEW_CODES):
            continue
        yield _finding(evidence, group, few, (outliers, widest / middle, codes))


def _finding(
    evidence: Evidence, group: str, few: bool, figures: tuple[int, float, float]
) -> Finding:
    outliers, ratio, codes = figures
    spec = evidence.planned(group).spec
    wide = QuantSpec(QType.INT16 if spec.qtype.signed else QType.UINT16, spec.symmetric)
    gain = evidence.noise.gain_db(evidence.after(group, evidence.quantized.ranges[group], wide))
    reached = f"the middle channel reaches {math.floor(codes)} of {spec.qtype.levels} codes"
    if few:
        channels = "1 channel is" if outliers == 1 else f"{outliers} channels are"
        title = f"Outlier channels in {short(group)}"
        text = f"{channels} up to {times(ratio)} as wide as the middle one, so {reached}."
    else:
        title = f"Channels of {short(group)} differ much in range"
        text = f"The widest is {times(ratio)} as wide as the middle one, and {reached}."
    return Finding(
        kind="activation_channels" if few else "channel_ranges",
        severity=severity_of(gain),
        title=title,
        node=evidence.node_of(group),
        tensor=group,
        evidence=(
            f"{text} An activation has one scale for all channels: give it 16 bits, skip the "
            "nodes around it, or move the scale into the weights before and after it."
        ),
        figures={"width_ratio": ratio, "outlier_channels": outliers, "middle_codes": codes},
        gain_db=gain,
        fix=Fix(
            "Give this tensor 16 bits",
            evidence.with_tensors([group], activation_type=wide.qtype),
        ),
    )
