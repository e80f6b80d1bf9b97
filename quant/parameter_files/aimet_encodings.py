"""AIMET's encodings, which Qualcomm's tools read too."""

import json

from quant.parameter_files.base import activations, register
from quant.pipeline import QuantizedModel
from quant.types import PerChannel, QuantParams


@register(
    "aimet",
    title="AIMET encodings 1.0.0",
    suffix=".encodings",
    about="Scale and offset of each activation and weight, by its name in the ONNX file.",
)
def encodings(quantized: QuantizedModel) -> str:
    """Offsets are written as if every grid were unsigned: signed ones are shifted by half."""
    weights = {
        item.name: item.params
        for item in quantized.constants
        if item.params.spec.qtype.bits <= 16
        and (node := quantized.plan.nodes[item.node].node).weight is not None
        and node.weight.index == item.index
    }
    document = {
        "version": "1.0.0",
        "activation_encodings": [_encoding(n, p) for n, p in activations(quantized).items()],
        "param_encodings": [_encoding(n, p) for n, p in weights.items()],
    }
    return json.dumps(document, indent=1) + "\n"


def _encoding(name: str, params: QuantParams) -> dict[str, object]:
    qtype = params.spec.qtype
    shift = 1 << (qtype.bits - 1) if qtype.signed else 0
    many = isinstance(params.spec.granularity, PerChannel)
    return {
        "name": name,
        "dtype": "INT",
        "bw": qtype.bits,
        "enc_type": "PER_CHANNEL" if many else "PER_TENSOR",
        "is_sym": params.spec.symmetric,
        "scale": params.scale.reshape(-1).tolist(),
        "offset": [-int(zero) - shift for zero in params.zero_point.reshape(-1)],
    }
