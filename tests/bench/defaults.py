"""In one shot: ``python -m tests.bench.defaults [--nncf PYTHON] MODEL CALIBRATION DATA ...``.

What the recommended preset makes of models, beside ONNX Runtime's ``quantize_static`` and, where an
interpreter that has it is named, NNCF's post-training quantization. All files are read from disk
and run by plain ONNX Runtime on evaluation data: sqnr of the worst output, share of samples for
which the first output has the same argmax, and the median time of one sample in one thread over
float's, all files in turns.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import analysis
import quant
from analysis.latency import in_turns
from quant.runtime.session import InferenceSession
from tests.bench.peer import Reader, preprocess, quantize

NNCF = """
import sys, logging, numpy as np, onnx
logging.disable(logging.WARNING)
import nncf
source, data, target = sys.argv[1:]
arrays = dict(np.load(data)); arrays.pop("labels", None)
model = onnx.load(source)
if next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx")) < 13:
    model = onnx.version_converter.convert_version(model, 13)
count = len(next(iter(arrays.values())))
samples = [{name: array[i : i + 1] for name, array in arrays.items()} for i in range(count)]
mixed = nncf.QuantizationPreset.MIXED
onnx.save(nncf.quantize(model, nncf.Dataset(samples), subset_size=count, preset=mixed), target)
"""


def ours(model: quant.Model, calibration_path: str, target: Path) -> None:
    """The recommended preset, as ``quantlens quantize`` writes it."""
    calibration = quant.calibrate(model, quant.open_data(calibration_path, model))
    quant.quantize(model, calibration, quant.preset("recommended")).save(target)


def of_onnxruntime(
    model: quant.Model, model_path: str, calibration_path: str, target: Path
) -> None:
    """ONNX Runtime's ``quantize_static`` without an option, on what it prepared."""
    data, prepared = quant.open_data(calibration_path, model), target.with_suffix(".prepared.onnx")
    preprocess(Path(model_path), prepared)
    quantize(prepared, target, Reader(data, 1))


def of_nncf(python: str, model_path: str, calibration_path: str, target: Path) -> None:
    """NNCF's default for mixed symmetry, in an interpreter of its own."""
    command = [python, "-c", NNCF, model_path, calibration_path, str(target)]
    subprocess.run(command, check=True, capture_output=True)


def row(model_path: str, calibration_path: str, data_path: str, nncf: str) -> str:
    """One model as a line of a table."""
    model = quant.load(model_path)
    data = quant.open_data(data_path, model)
    makers: dict[str, Callable[[Path], None]] = {
        "ours": partial(ours, model, calibration_path),
        "onnxruntime": partial(of_onnxruntime, model, model_path, calibration_path),
    }
    if nncf:
        makers["nncf"] = partial(of_nncf, nncf, model_path, calibration_path)
    told, found = f"{model.name:24}", dict[str, analysis.Comparison]()
    sessions = [InferenceSession(model_path, threads=1)]
    with tempfile.TemporaryDirectory() as folder:
        for name, make in makers.items():
            path = Path(folder) / f"{name}.onnx"
            try:
                make(path)
                found[name] = analysis.compare(model_path, path, data, tensors="outputs")
                sessions.append(InferenceSession(path, threads=1))
            except Exception as error:  # whatever a peer raises, or its file, is a result, too
                if name == "ours":
                    raise
                told += f" | {name} {type(error).__name__}"
        feeds = next(data.batches(1, 1)).feeds
        base, *times = in_turns([partial(s.run, feeds) for s in sessions], runs=20, warm_up=2)
    for (name, result), time in zip(found.items(), times, strict=True):
        same = "" if result.agreement is None else f" {result.agreement:6.1%}"
        ratio = time.median_ms / base.median_ms
        told += f" | {name} {result.worst_db:5.1f} dB{same}, {ratio:.2f} x"
    return told


def main() -> None:
    """Print a line for each model."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.defaults", description=__doc__)
    parser.add_argument("--nncf", default="", metavar="PYTHON", help="an interpreter with nncf")
    parser.add_argument("files", nargs="+", help="model, calibration data, evaluation data, ...")
    arguments = parser.parse_args()
    for model, calibration, data in zip(*[iter(arguments.files)] * 3, strict=True):
        print(row(model, calibration, data, arguments.nncf), flush=True)


if __name__ == "__main__":
    main()
