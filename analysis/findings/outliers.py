"""A range that rare values or a single sample set, so that all others share few codes."""

import math
from collections.abc import Iterable

from analysis.findings.base import Measurements, register
from analysis.findings.finding import Finding, Fix, severity_of
from analysis.findings.words import and_more, real, short, times
from analysis.noise.budget import NoiseSource, tensor
from analysis.ranges.candidates import candidates_from_stats, range_disagreement_db
from quant.calibrators import chosen_range
from quant.calibrators.mse import Mse
from quant.numerics import params_from_range
from quant.recipe.recipe import Rule
from quant.statistics.tensor_stats import TensorStats

SAMPLE_RATIO = 4.0
"""The range over what samples reach on average. Samples of one kind stay within 2 to 3; 4 costs
two bits, 12 dB."""
JUMP = 2.0
"""The range over that of the samples before the farthest one: a single sample doubles it."""
MARGIN = 1.5
"""The largest of some hundred usual samples reaches about so much more than the average one."""
NARROWED_DB = 3.0
"""What a narrower range must win at the outputs, of this tensor's own noise: half of it."""
PART = 0.1
"""Share of the tensor in all noise from which a narrower range is looked for."""
NEAR_DB = 1.0
"""A calibrator that comes so near is preferred to a fixed range."""
SHRINKS = (0.7, 0.5, 0.25, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128)
"""Parts of the range that are tried."""
MOST = 3
"""Tensors that are named, and for which calibrators are asked, which takes a while."""


@register("outlier_sample")
def outlier_sample(measurements: Measurements) -> Iterable[Finding]:
    """One sample, or a few, reach far beyond what samples reach on average."""
    ratios: dict[str, float] = {}
    for group, members in measurements.groups.items():
        if measurements.fixed(group) or measurements.calibration.samples < 4:
            continue
        low, high = measurements.quantized.ranges[group]
        seen = [measurements.stats(name) for name in members]
        usual_high = max(max(s.mean_sample_max, 0.0) for s in seen)
        usual_low = min(min(s.mean_sample_min, 0.0) for s in seen)
        usual = usual_high - usual_low
        alone = any(_jump(stats) >= JUMP for stats in seen)
        if usual > 0 and alone and (high - low) / usual >= SAMPLE_RATIO:
            ratios[group] = (high - low) / usual
    if not ratios:
        return []
    first = next(iter(ratios))
    low, high = measurements.quantized.ranges[first]
    recipe = measurements.recipe
    for group in ratios:
        recipe = recipe.with_rule(Rule("tensor", group, {"range": _usual(measurements, group)}))
    new_low, new_high = _usual(measurements, first)
    # The outlier is most of the signal's power too, so codes are compared, not sqnr.
    gain = 20 * math.log10((high - low) / max(new_high - new_low, 1e-300))
    gain *= min(1.0, 2 * math.fsum(measurements.part(group) for group in ratios))
    sample = _sample(measurements, first)
    return [
        Finding(
            kind="outlier_sample",
            severity=severity_of(gain),
            title=f"A single sample sets the range of {short(first)}{and_more(len(ratios))}",
            node=measurements.node_of(first),
            tensor=first,
            evidence=(
                f"The range is {times(ratios[first])} as wide as what samples reach on average"
                f"{sample}. Without it {20 * math.log10(ratios[first]):.0f} dB of resolution "
                "come back; look at the sample, it may not belong to the data."
            ),
            numbers={"range_ratio": ratios[first], "tensors": len(ratios)},
            gain_db=gain,
            fix=Fix("Leave rare extremes out of the range", recipe),
        )
    ]


def _usual(measurements: Measurements, group: str) -> tuple[float, float]:
    """What samples reach without the farthest one, on average and with a margin, in real units."""
    found: list[tuple[float, float]] = []
    for name in measurements.groups[group]:
        stats = measurements.stats(name)
        rest = max(stats.samples - 1, 1)
        high = (stats.samples * stats.mean_sample_max - stats.max) / rest
        low = (stats.samples * stats.mean_sample_min - stats.min) / rest
        ends = max(stats.low, MARGIN * min(low, 0.0)), min(stats.high, MARGIN * max(high, 0.0))
        found.append(ends)
    return min(low for low, _ in found), max(high for _, high in found)


