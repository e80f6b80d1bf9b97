"""Codes that a symmetric range leaves unused."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from analysis.findings.base import Measurements, register
from analysis.findings.finding import Finding, Fix, severity_of
from analysis.findings.words import and_more, short
from analysis.noise.budget import NoiseSource, tensor
from quant.types import QType, QuantSpec

UNUSED = 0.2
"""Share of the codes outside the range of the values: a fifth is 1.9 dB, a half is 6 dB."""


@dataclass(frozen=True)
class _Kind:
    """What one of the two findings says and does."""

    kind: str
    what: str
    label: str
    settings: Mapping[str, object]
    spec: Callable[[QType], QuantSpec]


@register("forced_symmetric")
def forced_symmetric(measurements: Measurements) -> Iterable[Finding]:
    """A tensor that leans to one side is forced into a symmetric range."""
    unused = {
        g: u for g, u in _unused(measurements) if u >= UNUSED and not _one_sided(measurements, g)
    }
    kind = _Kind(
        "forced_symmetric",
        "leans to one side, but its range is symmetric",
        "Let activations have a zero point",
        {"activation_symmetric": False},
        lambda qtype: QuantSpec(qtype, symmetric=False),
    )
    return _finding(measurements, unused, kind)


@register("one_sided")
def one_sided(measurements: Measurements) -> Iterable[Finding]:
    """A tensor without negative values has a signed symmetric type, half of whose codes it uses."""
    unused = {g: u for g, u in _unused(measurements) if _one_sided(measurements, g)}
    kind = _Kind(
        "one_sided",
        "has no negative value, but half of its codes are negative",
        "Use unsigned activations",
        {"activation_type": QType.UINT8},
        lambda qtype: QuantSpec(_unsigned(qtype), symmetric=True),
    )
    return _finding(measurements, unused, kind)


def _unsigned(qtype: QType) -> QType:
    return {QType.INT8: QType.UINT8, QType.INT16: QType.UINT16}.get(qtype, qtype)


def _unused(measurements: Measurements) -> Iterable[tuple[str, float]]:
    """The share of codes that the range of each symmetric group leaves unused."""
    for group in measurements.groups:
        spec = measurements.planned(group).spec
        if not spec.symmetric or not spec.qtype.signed:
            continue
        low, high = measurements.quantized.ranges[group]
        widest = max(-low, high)
        if widest > 0 and tensor(group) in measurements.noise.shares:
            yield group, 1 - (high - low) / (2 * widest)


def _one_sided(measurements: Measurements, group: str) -> bool:
    return measurements.quantized.ranges[group][0] == 0


def _finding(measurements: Measurements, unused: dict[str, float], kind: _Kind) -> list[Finding]:
    """One finding for all the tensors, which one change helps."""
    if not unused:
        return []
    changes: dict[NoiseSource, float] = {}
    for group in unused:
        own = kind.spec(measurements.planned(group).settings.activation_type)
        changes |= measurements.after(group, measurements.quantized.ranges[group], own)
    # The estimate leaves out what the codes are worth where weights make most of the noise.
    codes = sum(-20 * math.log10(1 - share) for share in unused.values()) / len(measurements.groups)
    gain = max(measurements.noise.gain_db(changes), codes)
    noise = measurements.noise.shares
    worst = max(unused, key=lambda group: noise[tensor(group)])
    names = {"activation_symmetric", "activation_type"}
    general = not any(names & set(measurements.planned(group).sources) for group in unused)
    recipe = (
        measurements.with_default(**kind.settings)
        if general
        else measurements.with_tensors(unused, **kind.settings)
    )
    return [
        Finding(
            kind=kind.kind,
            severity=severity_of(gain),
            title=f"{short(worst)}{and_more(len(unused))}: the tensor {kind.what}",
            node=measurements.node_of(worst),
            tensor=worst,
            evidence=(
                f"{100 * unused[worst]:.0f} % of the codes of {short(worst)} are never used, and "
                f"{len(unused)} of {len(measurements.groups)} activations are like that. Only "
                "where the target allows it."
            ),
            numbers={"unused_share": unused[worst], "tensors": len(unused)},
            gain_db=gain,
            fix=Fix(kind.label, recipe),
        )
    ]
