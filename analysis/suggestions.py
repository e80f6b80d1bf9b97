"""What to change next: a few hints, each shown only when something measured asks for it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import fmean, median

from analysis.clipping import local_error
from analysis.error import ErrorStats
from analysis.weights import weight_channels
from quant.calibrate import Calibration
from quant.calibrators import Calibrator, calibrator_from_json, chosen_range
from quant.numerics import params_from_range
from quant.ops import Kind
from quant.plan import TensorPlan
from quant.quantize import QuantizedModel
from quant.recipe import Recipe, Rule
from quant.types import QuantSpec

CHANNEL_RATIO = 20.0
CHANNEL_GAIN_DB = 3.0
CALIBRATOR_GAIN_DB = 0.5
SYMMETRY_GAIN_DB = 3.0
DROP_DB = 3.0
MOST_SKIPS = 3
TRIED = ("mse", "percentile", "minmax")
"""Calibrators a suggestion compares: those that aim at the error it measures, and are quick."""


@dataclass(frozen=True)
class Suggestion:
    """One hint.

    Attributes:
        kind: What it is about: ``per_channel``, ``calibrator``, ``symmetry`` or ``skip``.
        title: What to change.
        evidence: What was measured.
        recipe: The recipe with the change.
    """

    kind: str
    title: str
    evidence: str
    recipe: Recipe


def suggest(
    quantized: QuantizedModel,
    calibration: Calibration,
    measured: Mapping[str, ErrorStats] | None = None,
) -> tuple[Suggestion, ...]:
    """Find what to change next, the most promising first.

    Args:
        quantized: The int8 model as it stands.
        calibration: The statistics it was made from.
        measured: The cumulative errors of its tensors, once they were measured.

    Returns:
        The suggestions; none where nothing that is measured asks for a change.
    """
    found = (
        per_channel_weights(quantized),
        better_calibrator(quantized, calibration),
        asymmetric_activations(quantized, calibration),
        skip_worst(quantized, measured) if measured else None,
    )
    return tuple(item for item in found if item is not None)


def per_channel_weights(quantized: QuantizedModel) -> Suggestion | None:
    """Suggest a scale for each channel where channels of a weight differ much."""
    recipe = quantized.recipe
    if recipe.defaults.per_channel:
        return None
    measured = [
        found
        for item in quantized.plan.nodes.values()
        if item.weight_spec is not None and "per_channel" not in item.sources
        if (found := weight_channels(quantized.float_model, item.node, item.settings.weight_type))
    ]
    wide = [w for w in measured if w.ratio > CHANNEL_RATIO and w.median_gain_db > CHANNEL_GAIN_DB]
    if not wide:
        return None
    gain = median(w.median_gain_db for w in wide)
    return Suggestion(
        "per_channel",
        "Give each weight channel its own scale",
        f"{len(wide)} of {len(measured)} layers have channels whose weights differ by more than "
        f"{CHANNEL_RATIO:.0f}×; with its own scale their middle channel gains {gain:.1f} dB of "
        "weight sqnr.",
        replace(recipe, defaults=replace(recipe.defaults, per_channel=True)),
    )


def better_calibrator(quantized: QuantizedModel, calibration: Calibration) -> Suggestion | None:
    """Suggest the calibrator with the least local error, where it gains enough."""
    recipe = quantized.recipe
    tensors = [
        t
        for t in quantized.plan.tensors.values()
        if t.group == t.name
        and t.settings.range is None
        and "calibrator" not in t.sources
        and t.name in calibration.tensors
    ]
    if not tensors:
        return None
    now = {t.name: _local_db(t, calibration, t.settings.calibrator) for t in tensors}
    best: tuple[float, Calibrator, int] | None = None
    for name in TRIED:
        candidate = calibrator_from_json({"name": name})
        if candidate == recipe.defaults.calibrator:
            continue
        gains = [_local_db(t, calibration, candidate) - now[t.name] for t in tensors]
        mean = fmean(gains)
        if best is None or mean > best[0]:
            best = (mean, candidate, sum(gain >= 1 for gain in gains))
    if best is None or best[0] < CALIBRATOR_GAIN_DB:
        return None
    mean, candidate, count = best
    return Suggestion(
        "calibrator",
        f"Choose ranges with {candidate.label}",
        f"Local sqnr of {len(tensors)} activations rises by {mean:.1f} dB on average against "
        f"{recipe.defaults.calibrator.label}, and by 1 dB or more on {count} of them.",
        replace(recipe, defaults=replace(recipe.defaults, calibrator=candidate)),
    )


def asymmetric_activations(
    quantized: QuantizedModel, calibration: Calibration
) -> Suggestion | None:
    """Suggest asymmetric activations where symmetric ones waste half of the codes."""
    recipe = quantized.recipe
    defaults = recipe.defaults
    if not defaults.activation_symmetric or not defaults.activation_type.signed:
        return None
    gains: list[float] = []
    for tensor in quantized.plan.tensors.values():
        stats = calibration.tensors.get(tensor.name)
        if stats is None or not tensor.spec.symmetric or (stats.low < 0 < stats.high):
            continue
        spec = QuantSpec(tensor.settings.activation_type, symmetric=False)
        low, high = quantized.ranges[tensor.name]
        free = params_from_range(max(low, stats.low), min(high, stats.high), spec)
        before = local_error(stats, quantized.params[tensor.name]).sqnr_db
        gains.append(_finite(local_error(stats, free).sqnr_db) - _finite(before))
    if not gains or fmean(gains) < SYMMETRY_GAIN_DB:
        return None
    return Suggestion(
        "symmetry",
        "Let activations have a zero point",
        f"{len(gains)} activations stay on one side of zero, so half of their codes are never "
        f"used; a zero point gains {fmean(gains):.1f} dB of local sqnr on average. Only where "
        "the target allows it.",
        replace(recipe, defaults=replace(defaults, activation_symmetric=False)),
    )


def skip_worst(quantized: QuantizedModel, measured: Mapping[str, ErrorStats]) -> Suggestion | None:
    """Suggest computing in float the nodes across which the cumulative error grows most."""
    drops = sorted(sqnr_drops(quantized, measured).items(), key=lambda item: -item[1])
    worst = [(name, drop) for name, drop in drops if drop >= DROP_DB][:MOST_SKIPS]
    if not worst:
        return None
    recipe = quantized.recipe
    for name, _ in worst:
        recipe = recipe.with_rule(Rule("node", name, {"skip": True}))
    listed = ", ".join(f"{name} ({drop:.1f} dB)" for name, drop in worst)
    return Suggestion(
        "skip",
        f"Compute {_count(len(worst), 'node')} in float",
        f"The cumulative sqnr falls most across {listed}.",
        recipe,
    )


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


def _local_db(tensor: TensorPlan, calibration: Calibration, calibrator: Calibrator) -> float:
    stats = calibration.tensors[tensor.name]
    params = params_from_range(*chosen_range(calibrator, stats, tensor.spec), tensor.spec)
    return _finite(local_error(stats, params).sqnr_db)


def _finite(db: float) -> float:
    """Without error there is nothing left to gain: 100 dB stands for infinity."""
    return min(db, 100.0) if not math.isnan(db) else 0.0


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
