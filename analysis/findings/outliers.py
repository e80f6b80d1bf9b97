"""A range that rare values or a single sample set, so that all others share few codes."""

import math
from collections.abc import Iterable

from analysis.findings.base import Evidence, Finding, Fix, and_more, register, severity_of, short
from analysis.findings.base import times as _times
from analysis.findings.noise import tensor
from quant.calibrators import calibrator_from_json, chosen_range
from quant.numerics import params_from_range

SAMPLE_RATIO = 4.0
"""The range over what samples reach on average. Samples of one kind stay within 2 to 3; 4 costs
two bits, 12 dB."""
LOCAL_GAIN_DB = 3.0
"""Local sqnr_db that a range of least squared error must win: half of the tensor's noise."""
SHRINKS = (0.7, 0.5, 0.25, 0.125, 0.0625)
"""Parts of the range that are tried before a calibrator is asked, which costs a hundred times as
much."""
MOST = 6
"""Tensors that a calibrator is asked for."""


@register("outlier_sample")
def outlier_sample(evidence: Evidence) -> Iterable[Finding]:
    """One sample, or a few, reach far beyond what samples reach on average."""
    ratios: dict[str, float] = {}
    for group, members in evidence.groups.items():
        if evidence.fixed(group) or evidence.calibration.samples < 4:
            continue
        low, high = evidence.quantized.ranges[group]
        seen = [evidence.stats(name) for name in members]
        usual_high = max(max(s.mean_sample_max, 0.0) for s in seen)
        usual_low = min(min(s.mean_sample_min, 0.0) for s in seen)
        usual = usual_high - usual_low
        if usual > 0 and (high - low) / usual >= SAMPLE_RATIO:
            ratios[group] = (high - low) / usual
    if not ratios:
        return []
    first = next(iter(ratios))
    candidate = calibrator_from_json({"name": "outlier_removal"})
    low, high = evidence.quantized.ranges[first]
    new_low, new_high = chosen_range(candidate, evidence.stats(first), evidence.planned(first).spec)
    # The outlier is most of the signal's power too, so codes are compared, not sqnr.
    gain = 20 * math.log10((high - low) / max(new_high - new_low, 1e-300))
    gain *= min(1.0, 2 * math.fsum(evidence.part(group) for group in ratios))
    wide = 2 * len(ratios) >= len(evidence.groups)
    recipe = (
        evidence.with_default(calibrator=candidate)
        if wide and not _ruled(evidence, ratios)
        else evidence.with_tensors(ratios, calibrator=candidate)
    )
    sample = _sample(evidence, first)
    return [
        Finding(
            kind="outlier_sample",
            severity=severity_of(gain),
            title=f"A single sample sets the range of {short(first)}{and_more(len(ratios))}",
            node=evidence.node_of(first),
            tensor=first,
            evidence=(
                f"The range is {_times(ratios[first])} as wide as what samples reach on average"
                f"{sample}. Without it {20 * math.log10(ratios[first]):.0f} dB of resolution "
                "come back; look at the sample, it may not belong to the data."
            ),
            figures={"range_ratio": ratios[first], "tensors": len(ratios)},
            gain_db=gain,
            fix=Fix("Leave rare extremes out of the range", recipe),
        )
    ]


def _ruled(evidence: Evidence, groups: Iterable[str]) -> bool:
    return any("calibrator" in evidence.planned(group).sources for group in groups)


def _sample(evidence: Evidence, group: str) -> str:
    stats = evidence.stats(group)
    index = stats.max_sample if stats.max >= -stats.min else stats.min_sample
    return f", because of sample {index}" if index >= 0 else ""


@register("outliers")
def outliers(evidence: Evidence) -> Iterable[Finding]:
    """Rare values of a tensor cost more resolution than clipping them would."""
    promising: list[tuple[float, str]] = []
    for group in evidence.groups:
        if tensor(group) not in evidence.noise.shares or evidence.fixed(group):
            continue
        local = evidence.noise.local(group)
        if local.rounding_share < 0.5:
            continue
        before = math.fsum(evidence.noise.shares.get(tensor(n), 0) for n in evidence.groups[group])
        low, high = evidence.quantized.ranges[group]
        least = min(
            math.fsum(evidence.after(group, (low * part, high * part)).values()) for part in SHRINKS
        )
        if least <= before * 10 ** (-LOCAL_GAIN_DB / 10):
            promising.append((before - least, group))
    candidate = calibrator_from_json({"name": "mse"})
    found: list[Finding] = []
    for _, group in sorted(promising, reverse=True)[:MOST]:
        spec = evidence.planned(group).spec
        stats = evidence.stats(group)
        ends = chosen_range(candidate, stats, spec)
        changes = evidence.after(group, ends)
        gain = evidence.noise.gain_db(changes)
        low, high = evidence.quantized.ranges[group]
        ratio = (high - low) / max(ends[1] - ends[0], 1e-300)
        local = evidence.noise.local(group)
        step = float(params_from_range(*ends, spec).scale)
        found.append(
            Finding(
                kind="outliers",
                severity=severity_of(gain),
                title=f"Rare values set the range of {short(group)}",
                node=evidence.node_of(group),
                tensor=group,
                evidence=(
                    f"{100 * local.rounding_share:.0f} % of its error is rounding. A range "
                    f"{_times(ratio)} narrower ({ends[0]:.3g} to {ends[1]:.3g}) has steps of "
                    f"{step:.2g} instead of {float(evidence.quantized.params[group].scale):.2g} "
                    "and clips only rare values."
                ),
                figures={"range_ratio": ratio, "rounding_share": local.rounding_share},
                gain_db=gain,
                fix=Fix(
                    "Choose its range by least squared error",
                    evidence.with_tensors([group], calibrator=candidate),
                ),
            )
        )
    return found
