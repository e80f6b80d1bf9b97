"""A range that cuts off too many values."""

from collections.abc import Iterable

from analysis.findings.base import Measurements, register
from analysis.findings.finding import Finding, Fix, severity_of
from analysis.findings.words import and_more, real, short
from analysis.noise.budget import NoiseSource, tensor
from quant.calibrators import Calibrator, chosen_range
from quant.calibrators.minmax import MinMax
from quant.calibrators.mse import Mse

CLIP_RATE = 0.002
"""The usual percentiles clip 0.1 % (99.9) or less on purpose; twice that is more than they mean."""
CLIPPING_SHARE = 0.5
"""Clipping makes at least half of the tensor's error: a wider range is better."""
MOST = 6


@register("clipping")
def clipping(measurements: Measurements) -> Iterable[Finding]:
    """Clipping costs more than rounding."""
    noise = measurements.noise
    flagged = [
        group
        for group in measurements.groups
        if tensor(group) in noise.shares
        and noise.local(group).clip_rate >= CLIP_RATE
        and noise.local(group).clipping_share >= CLIPPING_SHARE
    ]
    flagged.sort(key=lambda group: -noise.shares[tensor(group)])
    choices: list[Calibrator] = [Mse(importance_weighted=True), MinMax()]
    alone: list[str] = []
    general: list[str] = []
    for group in flagged:
        chosen = measurements.fixed(group) or "calibrator" in measurements.planned(group).sources
        (alone if chosen else general).append(group)
    found = [_finding(measurements, [group], choices) for group in alone[:MOST]]
    if len(general) >= 3:
        found.append(_finding(measurements, general, choices[:1]))
    else:
        found += [_finding(measurements, [group], choices) for group in general]
    return found


def _finding(measurements: Measurements, groups: list[str], choices: list[Calibrator]) -> Finding:
    """The finding about groups that one change helps, the worst first."""
    worst = groups[0]
    changes = {choice: _changes(measurements, groups, choice) for choice in choices}
    best = max(choices, key=lambda choice: measurements.noise.gain_db(changes[choice]))
    gain = measurements.noise.gain_db(changes[best])
    local = measurements.noise.local(worst)
    # What the codes reach is not quite the range: zero has a code of its own.
    low, high = map(float, measurements.quantized.params[worst].representable)
    stats = measurements.stats(worst)
    general = len(groups) > 1
    recipe = (
        measurements.with_default(calibrator=best)
        if general
        else measurements.with_tensors(groups, calibrator=best)
    )
    return Finding(
        kind="clipping",
        severity=severity_of(gain),
        title=f"Too many values of {short(worst)}{and_more(len(groups))} are clipped",
        node=measurements.node_of(worst),
        tensor=worst,
        evidence=(
            f"{100 * local.clip_rate:.2g} % of its values lie outside the {real(low)} to "
            f"{real(high)} that the codes reach (it spans {real(stats.min)} to "
            f"{real(stats.max)}), and clipping is {100 * local.clipping_share:.0f} % of its error."
        ),
        numbers={"clip_rate": local.clip_rate, "clipping_share": local.clipping_share},
        gain_db=gain,
        fix=Fix(f"Choose {'ranges' if general else 'its range'} with {best.label}", recipe),
    )


def _changes(
    measurements: Measurements, groups: list[str], calibrator: Calibrator
) -> dict[NoiseSource, float]:
    """What the change does; from the few worst on, by observed ranges, which is quicker."""
    changes: dict[NoiseSource, float] = {}
    observed = MinMax()
    for index, group in enumerate(groups):
        spec = measurements.planned(group).spec
        calibrator = calibrator if index < MOST else observed
        ends = [
            chosen_range(calibrator, measurements.stats(name), spec, measurements.context(name))
            for name in measurements.groups[group]
        ]
        wide = min(low for low, _ in ends), max(high for _, high in ends)
        changes |= measurements.after(group, wide)
    return changes
