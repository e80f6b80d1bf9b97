"""An Add or a Concat whose inputs differ much in range."""

from collections.abc import Iterable

from analysis.findings.base import Measurements, register
from analysis.findings.finding import Finding, Fix, severity_of
from analysis.findings.words import short, times
from analysis.noise.budget import NoiseSource, tensor
from quant.model.model import Node
from quant.params.ranges import calibrated_range
from quant.recipe.recipe import Rule
from quant.types import QType, QuantSpec

RATIO = 8.0
"""The widest input over the narrowest: the narrowest keeps five of eight bits in what they share.
MindSpore Lite's advice is to leave such nodes in float; it names no number."""


@register("mismatched_inputs")
def mismatched_inputs(measurements: Measurements) -> Iterable[Finding]:
    """What an Add or Concat joins shares one scale, and fits it badly."""
    model, plan = measurements.quantized.float_model, measurements.quantized.plan
    for name, item in plan.nodes.items():
        if not item.quantized or item.node.op_type not in {"Add", "Concat"}:
            continue
        widths = input_widths(measurements, item.node)
        output = model.float_outputs(item.node)[0]
        if len(widths) < 2 or output not in plan.tensors or min(widths.values()) <= 0:
            continue
        ratio = max(widths.values()) / min(widths.values())
        if ratio < RATIO:
            continue
        narrow = min(widths, key=widths.__getitem__)
        if item.settings.align != "none":
            recipe = measurements.recipe.with_rule(Rule("node", name, {"align": "none"}))
            fix = Fix("Let each input have its own scale", recipe)
            changes = _own(measurements, widths)
        else:
            group = plan.tensors[output].group
            spec = measurements.planned(group).spec
            wide = QuantSpec(QType.INT16 if spec.qtype.signed else QType.UINT16, spec.symmetric)
            if spec.qtype.bits > 8 or group not in measurements.groups:
                continue
            changes = measurements.after(group, measurements.quantized.ranges[group], wide)
            recipe = measurements.with_tensors([group], activation_type=wide.qtype)
            fix = Fix("Give the joined tensor 16 bits", recipe, costs=True)
        gain = measurements.noise.gain_db(changes)
        codes = widths[narrow] / float(measurements.quantized.params[output].scale)
        yield Finding(
            kind="mismatched_inputs",
            severity=severity_of(gain),
            title=f"{item.node.op_type} {short(name)} joins inputs of very different range",
            node=name,
            tensor=output,
            evidence=(
                f"Its widest input spans {times(ratio)} as much as {short(narrow)}, which fills "
                f"{codes:.0f} codes of the result."
            ),
            numbers={"range_ratio": ratio, "narrow_codes": codes},
            gain_db=gain,
            fix=fix,
        )


def input_widths(measurements: Measurements, node: Node) -> dict[str, float]:
    """How much each activation that a node reads spans, in real units, zero included."""
    names = dict.fromkeys(node.inputs[i] for i in node.data)
    known = [name for name in names if name in measurements.calibration.tensors]
    return {name: measurements.stats(name).high - measurements.stats(name).low for name in known}


def _own(measurements: Measurements, inputs: Iterable[str]) -> dict[NoiseSource, float]:
    """The noise of tensors with ranges of their own."""
    changes: dict[NoiseSource, float] = {}
    for name in inputs:
        planned = measurements.quantized.plan.tensors.get(name)
        if planned is not None and tensor(name) in measurements.noise.shares:
            ends = calibrated_range(measurements.stats(name), planned, measurements.context(name))
            changes[tensor(name)] = measurements.noise.of_range(name, ends, planned.spec)
    return changes
