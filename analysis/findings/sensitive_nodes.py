"""Nodes, above all the first and the last, that carry most of the error."""

import math
from collections.abc import Iterable, Mapping

from analysis.errors.tensor_error import ErrorStats
from analysis.findings.base import Measurements, register
from analysis.findings.finding import Finding, Fix, severity_of
from analysis.findings.words import short
from quant.error_model.sqnr import decibels, gain_db
from quant.model.op_roles import Kind
from quant.pipeline import QuantizedModel

DROP_DB = 6.0
"""Fall of the cumulative sqnr_db across one node: noise grows fourfold there."""
PART = 0.5
"""Share of the summed sensitivities that one unit has: half of all noise."""
WARNING_DB = 6.0
"""What skipping it must win to be more than info. A healthy small network has two thirds of its
noise in the first layer (4.7 dB); here it is three quarters."""
MOST = 3


@register("sensitive_nodes")
def sensitive_nodes(measurements: Measurements) -> Iterable[Finding]:
    """One unit alone does most of the damage, or the error jumps there."""
    if measurements.sensitivity:
        return _by_sensitivity(measurements)
    if measurements.comparison is not None:
        return _by_drop(measurements, measurements.comparison.tensors)
    return []


def _by_sensitivity(measurements: Measurements) -> Iterable[Finding]:
    effects = measurements.sensitivity or {}
    noise = {name: 10 ** (-min(e.sqnr_db, 200.0) / 10) for name, e in effects.items()}
    total = math.fsum(noise.values())
    for name in sorted(noise, key=lambda unit: -noise[unit])[:MOST]:
        part = noise[name] / total if total > 0 else 0.0
        if part < PART:
            continue
        gain = gain_db(1.0, max(1 - part, 1e-3))
        better = (measurements.benefit or {}).get(name)
        if better is not None and math.isfinite(measurements.sqnr_db):
            gain = max(better.sqnr_db - measurements.sqnr_db, 0.0)
        yield Finding(
            kind="sensitive_nodes",
            severity=severity_of(gain) if gain >= WARNING_DB else "info",
            title=(
                f"{_place(measurements, effects[name].nodes)}{short(name)} carries most of the "
                "error"
            ),
            node=name,
            tensor="",
            evidence=(
                f"Quantized alone it leaves {decibels(effects[name].sqnr_db)} at the outputs, "
                f"which is {100 * part:.0f} % of the noise of all units quantized alone."
            ),
            numbers={"sensitivity_db": effects[name].sqnr_db, "noise_part": part},
            gain_db=gain,
            fix=Fix("Compute it in float", measurements.skipping(*effects[name].nodes), costs=True),
        )


def _by_drop(measurements: Measurements, measured: Mapping[str, ErrorStats]) -> Iterable[Finding]:
    drops = sqnr_drops(measurements.quantized, measured)
    for name in sorted(drops, key=lambda node: -drops[node])[:MOST]:
        if drops[name] < DROP_DB:
            continue
        # The error may be made up for later, so half of the fall counts.
        gain = min(drops[name] / 2, 9.9)
        yield Finding(
            kind="sensitive_nodes",
            severity="info",
            title=f"{_place(measurements, (name,))}{short(name)} loses much at once",
            node=name,
            tensor="",
            evidence=f"The cumulative sqnr falls by {drops[name]:.1f} dB across it.",
            numbers={"drop_db": drops[name]},
            gain_db=gain,
            fix=Fix("Compute it in float", measurements.skipping(name), costs=True),
        )


def _place(measurements: Measurements, nodes: tuple[str, ...]) -> str:
    computing = [
        name
        for name, item in measurements.quantized.plan.nodes.items()
        if item.node.weight is not None and item.node.kind is Kind.COMPUTE
    ]
    if computing and computing[0] in nodes:
        return "The first layer "
    return "The last layer " if computing and computing[-1] in nodes else ""


def sqnr_drops(quantized: QuantizedModel, measured: Mapping[str, ErrorStats]) -> dict[str, float]:
    """How far the cumulative sqnr_db falls across each quantized node with a weight or a sum.

    A node and the activation fused behind it count as one, under the node's name.

    Args:
        quantized: The int8 model that was measured.
        measured: Cumulative errors by float tensor.

    Returns:
        Node -> least cumulative sqnr_db of its inputs less that of its output, in dB.
    """
    model, nodes = quantized.float_model, quantized.plan.nodes
    fused = {item.fused_into: name for name, item in nodes.items() if item.fused_into}
    drops: dict[str, float] = {}
    for name, item in nodes.items():
        if not item.quantized or item.node.kind not in {Kind.COMPUTE, Kind.ELEMENTWISE}:
            continue
        last = nodes[fused.get(name, name)].node
        outputs = [t for t in model.float_outputs(last) if t in measured]
        inputs = [item.node.inputs[i] for i in item.node.data]
        before = [measured[t].sqnr_db for t in inputs if t in measured]
        if outputs and before:
            after = min(measured[t].sqnr_db for t in outputs)
            drops[name] = _finite(min(before)) - _finite(after)
    return drops


def _finite(db: float) -> float:
    """Without error there is nothing left to gain: 100 dB stands for infinity."""
    return min(db, 100.0) if not math.isnan(db) else 0.0
