"""``make bench``: what QuantLens costs, beside ONNX Runtime and Paddle in the same run.

``python -m tests.bench --quick`` is a smoke run on the sample alone.
"""

import argparse
import platform
import time
from collections.abc import Callable, Iterator

import numpy as np
import onnx
import onnxruntime as ort

from quant.runtime.session import cores
from tests.bench.report import Effort, measured, tables
from tests.bench.subjects import Subject, detector, orientation, sample
from tests.bench.sweeps import sweep_tables

QUICK = Effort(
    timed=64, repeats=1, samples=32, many=64, searched=1, edited=2, tabled=10, entropy_in_full=False
)
SAMPLE = Effort(
    timed=512,
    repeats=5,
    samples=32,
    many=256,
    searched=6,
    edited=10,
    tabled=300,
    entropy_in_full=True,
)
THIRD_PARTY = Effort(
    timed=64,
    repeats=3,
    samples=32,
    many=256,
    searched=6,
    edited=8,
    tabled=300,
    entropy_in_full=False,
)


def main() -> None:
    """Measure every subject, then print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run on the sample alone")
    quick: bool = parser.parse_args().quick
    started = time.perf_counter()
    reports = []
    for make, effort in _plan(quick=quick):
        subject = make()
        print(f"measuring {subject.name} ...", flush=True)
        reports.append(measured(subject, effort))
    print(f"\n{machine()}\n")
    for table in (*tables(reports), *sweep_tables(quick=quick)):
        print(table, end="\n\n")
    print(f"{time.perf_counter() - started:.0f} s in all")


def _plan(*, quick: bool) -> Iterator[tuple[Callable[[], Subject], Effort]]:
    yield lambda: sample("fmnist_mobilenet"), QUICK if quick else SAMPLE
    if not quick:
        yield lambda: orientation(THIRD_PARTY.many, 8), THIRD_PARTY
        yield lambda: detector(THIRD_PARTY.many, 8, least_side=192), THIRD_PARTY


def machine() -> str:
    """The machine and the versions that the numbers belong to, in a line."""
    return (
        f"{cores()} cores, {platform.system()} {platform.machine()}, Python "
        f"{platform.python_version()}, NumPy {np.__version__}, ONNX {onnx.__version__}, "
        f"ONNX Runtime {ort.__version__}"
    )


if __name__ == "__main__":
    main()
