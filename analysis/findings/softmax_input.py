"""Attention scores under a mask: one scale for scores of a few units and a mask of thousands."""

import math
from collections.abc import Iterable

from analysis.findings.base import Measurements, register
from analysis.findings.finding import Finding, Fix, severity_of
from analysis.findings.words import real, short
from analysis.noise.budget import tensor
from quant.calibrators import Calibrator, chosen_range
from quant.calibrators.mse import Mse
from quant.model.model import Node
from quant.model.op_roles import Kind
from quant.numerics import params_from_range

STEP = 0.5
"""A step in front of a Softmax: an error of half of it changes each probability by a quarter."""

MOST_DB = 20.0
"""What is claimed of coarse steps at most."""


@register("softmax_input")
def softmax_input(measurements: Measurements) -> Iterable[Finding]:
    """Steps in front of a Softmax are so coarse that scores become equal."""
    model, plan = measurements.quantized.float_model, measurements.quantized.plan
    coarse: dict[str, str] = {}
    for name, item in plan.nodes.items():
        source = item.node.inputs[0] if item.node.op_type == "Softmax" else ""
        if source in plan.tensors and float(measurements.quantized.params[source].scale) >= STEP:
            coarse[name] = source
    if not coarse:
        return []
    skipped: list[str] = []
    for name, source in coarse.items():
        producer = model.producers.get(source)
        skipped += [producer.name] if producer is not None and _joins(producer) else []
        skipped.append(name)
    fix = _fix(measurements, tuple(coarse.values()), tuple(skipped))
    items = [tensor(source) for source in coarse.values()]
    gain = measurements.noise.gain_db(dict.fromkeys(items, 0.0))
    worst = max(coarse, key=lambda name: measurements.noise.shares.get(tensor(coarse[name]), 0.0))
    scale = float(measurements.quantized.params[coarse[worst]].scale)
    # Beyond a step of one, scores are lost, whatever their share in an estimate for small noise.
    gain = max(gain, min(10 * math.log10(scale / STEP), MOST_DB))
    low, high = measurements.quantized.ranges[coarse[worst]]
    others = "" if len(coarse) == 1 else f" The same holds for {len(coarse) - 1} more."
    return [
        Finding(
            kind="softmax_input",
            severity=severity_of(gain),
            title=f"The scores in front of {short(worst)} are rounded away",
            node=measurements.node_of(coarse[worst]),
            tensor=coarse[worst],
            evidence=(
                f"Its range is {real(low)} to {real(high)}, so scores are rounded to multiples of "
                f"{scale:.2g}; a Softmax tells apart differences of a tenth. A mask that is added "
                f"to the scores does that.{others}"
            ),
            numbers={"step": scale, "tensors": len(coarse)},
            gain_db=gain,
            fix=fix,
        )
    ]


def _fix(measurements: Measurements, sources: tuple[str, ...], skipped: tuple[str, ...]) -> Fix:
    """Clip what the Softmax gives nothing to, where that leaves fine steps; else use float."""
    calibrator = Mse(importance_weighted=True)
    groups = [measurements.planned(source).group for source in sources]
    fine = all(_step(measurements, group, calibrator) < STEP for group in groups)
    if fine:
        recipe = measurements.with_tensors(groups, calibrator=calibrator)
        return Fix("Clip the mask, which the Softmax gives nothing to", recipe)
    return Fix("Compute mask and Softmax in float", measurements.skipping(*skipped), costs=True)


def _step(measurements: Measurements, group: str, calibrator: Calibrator) -> float:
    """The scale in real units that a calibrator gives."""
    spec = measurements.planned(group).spec
    ends = chosen_range(calibrator, measurements.stats(group), spec, measurements.context(group))
    return float(params_from_range(*ends, spec).scale)


def _joins(node: Node) -> bool:
    return node.kind is Kind.ELEMENTWISE and len(node.inputs) > 1
