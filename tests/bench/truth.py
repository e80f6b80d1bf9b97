"""What the check against the user's file costs: ``python -m tests.bench.truth MODEL DATA ...``.

For each pair of a model and its data: calibration with and without the check, by turns, the median
of both; and how near the prepared model is to the file, without optimization, in dB.
"""

import statistics
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

import quant
from quant.runtime.session import InferenceSession
from quant.statistics import collect

TURNS = 7


class NoCheck:
    """Stands for the check and does nothing."""

    ready = True

    def __init__(self, *_: Any) -> None: ...
    def stop(self) -> None: ...
    def judge(self, found: Mapping[str, Any]) -> None: ...


def seconds(model: quant.Model, data: quant.Dataset, check: Any) -> float:
    """One calibration."""
    kept = collect.TruthCheck
    collect.TruthCheck = check
    try:
        started = time.perf_counter()
        quant.calibrate(model, data)
        return time.perf_counter() - started
    finally:
        collect.TruthCheck = kept


def nearness(model: quant.Model, data: quant.Dataset) -> float:
    """The least sqnr of an output of the prepared model against the file's, in dB."""
    file = model.original()
    assert file is not None
    truth, found = (
        InferenceSession(content, level="disabled").run(data.probe)
        for content in (file, model.to_bytes())
    )
    least = np.inf
    for name, array in truth.items():
        a, b = array.astype(np.float64), found[name].astype(np.float64)
        noise = np.square(a - b).sum()
        if noise:
            least = min(least, 10 * np.log10(np.square(a).sum() / noise))
    return float(least)


def main() -> None:
    """Print a line for each model."""
    names = sys.argv[1:]
    for path, data_path in zip(names[::2], names[1::2], strict=True):
        model = quant.load(path)
        data = quant.open_data(data_path, model)
        model.to_bytes()
        without, checked = [], []
        for _ in range(TURNS):
            without.append(seconds(model, data, NoCheck))
            checked.append(seconds(model, data, collect.TruthCheck))
        a, b = statistics.median(without), statistics.median(checked)
        print(
            f"{model.name:24} {a:6.2f} s without, {b:6.2f} s with the check: {b / a - 1:+6.1%}; "
            f"the prepared model is {nearness(model, data):.0f} dB from the file"
        )


if __name__ == "__main__":
    main()
