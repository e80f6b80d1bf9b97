"""What sweeping all units costs, beside plain float inference and brute force in the same run.

``python -m tests.bench.sweeps`` prints its tables alone; ``--quick`` takes the small samples and
little data.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import quant
import sample_models
from analysis.errors.output_scores import ScoreAccumulator
from analysis.sweep.unit_effects import benefit, sensitivity
from quant.ablation import QuantUnit, only_unit, units, without_unit
from quant.runtime.batching import batch_size
from quant.runtime.session import InferenceSession
from tests.bench.probe import memory_mb
from tests.bench.subjects import Subject, detector, sample
from tests.bench.table import Table

SWEEPS = {
    "sensitivity": (sensitivity, only_unit),
    "benefit": (benefit, without_unit),
}
BUDGETS_MB = (256, 2048)
CALIBRATED = 32
BRUTE = 4
"""Units that brute force is run on; the others are estimated to take as long."""


@dataclass(frozen=True)
class Clock:
    """Seconds.

    Attributes:
        wall: As they passed.
        processor: That the cores worked, which other programs on the machine do not change much.
    """

    wall: float
    processor: float

    def __sub__(self, other: "Clock") -> "Clock":
        return Clock(self.wall - other.wall, self.processor - other.processor)

    def times(self, factor: float) -> "Clock":
        """As much of both."""
        return Clock(self.wall * factor, self.processor * factor)

    def over(self, other: "Clock") -> str:
        """Both as multiples of another's."""
        return f"{self.wall / other.wall:.2f} ({self.processor / other.processor:.2f})"


@dataclass(frozen=True)
class Swept:
    """One sweep of one subject.

    Attributes:
        nodes: Nodes of the float model.
        units: Units that were swept.
        samples: Samples that were used.
        whole: The sweep.
        growing: What of it grows with the samples: that of three quarters of them, scaled up.
        brute: Brute force on all units, estimated from a few.
        inference: Plain float inference of the samples.
    """

    nodes: int
    units: int
    samples: int
    whole: Clock
    growing: Clock
    brute: Clock
    inference: Clock


