"""The graph that ONNX Runtime really runs: a model after its own optimizations."""

import tempfile
from pathlib import Path

import onnx

from quant.runtime.session import FATAL_ONLY, attempted, ort


def optimized(model: bytes) -> onnx.ModelProto:
    """A model as ONNX Runtime's CPU provider rewrites it, with its integer kernels.

    The level is "extended": all kernels are chosen there; what the default level adds are layouts
    in memory, under which shapes are no longer those of the model.

    Args:
        model: Content of an ``.onnx`` file.

    Returns:
        The rewritten model, which only ONNX Runtime can run.

    Raises:
        ModelError: If ONNX Runtime cannot load it.
    """
    options = ort.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    with tempfile.TemporaryDirectory(prefix="quantlens-") as folder:
        path = Path(folder) / "optimized.onnx"
        options.optimized_model_filepath = str(path)
        attempted(
            "the model",
            "load",
            lambda: ort.InferenceSession(model, options, providers=["CPUExecutionProvider"]),
        )
        return onnx.load_model_from_string(path.read_bytes())
