"""The other stages of a study: statistics first, then time and verification."""

from typing import Final

from analysis.latency import LatencyComparison, latency
from analysis.study.keys import CALIBRATED, QUANTIZED, Result
from analysis.study.study import CALIBRATION, CalibrationData, Stage, Study
from quant.execution.progress import OnProgress
from quant.export.verified import LevelCheck
from quant.statistics.collect import calibrate

TIMING_SECONDS: Final = 5.0

LATENCY: Final = Result[LatencyComparison]("latency", QUANTIZED)
CHECKS: Final = Result[tuple[LevelCheck, ...]]("checks", QUANTIZED)


def _calibrate(study: Study, progress: OnProgress | None) -> None:
    source = study.statistics
    if isinstance(source, CalibrationData) and study.known(CALIBRATION) is None:
        found = calibrate(study.model, source.data, samples=source.count, progress=progress)
        study.keep(CALIBRATION, found)


def _time(study: Study, progress: OnProgress | None) -> None:
    if study.known(LATENCY) is None:
        found = latency(study.quantized, budget_s=TIMING_SECONDS, progress=progress)
        study.keep(LATENCY, found)


def _verify(study: Study, _: OnProgress | None) -> None:
    if study.known(CHECKS) is None:
        study.keep(CHECKS, study.quantized.verify())


CALIBRATING: Final = Stage("calibrating", CALIBRATED, "samples", _calibrate)
TIMING: Final = Stage("timing", QUANTIZED, "runs", _time)
VERIFYING: Final = Stage("verifying", QUANTIZED, "levels", _verify)
