"""Keep large weights in a file beside the model, as the model it came from did."""

from pathlib import Path

import numpy as np
import onnx

from quant.model.weights_beside import folder_of

SUFFIX = ".data"
_LEAST_BYTES = 1024
_ALIGNMENT_BYTES = 64


def move_weights_out(content: bytes, location: str) -> tuple[bytes, list[bytes | memoryview]]:
    """Split a model into its graph and the content of an external data file.

    Args:
        content: Bytes of an ``.onnx`` file. Weights that it leaves in files are mapped from there.
        location: Name of the data file beside it.

    Returns:
        Bytes of the ``.onnx`` file that names ``location``, and those of the data file in parts;
        weights start at multiples of 64 bytes, and those under 1 KiB stay in the model.
    """
    proto, folder = onnx.load_model_from_string(content), folder_of(content)
    data: list[bytes | memoryview] = []
    size = 0
    for tensor in proto.graph.initializer:
        raw = tensor.raw_data if folder is None else _raw(tensor, folder)
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
        if len(raw) < _LEAST_BYTES:
            if raw:
                tensor.raw_data = bytes(raw)
            continue
        data += [bytes(-size % _ALIGNMENT_BYTES), raw]
        size += len(data[-2])
        entries = {"location": location, "offset": str(size), "length": str(len(raw))}
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=value)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.ClearField("raw_data")
        size += len(raw)
    return proto.SerializeToString(deterministic=True), data


def _raw(tensor: onnx.TensorProto, folder: Path) -> bytes | memoryview:
    """The content of a weight, mapped where it is in a file."""
    info = {entry.key: entry.value for entry in tensor.external_data}
    if not info:
        return tensor.raw_data
    length = int(info["length"])
    if not length:
        return b""
    mapped = np.memmap(folder / info["location"], np.uint8, "r", int(info["offset"]), length)
    return mapped.data
