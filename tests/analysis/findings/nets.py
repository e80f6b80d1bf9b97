"""Sample models that can be edited: their weights by name, and their nodes."""

from functools import cache

import numpy as np
import onnx
from onnx import helper, numpy_helper

from quant import Model, load
from sample_models import find

Arrays = dict[str, np.ndarray]


class Net:
    """A sample's float model, with batch norm folded, to plant a fault in."""

    def __init__(self, content: bytes) -> None:
        self.proto = onnx.load_model_from_string(content)
        self.graph = self.proto.graph

    def __getitem__(self, name: str) -> np.ndarray:
        """A copy of a weight."""
        return numpy_helper.to_array(self._initializer(name)).copy()

    def __setitem__(self, name: str, array: np.ndarray) -> None:
        """Change a weight, or add one."""
        known = [i for i in self.graph.initializer if i.name == name]
        for initializer in known:
            self.graph.initializer.remove(initializer)
        self.graph.initializer.append(numpy_helper.from_array(array.astype(np.float32), name))

    def _initializer(self, name: str) -> onnx.TensorProto:
        return next(i for i in self.graph.initializer if i.name == name)

    def node(self, name: str) -> onnx.NodeProto:
        """A node by name."""
        return next(n for n in self.graph.node if n.name == name)

    def replace(self, name: str, *nodes: onnx.NodeProto) -> None:
        """Put nodes in the place of one."""
        at = [n.name for n in self.graph.node].index(name)
        rest = list(self.graph.node)
        del self.graph.node[:]
        self.graph.node.extend([*rest[:at], *nodes, *rest[at + 1 :]])

    def output(self, name: str, shape: list[int | str]) -> None:
        """Make a tensor an output of the model."""
        self.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))

    def model(self) -> Model:
        """The model as it stands."""
        return load(self.proto.SerializeToString())


@cache
def _content(sample: str) -> bytes:
    return load(find(sample).model_path).to_bytes()


def net(sample: str) -> Net:
    """A fresh copy of a sample's model."""
    return Net(_content(sample))


@cache
def data(sample: str, part: str) -> Arrays:
    """A sample's arrays: ``calibration`` (of which 128 are used) or ``evaluation`` (64)."""
    found = find(sample)
    path = found.calibration_path if part == "calibration" else found.evaluation_path
    count = 128 if part == "calibration" else 64
    with np.load(path) as arrays:
        return {name: arrays[name][:count] for name in arrays.files if name != "labels"}
