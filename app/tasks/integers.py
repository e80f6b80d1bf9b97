"""The layers of the recipe as it stands computed in integers alone, as a job."""

from dataclasses import dataclass

from analysis.report.firmware import firmware_header, firmware_json
from analysis.runtime.integer_layers import integer_layers
from analysis.runtime.integer_run import Agreement, agreements, kernel_codes
from app.jobs import JOBS, Job
from app.workspace.workspace import Workspace
from quant.execution.progress import OnProgress, Reporter


@dataclass(frozen=True, eq=False)
class Integers:
    """What came of it.

    Attributes:
        found: Each layer beside ONNX Runtime's kernel, rounded once and rounded twice.
        header: The tables as a C header.
        table: The tables as JSON.
    """

    found: tuple[tuple[Agreement, Agreement], ...]
    header: str
    table: str


def compute(workspace: Workspace) -> None:
    """Start computing the int8 model of the recipe as it stands."""
    quantized = workspace.quantized

    def work(on_progress: OnProgress) -> Integers:
        content = quantized.to_bytes()
        layers = integer_layers(content)
        reporter = Reporter(2 * len(layers), on_progress)
        reporter()
        codes = kernel_codes(content, quantized.probe, layers)
        rounded = [
            agreements(layers, codes, rounding, heartbeat=lambda: reporter.advance(1))
            for rounding in ("single", "double")
        ]
        found = tuple(zip(*rounded, strict=True))
        return Integers(found, firmware_header(layers), firmware_json(layers))

    JOBS.start(_key(workspace), work, label="Computing in integers")
    JOBS.rename(_key(workspace), "Computing in integers", "layers")


def integers_job(workspace: Workspace) -> Job | None:
    """The last such computation of this recipe, or None."""
    return JOBS.get(_key(workspace))


def _key(workspace: Workspace) -> str:
    return f"integers/{workspace.key}"
