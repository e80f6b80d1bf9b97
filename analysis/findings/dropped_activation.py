"""A Relu or Clip that was removed although the quantization behind it does not clamp the same."""

from collections.abc import Iterable

from analysis.findings.base import Measurements, register
from analysis.findings.finding import Finding, Fix, severity_of
from analysis.findings.words import short
from analysis.noise.budget import tensor
from quant.error_model.sqnr import gain_db
from quant.recipe.recipe import Rule

LOSS_DB = 1.0
"""A loss at the activation's own output that is worth a line."""


@register("dropped_activation")
def dropped_activation(measurements: Measurements) -> Iterable[Finding]:
    """What the activation cut off comes back."""
    noise = measurements.noise
    for name, verdict in measurements.quantized.activations.items():
        loss = verdict.loss_db
        if not verdict.dropped or verdict.lossless or loss is None or loss < LOSS_DB:
            continue
        node = measurements.quantized.plan.nodes[name].node
        output = node.outputs[0]
        kept = noise.shares.get(tensor(output), 0.0)
        extra = min(kept * (10 ** (min(loss, 200.0) / 10) - 1), 1.0)
        gain = gain_db(noise.total + extra, noise.total) if noise.total > 0 else 0.0
        yield Finding(
            kind="dropped_activation",
            severity=severity_of(gain),
            title=f"{node.op_type} {short(name)} is dropped, and something is lost",
            node=name,
            tensor=output,
            evidence=(
                f"The quantization of {short(output)} does not clamp the same as the "
                f"{node.op_type} did: its sqnr falls by {loss:.1f} dB."
            ),
            numbers={"loss_db": loss},
            gain_db=gain,
            fix=Fix(
                f"Keep the {node.op_type} where dropping it loses something",
                measurements.recipe.with_rule(Rule("node", name, {"drop_activation": "lossless"})),
            ),
        )
