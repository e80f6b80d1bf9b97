"""What ONNX Runtime's quantizer takes: ranges as its calibration cache, scales as overrides."""

import json

from quant.parameter_files.base import activations, register
from quant.pipeline import QuantizedModel


@register(
    "onnxruntime-calibration",
    title="ONNX Runtime calibration cache",
    suffix=".calibration.json",
    about="The range of each tensor for quantize_static(calibration_cache_path=...), which then "
    "calibrates nothing; its own types and weights are what you ask it for.",
)
def calibration_cache(quantized: QuantizedModel) -> str:
    """Ranges in the form of ``TensorsData`` under the method MinMax.

    ONNX Runtime looks up every tensor, those too that it does not round in the end: they have what
    calibration saw.
    """

    def array(value: float) -> dict[str, object]:
        return {"data": [value], "dtype": "float32", "CLS": "numpy.array"}

    seen = {name: (s.min, s.max) for name, s in quantized.calibration.tensors.items()}
    ranges = {name: quantized.ranges[name] for name in activations(quantized)}
    data: dict[str, object] = {}
    for name, (low, high) in {**seen, **ranges}.items():
        data[name] = {"lowest": array(low), "highest": array(high), "CLS": "TensorData"}
    document = {
        "CLS": "TensorsData",
        "data": data,
        "calibration_method": {"CLS": "CalibrationMethod", "value": "CalibrationMethod.MinMax"},
        "smooth_quant": False,
    }
    return json.dumps(document, indent=1) + "\n"


@register(
    "onnxruntime-overrides",
    title="ONNX Runtime TensorQuantOverrides",
    suffix=".overrides.json",
    about="Scale and zero point of each activation for extra_options['TensorQuantOverrides'], with "
    "the activation type of this recipe.",
)
def overrides(quantized: QuantizedModel) -> str:
    """Scale and zero point alone: what every way to read such a file understands."""
    document = {
        name: [{"scale": params.scale.item(), "zero_point": params.zero_point.item()}]
        for name, params in activations(quantized).items()
    }
    return json.dumps(document, indent=1) + "\n"
