"""Read a float model from a file and prepare it."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from quant.errors import ModelError, QuantError
from quant.model.describe import described, tensor_info
from quant.model.model import Model
from quant.model.op_roles import QUANTIZED_OPS, Kind
from quant.model.prepare import prepare
from quant.model.read import ReadModel, read_model
from quant.model.serialize import to_graph
from quant.opening.learned_types import learn_types
from quant.opening.left_float import left_float_warnings
from quant.runtime.session import InferenceSession


def load(source: str | Path | bytes) -> Model:
    """Read a float ONNX model and prepare it for quantization.

    Args:
        source: Path of an ``.onnx`` file (external data beside it is read too), or its content.

    Returns:
        The prepared model. The file is not changed.

    Raises:
        ModelError: If it cannot be read, is quantized already, or holds no node that can be
            quantized.
    """
    with _sentence("model" if isinstance(source, bytes) else Path(source).stem):
        read = read_model(source)
        name = read.path.stem if read.path else read.proto.graph.name or "model"
        return _prepared(read, name, source)


@contextmanager
def _sentence(name: str) -> Generator[None]:
    """Turn whatever a library throws at a model that it cannot take into one sentence."""
    try:
        yield
    except QuantError:
        raise
    except MemoryError as error:
        raise ModelError(
            f"{name}: the model does not fit in memory while it is prepared; free some"
        ) from error
    except Exception as error:
        reason = " ".join(str(error).split()[:40]) or type(error).__name__
        raise ModelError(
            f"{name}: expected a model that can be prepared for quantization, found one that "
            f"cannot ({type(error).__name__}: {reason}); check that ONNX Runtime runs it, and "
            "export it again"
        ) from error


def _prepared(read: ReadModel, name: str, source: str | Path | bytes) -> Model:
    proto, path = read.proto, read.path
    _refuse_quantized([node.op_type for node in proto.graph.node], name)
    if read.complaint:
        _refuse_unless_it_runs(read, name)
    graph = to_graph(proto, read.folder)
    renamed, notes = prepare(graph, name)
    learn_types(graph)
    nodes = tuple(described(node) for node in graph.graph)
    warnings = left_float_warnings(graph.graph, nodes)
    free = {Kind.COMPUTE, Kind.ELEMENTWISE, Kind.ACTIVATION}
    if not warnings and not any(node.kind in free for node in nodes):
        raise ModelError(
            f"{name}: expected float nodes such as Conv, Gemm, MatMul or Add, found none among "
            f"{len(nodes)} nodes; there is nothing to quantize"
        )
    values = [v for v in graph.graph.inputs if not v.is_initializer()]
    values += [v for node in graph.graph for v in node.outputs if v.name]
    return Model(
        name=name,
        path=path,
        fingerprint=read.fingerprint,
        graph=graph,
        nodes=nodes,
        inputs=tuple(tensor_info(v) for v in graph.graph.inputs),
        outputs=tuple(tensor_info(v) for v in graph.graph.outputs),
        tensors=MappingProxyType({str(v.name): tensor_info(v) for v in values}),
        renamed=MappingProxyType(renamed),
        notes=notes,
        warnings=warnings,
        external_data=read.external_data,
        complaint=read.complaint,
        stamp=read.stamp,
        source=path if path is not None else source if isinstance(source, bytes) else None,
    )


def _refuse_unless_it_runs(read: ReadModel, name: str) -> None:
    try:
        InferenceSession(read.content(), level="disabled")
    except (ModelError, ValueError) as error:
        raise ModelError(
            f"{name}: the file is not a valid ONNX model: {read.complaint}; export it again"
        ) from error


def _refuse_quantized(op_types: list[str], name: str) -> None:
    found = sorted(QUANTIZED_OPS.intersection(op_types))
    if found:
        raise ModelError(
            f"{name}: expected a float model, found one that is quantized already "
            f"({', '.join(found)}); open the float model it was made from"
        )
