"""Calibration on too little data: the observed ranges still grow."""

from collections.abc import Iterable

import numpy as np

from analysis.findings.base import Measurements, register
from analysis.findings.finding import Finding, severity_of
from analysis.findings.words import short
from quant.statistics.tensor_stats import TensorStats

GROWTH = 0.10
"""Growth of the middle tensor's range over the last doubling of the samples. Ranges of a few
hundred samples grow by a few percent a doubling; unseen data then lies a few percent outside."""
LEAST_SAMPLES = 4
"""Below, no growth can be told from chance."""
ENOUGH = 64
"""From here on one late extreme value is an outlier, not a lack of samples."""


@register("few_samples")
def few_samples(measurements: Measurements) -> Iterable[Finding]:
    """Ranges have not flattened."""
    samples = measurements.calibration.samples
    growth = {
        name: last_growth(measurements.stats(name))
        for name in measurements.groups
        if measurements.stats(name).samples > 0
    }
    if not growth or samples >= ENOUGH:
        return []
    middle = float(np.median(list(growth.values())))
    if middle < GROWTH and samples >= LEAST_SAMPLES:
        return []
    worst = max(growth, key=growth.__getitem__)
    # Not a gain of a change of recipe: how bad it is grows with each halving below what is enough.
    gain = 3.0 * float(np.log2(ENOUGH / samples)) * (1.0 if middle >= GROWTH else 0.7)
    if samples == 1:
        text = "One sample cannot show how much samples differ."
    else:
        text = (
            f"From {max(samples // 2, 1)} to {samples} samples the middle range grew by "
            f"{100 * middle:.0f} %, that of {short(worst)} by {100 * growth[worst]:.0f} %."
        )
    return [
        Finding(
            kind="few_samples",
            severity=severity_of(max(gain, 3.0)),
            title="Too little calibration data",
            node=measurements.node_of(worst),
            tensor=worst,
            evidence=f"{text} Calibrate on more samples, until ranges no longer grow.",
            numbers={"samples": samples, "median_growth": middle, "largest_growth": growth[worst]},
            gain_db=gain,
        )
    ]


def last_growth(stats: TensorStats) -> float:
    """Growth of the observed range over about the last doubling of the samples, as a share."""
    rows = stats.range_growth.astype(np.float64)
    if len(rows) < 2:
        return 0.0
    counts = stats.growth_samples
    # Where the samples are no power of two, the last row but one may be only just behind.
    before = rows[-2] if counts[-1] >= 1.5 * counts[-2] or len(rows) < 3 else rows[-3]
    widths = [max(high, 0.0) - min(low, 0.0) for low, high in (before, rows[-1])]
    return float(widths[1] / widths[0] - 1) if widths[0] > 0 else 0.0
