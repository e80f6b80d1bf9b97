"""Codes that a symmetric range leaves unused."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from analysis.findings.base import (
    Finding,
    Fix,
    Measurements,
    and_more,
    register,
    severity_of,
    short,
)
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
def forced_symmetric(evidence: Measurements) -> Iterable[Finding]:
    """A tensor that leans to one side is forced into a symmetric range."""
    unused = {g: u for g, u in _unused(evidence) if u >= UNUSED and not _one_sided(evidence, g)}
    kind = _Kind(
        "forced_symmetric",
        "leans to one side, but its range is symmetric",
        "Let activations have a zero point",
        {"activation_symmetric": False},
        lambda qtype: QuantSpec(qtype, symmetric=False),
    )
    return _finding(evidence, unused, kind)


@register("one_sided")
def one_sided(evidence: Measurements) -> Iterable[Finding]:
    """A tensor without negative values has a signed symmetric type, half of whose codes it uses."""
    unused = {g: u for g, u in _unused(evidence) if _one_sided(evidence, g)}
    kind = _Kind(
        "one_sided",
        "has no negative value, but half of its codes are negative",
        "Use unsigned activations",
        {"activation_type": QType.UINT8},
        lambda qtype: QuantSpec(_unsigned(qtype), symmetric=True),
    )
    return _finding(evidence, unused, kind)


def _unsigned(qtype: QType) -> QType:
    return {QType.INT8: QType.UINT8, QType.INT16: QType.UINT16}.get(qtype, qtype)


def _unused(evidence: Measurements) -> Iterable[tuple[str, float]]:
    """The share of codes that the range of each symmetric group leaves unused."""
    for group in evidence.groups:
        spec = evidence.planned(group).spec
        if not spec.symmetric or not spec.qtype.signed:
            continue
        low, high = evidence.quantized.ranges[group]
        widest = max(-low, high)
        if widest > 0 and tensor(group) in evidence.noise.shares:
            yield group, 1 - (high - low) / (2 * widest)


def _one_sided(evidence: Measurements, group: str) -> bool:
    return evidence.quantized.ranges[group][0] == 0


def _finding(evidence: Measurements, unused: dict[str, float], kind: _Kind) -> list[Finding]:
    """One finding for all the tensors, which one change helps."""
    if not unused:
        return []
    changes: dict[NoiseSource, float] = {}
    for group in unused:
        own = kind.spec(evidence.planned(group).settings.activation_type)
        changes |= evidence.after(group, evidence.quantized.ranges[group], own)
    # The estimate leaves out what the codes are worth where weights make most of the noise.
    codes = sum(-20 * math.log10(1 - share) for share in unused.values()) / len(evidence.groups)
    gain = max(evidence.noise.gain_db(changes), codes)
    noise = evidence.noise.shares
    worst = max(unused, key=lambda group: noise[tensor(group)])
    names = {"activation_symmetric", "activation_type"}
    general = not any(names & set(evidence.planned(group).sources) for group in unused)
    recipe = (
        evidence.with_default(**kind.settings)
        if general
        else evidence.with_tensors(unused, **kind.settings)
    )
    return [
        Finding(
            kind=kind.kind,
            severity=severity_of(gain),
            title=f"{short(worst)}{and_more(len(unused))}: the tensor {kind.what}",
            node=evidence.node_of(worst),
            tensor=worst,
            evidence=(
                f"{100 * unused[worst]:.0f} % of the codes of {short(worst)} are never used, and "
                f"{len(unused)} of {len(evidence.groups)} activations are like that. Only where "
                "the target allows it."
            ),
            numbers={"unused_share": unused[worst], "tensors": len(unused)},
            gain_db=gain,
            fix=Fix(kind.label, recipe),
        )
    ]