def swept(kind: str, subject: Subject, samples: int, repeats: int) -> Swept:
    """Sweep a subject with all samples and with a quarter of them; the best turn counts."""
    sweep, variant = SWEEPS[kind]
    quantized, calibration, data = _ready(subject)
    few = samples // 4
    every = units(quantized)
    inference, whole, quarter = (
        _best(clocks)
        for clocks in zip(
            *(
                (
                    _clocked(_inference(quantized.float_model.to_bytes(), data, samples)),
                    _clocked(partial(sweep, quantized, calibration, data, samples=samples)),
                    _clocked(partial(sweep, quantized, calibration, data, samples=few)),
                )
                for _ in range(repeats)
            ),
            strict=True,
        )
    )
    chosen = every[:: max(1, len(every) // BRUTE)][:BRUTE]
    brute = _clocked(
        lambda: _brute(
            quantized, calibration, data, samples=samples, variant=variant, chosen=chosen
        )
    )
    return Swept(
        nodes=len(quantized.float_model.nodes),
        units=len(every),
        samples=samples,
        whole=whole,
        growing=(whole - quarter).times(samples / (samples - few)),
        brute=brute.times(len(every) / len(chosen)),
        inference=inference,
    )


def _ready(
    subject: Subject,
) -> tuple[quant.QuantizedModel, quant.Calibration, quant.Dataset]:
    model = quant.load(subject.model_path)
    calibration = quant.calibrate(
        model, quant.open_data(subject.calibration_path, model), samples=CALIBRATED
    )
    quantized = quant.quantize(model, calibration, quant.preset("onnxruntime-default"))
    return quantized, calibration, quant.open_data(subject.evaluation_path, model)


def _inference(content: bytes, data: quant.Dataset, samples: int) -> Callable[[], None]:
    session = InferenceSession(content)
    size, _ = batch_size([session], data)

    def infer() -> None:
        for batch in data.batches(size, samples):
            session.run(batch.feeds)

    infer()
    return infer


def _brute(
    quantized: quant.QuantizedModel,
    calibration: quant.Calibration,
    data: quant.Dataset,
    *,
    samples: int,
    variant: Callable[[quant.Recipe, QuantUnit], quant.Recipe],
    chosen: Sequence[QuantUnit],
) -> None:
    """Build each unit's variant and run it whole; the float outputs are computed once."""
    reference = InferenceSession(quantized.float_model.to_bytes())
    size, _ = batch_size([reference], data)
    batches = list(data.batches(size, samples))
    expected = [reference.run(batch.feeds) for batch in batches]
    for unit in chosen:
        content = quantized.with_recipe(variant(quantized.recipe, unit)).to_bytes()
        test = InferenceSession(content, integer_kernels=False)
        accumulator = ScoreAccumulator()
        for batch, outputs in zip(batches, expected, strict=True):
            accumulator.add(outputs, test.run(batch.feeds), samples=batch.size)
        accumulator.result()


def _clocked(work: Callable[[], object]) -> Clock:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Clock(time.perf_counter() - wall, time.process_time() - processor)


def _best(clocks: Sequence[Clock]) -> Clock:
    return Clock(min(c.wall for c in clocks), min(c.processor for c in clocks))


@dataclass(frozen=True)
class Peak:
    """Memory of a sweep in a process of its own, in MB.

    Attributes:
        peak_mb: The most that the process held.
        net_mb: The part of it that was not there when the sweep began.
    """

    peak_mb: float
    net_mb: float


def peak(kind: str, subject: Subject, samples: int, budget_mb: int) -> Peak:
    """The peak memory of a sweep under a budget."""
    command = [sys.executable, "-m", "tests.bench.sweeps", "--probe", kind, subject.name]
    paths = (subject.model_path, subject.calibration_path, subject.evaluation_path)
    found = subprocess.run(
        [*command, *map(str, paths), str(samples), str(budget_mb)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return Peak(**json.loads(found.stdout.splitlines()[-1]))


def _probe(kind: str, name: str, *rest: str) -> None:
    *paths, samples, budget_mb = rest
    sweep, _ = SWEEPS[kind]
    quantized, calibration, data = _ready(Subject(name, *map(Path, paths)))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts anew
    before = memory_mb("VmRSS")
    sweep(quantized, calibration, data, samples=int(samples), budget_bytes=int(budget_mb) << 20)
    most = memory_mb("VmHWM")
    print(json.dumps(asdict(Peak(most, most - before))))


def sweep_tables(*, quick: bool) -> tuple[Table, ...]:
    """Measure and lay out."""
    costs: list[tuple[str, ...]] = []
    peaks: list[tuple[str, ...]] = []
    for make, samples, repeats in _subjects(quick=quick):
        subject = make()
        for kind in SWEEPS:
            print(f"sweeping {subject.name}: {kind} ...", flush=True)
            costs.append((subject.name, kind, *_row(swept(kind, subject, samples, repeats))))
        found = [peak("sensitivity", subject, samples, budget) for budget in BUDGETS_MB]
        peaks.append((subject.name, "sensitivity", str(samples), *map(_memory, found)))
    return (
        Table(
            "All units by subgraph diff: wall time as a multiple of nodes (units) x plain float "
            "inference of the same samples (in brackets: processor time); growing: without set-up, "
            f"which more samples do not add to; brute force estimated from {BRUTE} units",
            (
                "model",
                "sweep",
                "nodes",
                "units",
                "samples",
                "growing / nodes",
                "target",
                "reached",
                "growing / units",
                "whole / nodes",
                "seconds",
                "set-up a unit",
                "brute / nodes",
                "brute / whole",
            ),
            tuple(costs),
            left=(0, 1),
        ),
        Table(
            "Peak memory of a sweep by its budget (net of the loaded model and the imports)",
            ("model", "sweep", "samples", *(f"{budget} MB" for budget in BUDGETS_MB)),
            tuple(peaks),
            left=(0, 1),
        ),
    )


def _row(found: Swept) -> tuple[str, ...]:
    unit, node = (found.inference.times(count) for count in (found.units, found.nodes))
    setup = (found.whole - found.growing).times(1000 / found.units)
    return (
        str(found.nodes),
        str(found.units),
        str(found.samples),
        found.growing.over(node),
        "<= 0.6",
        "yes" if found.growing.wall <= 0.6 * node.wall else "NO",
        found.growing.over(unit),
        found.whole.over(node),
        f"{found.whole.wall:.1f} s",
        f"{setup.wall:.0f} ms ({setup.processor:.0f} ms)",
        found.brute.over(node),
        found.brute.over(found.whole),
    )


def _memory(found: Peak) -> str:
    return f"{found.peak_mb:.0f} MB (net {found.net_mb:.0f} MB)"


def _subjects(*, quick: bool) -> list[tuple[Callable[[], Subject], int, int]]:
    """Each subject with its number of samples and of turns."""
    names = [found.name for found in sample_models.samples()]
    if quick:
        return [(partial(sample, names[0]), 64, 1)]
    return [
        *((partial(sample, name), 256, 3) for name in names),
        (partial(detector, 64, 32, least_side=192), 32, 1),
    ]


def main() -> None:
    """Print the tables, or do what a probe is asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sweeps", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run on one sample")
    parser.add_argument("--probe", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.probe:
        _probe(*asked.probe)
        return
    for table in sweep_tables(quick=asked.quick):
        print(table, end="\n\n")


if __name__ == "__main__":
    main()
