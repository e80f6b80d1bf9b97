"""Keep large weights in a file beside the model, as the model it came from did."""

import onnx

SUFFIX = ".data"
_LEAST_BYTES = 1024
_ALIGNMENT_BYTES = 64


def move_weights_out(content: bytes, location: str) -> tuple[bytes, bytes]:
    """Split a model into its graph and the content of an external data file.

    Args:
        content: Bytes of an ``.onnx`` file that holds its weights.
        location: Name of the data file beside it.

    Returns:
        Bytes of the ``.onnx`` file that names ``location``, and those of the data file; weights
        start at multiples of 64 bytes, and those under 1 KiB stay in the model.
    """
    proto = onnx.load_model_from_string(content)
    data = bytearray()
    for tensor in proto.graph.initializer:
        raw = tensor.raw_data
        if len(raw) < _LEAST_BYTES:
            continue
        data.extend(bytes(-len(data) % _ALIGNMENT_BYTES))
        entries = {"location": location, "offset": str(len(data)), "length": str(len(raw))}
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=value)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.ClearField("raw_data")
        data.extend(raw)
    return proto.SerializeToString(deterministic=True), bytes(data)
