"""Types and shapes that no rule infers, as ONNX Runtime knows them: behind its own operators."""

import onnx_ir as ir

from quant.errors import ModelError
from quant.model.serialize import to_bytes
from quant.runtime.session import InferenceSession


def learn_types(model: ir.Model) -> None:
    """Fill in what is not known of the tensors of the main graph, in place.

    Where ONNX Runtime cannot load the model, nothing is filled in.
    """
    unknown = {str(v.name): v for n in model.graph for v in n.outputs if v.name and not v.dtype}
    if not unknown:
        return
    try:
        session = InferenceSession(to_bytes(model), taps=tuple(unknown), level="disabled")
    except (ModelError, ValueError):
        return
    for info in session.tapped:
        if not hasattr(ir.DataType, info.dtype):
            continue
        value = unknown[info.name]
        value.dtype = getattr(ir.DataType, info.dtype)
        if info.shape:
            value.shape = ir.Shape(info.shape)
