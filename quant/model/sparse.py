"""Sparse initializers, written out: the graph library has none."""

import math
from typing import Final

import numpy as np
import onnx
from onnx import numpy_helper

from quant.errors import ModelError
from quant.model.subgraphs import stored_bodies

MOST_NUMBERS: Final = 1 << 28
"""A sparse weight of a larger shape is refused: it would fill the memory from a few bytes."""


def densify(graph: onnx.GraphProto) -> None:
    """Make every sparse initializer of ``graph`` and its subgraphs a plain one, in place.

    Raises:
        ModelError: If one is too large written out, or its indices lie outside of its shape.
    """
    for sparse in graph.sparse_initializer:
        graph.initializer.append(_dense(sparse))
    del graph.sparse_initializer[:]
    for node in graph.node:
        for subgraph in stored_bodies(node):
            densify(subgraph)


def _dense(sparse: onnx.SparseTensorProto) -> onnx.TensorProto:
    name, shape = sparse.values.name, tuple(sparse.dims)
    try:
        if not 0 <= math.prod(shape) <= MOST_NUMBERS or min(shape, default=0) < 0:
            raise ValueError(f"shape {list(shape)}")
        values = numpy_helper.to_array(sparse.values)
        indices = numpy_helper.to_array(sparse.indices)
        dense = np.zeros(shape, values.dtype)
        dense[np.unravel_index(indices, shape) if indices.ndim == 1 else tuple(indices.T)] = values
    except Exception as error:  # whatever odd indices, shapes and types raise
        reason = str(error).strip().split("\n")[0]
        raise ModelError(
            f"the sparse weight {name!r}: expected numbers at places inside of its shape, of at "
            f"most {MOST_NUMBERS:,} numbers, found something else ({reason}); export it dense"
        ) from error
    return numpy_helper.from_array(dense, name)
