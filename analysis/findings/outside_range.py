"""Evaluation data that lies outside the calibrated ranges."""

from collections.abc import Iterable

from analysis.errors.out_of_range import OutOfRange
from analysis.findings.base import Measurements, register
from analysis.findings.finding import Finding, Fix, severity_of
from analysis.findings.words import and_more, short
from analysis.noise.budget import tensor
from quant.error_model.sqnr import gain_db
from quant.recipe.recipe import Rule

SHARE = 0.01
"""Share of a sample's values outside: what calibration clips on purpose is a tenth of that."""
MOST_NAMED = 5


@register("outside_range")
def outside_range(measurements: Measurements) -> Iterable[Finding]:
    """Some samples leave the ranges that calibration saw."""
    found: dict[str, OutOfRange] = {}
    for name, seen in (measurements.outside or {}).items():
        if name not in measurements.groups or not seen.shares.size:
            continue
        stats = measurements.stats(name)
        unseen = seen.min < stats.low or seen.max > stats.high
        if unseen and float(seen.shares.max()) >= SHARE:
            found[name] = seen
    if not found:
        return []
    noise = measurements.noise.shares
    # Clipping that calibration could not foresee, relative to the tensor's own signal.
    lost = {n: seen.excess / seen.power if seen.power else 0.0 for n, seen in found.items()}
    worst = max(lost, key=lost.__getitem__)
    seen = found[worst]
    before = noise.get(tensor(worst), 0.0)
    gain = 0.0
    if measurements.noise.total > 0:
        extra = max(lost[worst] - before, 0.0)
        gain = gain_db(measurements.noise.total + extra, measurements.noise.total)
    samples = sorted({i for s in found.values() for i in s.worst if s.shares[i] >= SHARE})
    named = ", ".join(str(i) for i in seen.worst[:MOST_NAMED])
    recipe = measurements.recipe
    for name, item in found.items():
        low, high = measurements.quantized.ranges[name]
        ends = min(low, item.min, 0.0), max(high, item.max, 0.0)
        recipe = recipe.with_rule(Rule("tensor", name, {"range": ends}))
    return [
        Finding(
            kind="outside_range",
            severity=severity_of(gain),
            title=f"Evaluation data leaves the range of {short(worst)}{and_more(len(found))}",
            node=measurements.node_of(worst),
            tensor=worst,
            evidence=(
                f"{len(samples)} of {seen.shares.size} samples have {100 * SHARE:.0f} % or more "
                f"of a tensor's values outside; worst for {short(worst)}: samples {named}. "
                "Calibrate on data like these."
            ),
            numbers={"worst_share": float(seen.shares.max()), "samples": len(samples)},
            gain_db=gain,
            fix=Fix("Widen the ranges to hold the evaluation data", recipe),
        )
    ]
