"""Each repair alone: ``python -m tests.bench.repairs MODEL CALIBRATION DATA ...``.

From the recommended preset without any repair: sqnr of the worst output without and with each one,
both read from disk and run by plain ONNX Runtime on evaluation data; what the repair changes in
float, as the largest difference over the largest output where neither activations nor weights are
rounded; and the milliseconds that it adds to quantizing.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import analysis
import quant
from quant.ablation import activations_only
from quant.repairs import REPAIRS
from quant.runtime.session import InferenceSession
from tests.models import unrounded

SAMPLES = 4
"""Samples of which the float outputs are compared."""


def float_error(quantized: quant.QuantizedModel, data: quant.Dataset) -> float:
    """The largest difference that repairs alone make, over the largest output."""
    recipe = activations_only(quantized.recipe)
    kept = replace(recipe.defaults, drop_activation="never")  # nothing else clamps then
    plain = quantized.with_recipe(replace(recipe, defaults=kept))
    contents = (quantized.float_model.to_bytes(), unrounded(plain.to_bytes()))
    sessions = [InferenceSession(content, level="basic") for content in contents]
    worst = 0.0
    for batch in data.batches(1, SAMPLES):
        wanted, found = (session.run(batch.feeds) for session in sessions)
        for name, array in wanted.items():
            largest = float(np.abs(array).max(initial=1e-30))
            worst = max(worst, float(np.abs(found[name] - array).max(initial=0)) / largest)
    return worst


def worst_db(quantized: quant.QuantizedModel, model_path: str, data: quant.Dataset) -> float:
    """The sqnr of the worst output of the file, as a user runs it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        path.write_bytes(quantized.to_bytes())
        return analysis.compare(model_path, path, data, tensors="outputs").worst_db


def main() -> None:
    """Print a line for each model and repair."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.repairs", description=__doc__)
    parser.add_argument("--per-tensor", action="store_true", help="one scale for each weight")
    parser.add_argument("files", nargs="+", help="model, calibration data, evaluation data, ...")
    arguments = parser.parse_args()
    for model_path, calibration_path, data_path in zip(*[iter(arguments.files)] * 3, strict=True):
        model = quant.load(model_path)
        data = quant.open_data(data_path, model)
        calibration = quant.calibrate(model, quant.open_data(calibration_path, model))
        recipe = replace(quant.preset("recommended"), repairs=())
        if arguments.per_tensor:
            recipe = replace(recipe, defaults=replace(recipe.defaults, per_channel=False))
        quant.quantize(model, calibration, recipe)  # what is derived once is not counted
        begun = time.perf_counter()
        plain = quant.quantize(model, calibration, recipe)
        plain_seconds = time.perf_counter() - begun
        before = worst_db(plain, model_path, data)
        for name in REPAIRS.names():
            begun = time.perf_counter()
            alone = quant.quantize(model, calibration, replace(recipe, repairs=(name,)))
            seconds = time.perf_counter() - begun - plain_seconds
            changes = alone.to_bytes() != plain.to_bytes()
            after = f"{worst_db(alone, model_path, data):6.2f} dB" if changes else "nothing to do"
            error = float_error(alone, data) if changes else 0.0
            print(
                f"{model.name:22} {name:16} {before:6.2f} -> {after:13} "
                f"float error {error:.1e}  {max(seconds, 0) * 1000:4.0f} ms",
                flush=True,
            )


if __name__ == "__main__":
    main()
