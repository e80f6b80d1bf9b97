"""A float model that already differs from the outputs it should give."""

from collections.abc import Iterable

from analysis.findings.base import Measurements, register
from analysis.findings.finding import Finding
from analysis.findings.words import short
from quant.error_model.sqnr import decibels

SQNR_DB = 60.0
"""Two float32 runs of one model on different kernels agree to 80 dB and better."""
CRITICAL_DB = 30.0
"""An amplitude of 3 %: as much as int8 costs a healthy model, so comparing makes no sense."""


@register("reference_differs")
def reference_differs(measurements: Measurements) -> Iterable[Finding]:
    """The error is there before anything is quantized."""
    for name, error in (measurements.reference or {}).items():
        if error.sqnr_db >= SQNR_DB:
            continue
        yield Finding(
            kind="reference_differs",
            severity="critical" if error.sqnr_db < CRITICAL_DB else "warning",
            title=f"The float model does not give the reference output {short(name)}",
            node=measurements.node_of(name),
            tensor=name,
            evidence=(
                f"Float against the reference: sqnr {decibels(error.sqnr_db)}, cosine "
                f"{error.cosine:.4f}, largest difference {error.max_abs:.3g}. No recipe can mend "
                "that: check the conversion to ONNX, the preprocessing and the order of inputs."
            ),
            numbers={"sqnr_db": error.sqnr_db, "cosine": error.cosine},
            gain_db=max(SQNR_DB - error.sqnr_db, 0.0),
        )
