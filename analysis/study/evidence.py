"""What findings may look at by now, and the findings that were made of it."""

from collections.abc import Callable
from typing import Final

from analysis.findings import Finding, Measurements, find_causes
from analysis.findings.saturation import cpu_flags
from analysis.study.keys import MEASURED, Result
from analysis.study.measuring import COMPARISON, OUT_OF_RANGE, OUTPUT_COMPARISON, SLICE_ERRORS
from analysis.study.study import Study
from analysis.study.sweeping import effects_of, units_of

FINDINGS: Final = Result[tuple[Finding, ...]]("findings", (*MEASURED, "what is known"), keep=64)


def evidence(study: Study, ranked: Study) -> tuple[str, Callable[[], Measurements]]:
    """What is known for findings, and a text that changes when there is more.

    Args:
        study: What was measured.
        ranked: The same on the samples that units are ranked on.
    """
    sweeps = {
        kind: effects
        for kind in ("sensitivity", "benefit")
        if len(effects := effects_of(ranked, kind)) == len(units_of(ranked))
    }
    comparison = study.known(COMPARISON) or study.known(OUTPUT_COMPARISON)
    slices, outside = study.known(SLICE_ERRORS), study.known(OUT_OF_RANGE)
    parts = {"compared": comparison, "slices": slices, "outside": outside, **sweeps}
    known = [name for name, part in parts.items() if part is not None]

    def made() -> Measurements:
        return Measurements(
            study.quantized,
            study.calibration,
            comparison=comparison,
            sensitivity=sweeps.get("sensitivity"),
            benefit=sweeps.get("benefit"),
            slices=slices,
            outside=outside,
            cpu_flags=cpu_flags(),
        )

    return "+".join((*known, str(ranked.count) if sweeps else "")), made


def findings_of(study: Study, ranked: Study) -> tuple[Finding, ...]:
    """What is wrong and what to do, from what is known by now.

    Args:
        study: What was measured.
        ranked: The same on the samples that units are ranked on.
    """
    known, made = evidence(study, ranked)
    found = study.known(FINDINGS, known=known)
    if found is None:
        found = find_causes(made())
        study.keep(FINDINGS, found, known=known)
    return found
