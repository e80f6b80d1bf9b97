"""Softmax, LayerNormalization and Gelu on quantized values."""

from collections.abc import Iterable

from analysis.findings.base import Measurements, register
from analysis.findings.finding import Finding, Fix, severity_of
from analysis.findings.softmax_input import STEP
from analysis.findings.words import short
from analysis.noise.budget import NoiseSource
from quant.recipe.recipe import Rule
from quant.types import QType, QuantSpec

FUNCTIONS = ("Softmax", "LayerNormalization", "Gelu")
"""What targets usually compute in float, or with 16 bits inside: their cost is small and their
results span orders of magnitude."""
PART = 0.1
"""Their share of all noise that is worth a line."""


@register("float_functions")
def float_functions(measurements: Measurements) -> Iterable[Finding]:
    """What such functions read has 8 bits and makes a good part of the noise."""
    plan = measurements.quantized.plan
    for op_type in FUNCTIONS:
        sources: dict[str, str] = {}
        for name, item in plan.nodes.items():
            source = item.node.inputs[0] if item.node.op_type == op_type else ""
            group = plan.tensors[source].group if item.quantized and source in plan.tensors else ""
            coarse = op_type == "Softmax" and group and _coarse(measurements, group)
            if group in measurements.groups and measurements.planned(group).spec.qtype.bits == 8:
                sources |= {} if coarse else {name: group}
        parts = {name: measurements.part(group) for name, group in sources.items()}
        part = sum(measurements.part(group) for group in dict.fromkeys(sources.values()))
        if part < PART:
            continue
        changes: dict[NoiseSource, float] = {}
        recipe = measurements.recipe.with_rule(Rule("op_type", op_type, {"skip": True}))
        for group in dict.fromkeys(sources.values()):
            spec = measurements.planned(group).spec
            wide = QuantSpec(QType.INT16 if spec.qtype.signed else QType.UINT16, spec.symmetric)
            changes |= measurements.after(group, measurements.quantized.ranges[group], wide)
            recipe = recipe.with_rule(Rule("tensor", group, {"activation_type": wide.qtype}))
        worst = max(parts, key=parts.__getitem__)
        gain = measurements.noise.gain_db(changes)
        count = f"1 {op_type}" if len(sources) == 1 else f"{len(sources)} {op_type} nodes"
        verb = "reads" if len(sources) == 1 else "read"
        yield Finding(
            kind="float_functions",
            severity=severity_of(gain),
            title=f"{op_type} computes on 8 bits, worst in {short(worst)}",
            node=worst,
            tensor=sources[worst],
            evidence=(
                f"What {count} {verb} makes {100 * part:.0f} % of the estimated noise, and "
                f"{100 * parts[worst]:.0f} % in {short(worst)}."
            ),
            numbers={"noise_part": part, "nodes": len(sources)},
            gain_db=gain,
            fix=Fix(f"Compute every {op_type} in float, from 16 bits", recipe, costs=True),
        )


def _coarse(measurements: Measurements, group: str) -> bool:
    """Whether scores in front of a Softmax have a finding of their own."""
    return float(measurements.quantized.params[group].scale) >= STEP
