"""The report's bytes do not depend on the order of a set, which Python changes from run to run."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import quant
from analysis.report import report_html
from analysis.study.analysis import analyze
from quant import kernels
from quant.types import QType
from tests.nets import network, weight

ROOT = Path(__file__).resolve().parents[3]
LAYERS = 9
WIDTH = 32


def gelus() -> bytes:
    """Matrix products with a Gelu after each: one finding adds up all, and there are many falls."""
    nodes = "".join(
        f"m{i} = MatMul ({f'g{i - 1}' if i else 'x'}, w{i}) g{i} = Gelu (m{i}) "
        for i in range(LAYERS)
    )
    return network(
        f"(float[N, {WIDTH}] x) => (float[N, {WIDTH}] g{LAYERS - 1}) {{ {nodes} }}",
        opset=20,
        **{f"w{i}": weight(WIDTH, WIDTH, seed=i) for i in range(LAYERS)},
    )


def digest() -> str:
    """The SHA-256 of a report that holds that finding, and nothing that takes long."""
    kernels.warm_up().join()  # what answers until they are compiled rounds some sums otherwise
    model = quant.load(gelus())
    x = np.random.default_rng(0).standard_normal((64, WIDTH)).astype(np.float32)
    data = quant.open_data({"x": x}, model)
    calibration = quant.calibrate(model, data)
    recipe = quant.preset("everything")
    recipe = replace(recipe, defaults=replace(recipe.defaults, weight_type=QType.INT16))
    quantized = quant.quantize(model, calibration, recipe)
    found = analyze(quantized, calibration, data, errors=("local", "cumulative"))
    (finding,) = (item for item in found.findings if item.kind == "float_functions")
    assert finding.numbers["nodes"] == LAYERS
    # The last digit of a sum says in which order it was taken.
    return hashlib.sha256((report_html(found) + repr(finding.numbers)).encode()).hexdigest()


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_every_run_gives_the_same_bytes(seed, here):
    found = subprocess.run(
        [sys.executable, "-m", "tests.analysis.report.test_same_bytes"],
        env={**os.environ, "PYTHONHASHSEED": seed},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == here


@pytest.fixture(scope="module")
def here():
    return digest()


if __name__ == "__main__":
    print(digest())
