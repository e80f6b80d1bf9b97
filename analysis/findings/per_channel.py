"""Weights whose channels differ much in size, under one scale."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from analysis.findings.base import Measurements, register
from analysis.findings.finding import Finding, Fix, severity_of
from analysis.findings.words import short, times
from analysis.noise.budget import NoiseSource, weight
from quant.recipe.recipe import Recipe, Rule
from quant.types import PerTensor

RATIO = 8.0
"""The widest channel over the middle one: three of seven bits are lost to the middle channel."""


@register("per_channel")
def per_channel(measurements: Measurements) -> Iterable[Finding]:
    """One scale serves channels of very different size."""
    ratios: dict[str, float] = {}
    changes: dict[str, dict[NoiseSource, float]] = {}
    for name, item in measurements.quantized.plan.nodes.items():
        spec, stored = item.weight_spec, item.node.weight
        if spec is None or stored is None or stored.channel_axis is None:
            continue
        if (
            not isinstance(spec.granularity, PerTensor)
            or weight(name) not in measurements.noise.shares
        ):
            continue
        ratio = _ratio(measurements, stored.name, stored.channel_axis)
        if ratio >= RATIO:
            own = replace(item, settings=replace(item.settings, per_channel=True)).weight_spec
            assert own is not None
            ratios[name] = ratio
            changes[name] = {weight(name): measurements.noise.of_weight_spec(name, own)}
    ruled = {n for n in ratios if "per_channel" in measurements.quantized.plan.nodes[n].sources}
    general = [name for name in ratios if name not in ruled]
    found = [
        _finding(measurements, [n], ratios, changes, _with_rule(measurements, n)) for n in ruled
    ]
    if general:
        found.append(
            _finding(
                measurements, general, ratios, changes, measurements.with_default(per_channel=True)
            )
        )
    return found


def _ratio(measurements: Measurements, name: str, axis: int) -> float:
    array = np.abs(measurements.quantized.float_model.constant(name))
    widths = array.max(axis=tuple(i for i in range(array.ndim) if i != axis))
    widths = widths[widths > 0]
    return float(widths.max() / np.median(widths)) if widths.size else 1.0


def _with_rule(measurements: Measurements, node: str) -> Recipe:
    return measurements.recipe.with_rule(Rule("node", node, {"per_channel": True}))


def _finding(
    measurements: Measurements,
    nodes: list[str],
    ratios: dict[str, float],
    changes: dict[str, dict[NoiseSource, float]],
    recipe: Recipe,
) -> Finding:
    noise = measurements.noise
    worst = max(nodes, key=lambda name: noise.gain_db(changes[name]))
    together = {item: share for name in nodes for item, share in changes[name].items()}
    gain = noise.gain_db(together)
    layers = "1 layer has" if len(nodes) == 1 else f"{len(nodes)} layers have"
    return Finding(
        kind="per_channel",
        severity=severity_of(gain),
        title=f"One scale for weight channels of very different size, worst in {short(worst)}",
        node=worst,
        tensor="",
        evidence=(
            f"{layers} a channel more than {RATIO:.0f}× as wide as the middle one "
            f"({times(ratios[worst])} in the worst), so the others share few codes; their "
            f"weights make {100 * sum(noise.part(weight(n)) for n in nodes):.0f} % of the "
            "estimated noise."
        ),
        numbers={"width_ratio": ratios[worst], "layers": len(nodes)},
        gain_db=gain,
        fix=Fix("Give each weight channel its own scale", recipe),
    )
