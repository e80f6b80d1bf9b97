"""Folders ``test_data_set_0``, ``test_data_set_1``, ... as ONNX models have: a tensor a file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import onnx
from onnx import numpy_helper

from quant.data.dataset import Dataset
from quant.data.kinds.base import Asked, Kind
from quant.data.npy import Array
from quant.data.sources import DataSource, arrays_source
from quant.errors import DataError, did_you_mean
from quant.io.show import counted
from quant.types import TensorInfo

_FILE: Final = re.compile(r"input_(\d+)\.pb")
MOST_BYTES: Final = 2 << 30
"""What one file may hold, the most that its format can."""


def tensor_sets(path: Path) -> list[Path]:
    """The folders of tensors that a path stands for: itself, or those in it, in numbered order."""
    if not path.is_dir():
        return []
    if _tensors(path):
        return [path]
    inside = [folder for folder in path.iterdir() if folder.is_dir() and _tensors(folder)]
    return sorted(inside, key=lambda folder: [int(n) for n in re.findall(r"\d+", folder.name)])


def tensors_of(folder: Path, names: Sequence[str]) -> dict[str, Array]:
    """The inputs of a set.

    Args:
        folder: The set.
        names: The model's inputs, in order; a tensor without a name of its own is the
            one that its file's number says.

    Raises:
        DataError: If a file holds no tensor, or one that the model does not have.
    """
    found: dict[str, Array] = {}
    for number, file in _tensors(folder):
        tensor = _tensor(file)
        name = tensor.name if tensor.name in names or number >= len(names) else names[number]
        if names and name not in names:
            raise DataError(
                f"{folder.name}/{file.name}: expected one of {counted(len(names), 'input')}, found "
                f"{name!r}{did_you_mean(name, names)}; remove the file"
            )
        found[name or file.stem] = _array(tensor, file)
    return found


def _tensors(folder: Path) -> list[tuple[int, Path]]:
    """The number in a file's name, and the file."""
    matches = ((_FILE.fullmatch(file.name), file) for file in folder.iterdir())
    return sorted((int(found[1]), file) for found, file in matches if found)


def _tensor(file: Path) -> onnx.TensorProto:
    tensor = onnx.TensorProto()
    try:
        if file.stat().st_size > MOST_BYTES:
            raise DataError(f"{file.name}: the file is larger than its format can be")
        tensor.ParseFromString(file.read_bytes())
    except OSError as error:
        raise DataError(f"{file}: the file cannot be read ({error.strerror})") from error
    except DataError:
        raise
    except Exception as error:  # protobuf's exception classes differ by its implementation
        raise DataError(f"{file.name}: expected a tensor of ONNX, found something else") from error
    return tensor


def _array(tensor: onnx.TensorProto, file: Path) -> Array:
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise DataError(f"{file.name}: the tensor's values are in another file; save them in it")
    try:
        array = numpy_helper.to_array(tensor)
    except Exception as error:  # it raises what each type's reader does
        raise DataError(f"{file.name}: the tensor cannot be read ({error})") from error
    if array.dtype.kind not in "biufUO":
        raise DataError(f"{file.name}: expected numbers or strings, found {array.dtype}")
    return array.astype(str) if array.dtype.kind == "O" else array


def _read(asked: Asked) -> Dataset:
    names = [info.name for info in asked.inputs]
    sources: list[DataSource] = []
    for folder in tensor_sets(asked.path):
        arrays = tensors_of(folder, names)
        missing = [name for name in names if name not in arrays]
        if missing:
            raise DataError(
                f"{folder.name}: expected a tensor for each input, found none for "
                f"{', '.join(map(repr, missing))}; add input_{names.index(missing[0])}.pb"
            )
        stacked = _stacked(arrays, asked.inputs)
        source = arrays_source(stacked, frozenset(stacked))
        sources.append(replace(source, label=folder.name))
    return Dataset(tuple(sources))


def _stacked(arrays: Mapping[str, Array], inputs: Sequence[TensorInfo]) -> Mapping[str, Array]:
    """With an axis that counts samples, also where a whole input is one sample."""
    if not inputs and all(array.ndim for array in arrays.values()):
        return arrays
    firsts = {arrays[info.name].shape[:1] for info in inputs}
    if len(firsts) == 1 and firsts != {()}:
        return arrays
    return {name: array[None] for name, array in arrays.items()}


SERIALIZED: Final = Kind(lambda path: bool(tensor_sets(path)), _read)
