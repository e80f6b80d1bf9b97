"""Say in the file what each Q/DQ pair stands for."""

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from quant.passes.optional import register
from quant.passes.simulate_qdq import read_params


@register("describe_scales")
class DescribeScales(ir.passes.InPlacePass):
    """Write scale, zero point and range beside each QuantizeLinear, where Netron shows them.

    They go into the node's ``metadata_props`` under ``quantlens.``: ``scale`` and ``range`` in real
    units of the tensor, ``zero_point`` as a code. The range is what the codes can stand for,
    scale * (qmin - zero_point) to scale * (qmax - zero_point).
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Describe the nodes of the main graph."""
        nodes = [node for node in model.graph if node.op_type == "QuantizeLinear"]
        for node in nodes:
            params = read_params(node)
            spec, scale = params.spec, params.scale.astype(np.float64)
            low, high = (scale * (end - params.zero_point) for end in (spec.qmin, spec.qmax))
            node.metadata_props["quantlens.scale"] = _text(params.scale)
            node.metadata_props["quantlens.zero_point"] = _text(params.zero_point)
            node.metadata_props["quantlens.range"] = f"{_text(low)} to {_text(high)}"
        return ir.passes.PassResult(model, modified=bool(nodes))


def _text(values: NDArray[np.generic]) -> str:
    return ", ".join(f"{value:.6g}" for value in values.reshape(-1).tolist())
