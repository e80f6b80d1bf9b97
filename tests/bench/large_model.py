"""A model of 3 GB, made on the spot: how much memory and time each stage takes.

``python -m tests.bench.large_model [--layers 12]``; it needs about 5 GB of disk for as long as it
runs, and prints the peak of the process's memory beside the size of the model.
"""

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

import quant

WIDTH = 8192
GIB = 1 << 30


def make(folder: Path, layers: int) -> Path:
    """Dense layers with Relu between; their weights are in a file beside the model."""
    rng = np.random.default_rng(0)
    nodes, weights, value = [], [], "x"
    with (folder / "weights.bin").open("wb") as file:
        for index in range(layers):
            weight = rng.standard_normal((WIDTH, WIDTH), np.float32)
            weight *= np.float32((2 / WIDTH) ** 0.5)
            tensor = TensorProto(
                name=f"w{index}", data_type=TensorProto.FLOAT, dims=weight.shape,
                data_location=TensorProto.EXTERNAL,
            )  # fmt: skip
            at = {"location": "weights.bin", "offset": file.tell(), "length": weight.nbytes}
            for key, entry in at.items():
                tensor.external_data.add(key=key, value=str(entry))
            file.write(weight.data)
            weights.append(tensor)
            nodes += [
                helper.make_node("MatMul", [value, tensor.name], [f"m{index}"]),
                helper.make_node("Relu", [f"m{index}"], [f"r{index}"]),
            ]
            value = f"r{index}"
    forms = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", WIDTH]) for n in ("x", value)
    ]
    graph = helper.make_graph(nodes, "large", forms[:1], forms[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "large.onnx")
    return folder / "large.onnx"


class Peak(threading.Thread):
    """Watches the memory of this process."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes = 0

    def run(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while True:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.bytes = max(self.bytes, pages * page)
            time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=12)
    layers = parser.parse_args().layers
    with tempfile.TemporaryDirectory(prefix="quantlens-large-") as name:
        folder = Path(name)
        path = make(folder, layers)
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"{size / GIB:.2f} GiB of weights in {layers} layers")
        samples = np.random.default_rng(1).standard_normal((8, WIDTH), np.float32)
        peak = Peak()
        peak.start()
        started = time.monotonic()

        def say(stage: str) -> None:
            seconds, share = time.monotonic() - started, peak.bytes / size
            print(f"{stage:10} {seconds:6.1f} s, peak {peak.bytes / GIB:.2f} GiB = {share:.2f} x")

        model = quant.load(path)
        say("load")
        calibration = quant.calibrate(model, quant.open_data({"x": samples}, model))
        say("calibrate")
        quantized = quant.quantize(model, calibration, quant.preset("recommended"))
        say("quantize")
        report = quantized.save(folder / "int8.onnx")
        say("save")
        levels = ", ".join(f"{check.level} {check.sqnr_db:.1f} dB" for check in report.checks)
        print(f"int8 file {report.size_bytes / GIB:.2f} GiB; against the simulation: {levels}")


if __name__ == "__main__":
    main()
