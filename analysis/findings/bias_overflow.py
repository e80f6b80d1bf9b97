"""Biases that do not fit int32 at the scale of their node."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from analysis.findings.base import Measurements, register
from analysis.findings.finding import LEAST_DB, Finding, Fix, severity_of
from analysis.findings.words import short
from analysis.noise.budget import weight
from quant.params.constants import INT32_LIMIT, weight_params
from quant.recipe.recipe import Rule


@register("bias_overflow")
def bias_overflow(measurements: Measurements) -> Iterable[Finding]:
    """The weight's scale was raised so that a bias fits, or the bias stays float."""
    quantized, model = measurements.quantized, measurements.quantized.float_model
    for name, item in quantized.plan.nodes.items():
        node, spec = item.node, item.weight_spec
        if spec is None or node.weight is None or node.bias is None or not node.data:
            continue
        source = node.inputs[node.data[0]]
        if not item.settings.quantize_bias or source not in quantized.params:
            continue
        array = model.constant(node.weight.name)
        scale = weight_params(array, spec).scale.astype(np.float64)
        scale = scale * float(quantized.params[source].scale)
        bias = np.abs(model.constant(node.inputs[node.bias]).astype(np.float64))
        live = _live(array, spec.granularity, scale.shape)
        if scale.ndim and bias.shape[-1:] != scale.shape:
            continue
        codes = np.where(live, bias.reshape(-1, *scale.shape).max(axis=0) / scale, 0.0)
        over = int(np.count_nonzero(codes > INT32_LIMIT))
        if not over:
            continue
        item_ = weight(name)
        gain = measurements.noise.gain_db({item_: measurements.noise.of_weight_spec(name, spec)})
        raised = scale.ndim > 0
        what = (
            f"the weight scale of {over} channels was raised so that it fits, which coarsens them"
            if raised
            else "it stays float, which the target may not take"
        )
        if raised and gain < LEAST_DB:
            what += "; they hardly matter here"
        recipe = measurements.recipe.with_rule(Rule("node", name, {"quantize_bias": False}))
        yield Finding(
            kind="bias_overflow",
            severity=severity_of(gain),
            title=f"The bias of {short(name)} does not fit int32",
            node=name,
            tensor="",
            evidence=(
                f"Its largest value needs {float(codes.max()):.2g} steps of scale_x × scale_w, "
                f"and int32 has {INT32_LIMIT:.2g}: {what}."
            ),
            numbers={"bias_steps": float(codes.max()), "channels": over},
            gain_db=gain,
            fix=Fix("Keep this bias in float", recipe) if gain >= LEAST_DB else None,
        )


def _live(
    array: NDArray[np.float32], granularity: object, shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Channels with any weight: others have a scale that serves their bias."""
    if not shape:
        return np.asarray(bool(array.any()))
    axis = getattr(granularity, "axis", 0) % array.ndim
    return np.asarray(array.any(axis=tuple(i for i in range(array.ndim) if i != axis)))