def _jump(stats: TensorStats) -> float:
    """The range over that of the first samples, up to before the one that reaches farthest.

    Infinite where too few samples come before it to tell.
    """
    farthest = stats.max_sample if stats.max >= -stats.min else stats.min_sample
    rows = [
        (low, high)
        for count, (low, high) in zip(
            stats.growth_samples, stats.range_growth.tolist(), strict=True
        )
        if 8 <= count <= farthest
    ]
    if not rows:
        return math.inf
    before = max(rows[-1][1], 0.0) - min(rows[-1][0], 0.0)
    return (stats.high - stats.low) / before if before > 0 else math.inf


def _sample(measurements: Measurements, group: str) -> str:
    stats = measurements.stats(group)
    index = stats.max_sample if stats.max >= -stats.min else stats.min_sample
    return f", because of sample {index}" if index >= 0 else ""


@register("outliers")
def outliers(measurements: Measurements) -> Iterable[Finding]:
    """Rare values of a tensor cost more resolution than clipping them would."""
    promising: list[tuple[float, str, float]] = []
    for group, members in measurements.groups.items():
        if tensor(group) not in measurements.noise.shares or measurements.fixed(group):
            continue
        if measurements.part(group) < PART or measurements.noise.local(group).rounding_share < 0.5:
            continue
        before = math.fsum(measurements.noise.shares.get(tensor(n), 0.0) for n in members)
        tried = {part: _narrowed(measurements, group, part) for part in SHRINKS}
        best = min(tried, key=lambda part: math.fsum(tried[part].values()))
        after = math.fsum(tried[best].values())
        if after <= before * 10 ** (-NARROWED_DB / 10):
            promising.append((before - after, group, best))
    return [
        _finding(measurements, group, part)
        for _, group, part in sorted(promising)[: -MOST - 1 : -1]
    ]


def _narrowed(measurements: Measurements, group: str, part: float) -> dict[NoiseSource, float]:
    low, high = measurements.quantized.ranges[group]
    return measurements.after(group, (low * part, high * part))


def _finding(measurements: Measurements, group: str, part: float) -> Finding:
    spec, stats = measurements.planned(group).spec, measurements.stats(group)
    context = measurements.context(group)
    calibrator = Mse(importance_weighted=True)
    chosen = chosen_range(calibrator, stats, spec, context)
    low, high = measurements.quantized.ranges[group]
    gains = {
        chosen: measurements.noise.gain_db(measurements.after(group, chosen)),
        (low * part, high * part): measurements.noise.gain_db(_narrowed(measurements, group, part)),
    }
    ends = max(gains, key=gains.__getitem__)
    if gains[chosen] >= gains[ends] - NEAR_DB:
        ends = chosen
        recipe = measurements.with_tensors([group], calibrator=calibrator)
        fix = Fix("Choose its range by least squared error", recipe)
    else:
        fix = Fix("Narrow its range", measurements.with_tensors([group], range=ends))
    ratio = (high - low) / max(ends[1] - ends[0], 1e-300)
    local = measurements.noise.local(group)
    step = float(params_from_range(*ends, spec).scale)
    spread = range_disagreement_db(candidates_from_stats(stats, spec, context))
    return Finding(
        kind="outliers",
        severity=severity_of(gains[ends]),
        title=f"Rare values set the range of {short(group)}",
        node=measurements.node_of(group),
        tensor=group,
        evidence=(
            f"{100 * local.rounding_share:.0f} % of its error is rounding. A range "
            f"{times(ratio)} narrower ({real(ends[0])} to {real(ends[1])}) has steps of "
            f"{step:.2g} instead of {float(measurements.quantized.params[group].scale):.2g} and "
            f"clips only rare values or such as matter little. The best of the tools' choices is "
            f"{spread:.0f} dB better than their median here."
        ),
        numbers={
            "range_ratio": ratio,
            "rounding_share": local.rounding_share,
            "disagreement_db": spread,
        },
        gain_db=gains[ends],
        fix=fix,
    )
