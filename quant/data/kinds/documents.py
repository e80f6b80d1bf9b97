"""Records of named values, as lines of JSON or rows of a table hold them, as samples.

A record feeds the inputs that its values are called after. Otherwise its text is cut into tokens,
or its picture is fed as pictures are.
"""

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from quant.data.dataset import Dataset
from quant.data.images.preprocessing import Preprocessing
from quant.data.images.reading import read_picture
from quant.data.kinds.base import Asked
from quant.data.kinds.pictures import preprocessing_of
from quant.data.kinds.tokens import TEXTS, tokens_for
from quant.data.npy import Array
from quant.data.rows import Row, headers_of, rows_source
from quant.errors import DataError, did_you_mean
from quant.io.codec import to_json
from quant.types import ONNX_DTYPES, TensorInfo

LABELS: Final = ("label", "labels")
PICTURES: Final = ("image", "img", "picture")
_NUMBERS: Final = "biuf"

Record = Mapping[str, Any]
"""Name -> text, number, list of numbers, or what a picture's file holds."""


@dataclass(frozen=True, eq=False)
class Documents:
    """Records by their number.

    Attributes:
        label: What to call them in messages.
        length: How many there are.
        record: Reads one.
        digest: SHA-256 of all of them.
    """

    label: str
    length: int
    record: Callable[[int], Record]
    digest: Callable[[], bytes]


def data_of(documents: Documents, asked: Asked) -> Dataset:
    """Records as data.

    Raises:
        DataError: If nothing in them feeds the model, or one of them is not like the first.
    """
    if not documents.length:
        raise DataError(f"{documents.label}: there is no record in it; add at least one")
    first = documents.record(0)
    classes = _classes(documents, first)
    inputs = [info.name for info in asked.inputs]
    if inputs and set(inputs) <= set(first):
        row = _values(documents, asked.inputs)
        return _dataset(documents, row, documents.digest, classes)
    if any(name in first for name in TEXTS):
        tokens = tokens_for(asked, (documents.record(at) for at in range(documents.length)))

        def cut(at: int) -> Row:
            return tokens.row(documents.record(at))

        data = _dataset(documents, cut, _with(documents.digest, tokens.digest), classes)
        return replace(data, notes=(*data.notes, *tokens.notes))
    name = next((name for name in PICTURES if name in first), None)
    if name is None:
        wanted = ", ".join(map(repr, inputs)) or "the model's inputs"
        raise DataError(
            f"{documents.label}: expected a value for each of {wanted}, or a text or an image, "
            f"found {', '.join(map(repr, first)) or 'nothing'}"
            f"{did_you_mean(inputs[0], first) if inputs else ''}; name the values so"
        )
    preprocessing, guesses = preprocessing_of(asked)
    said = json.dumps(to_json(preprocessing), sort_keys=True).encode()
    row = _picture_rows(documents, name, preprocessing)
    data = _dataset(documents, row, _with(documents.digest, said), classes)
    return replace(data, notes=(*data.notes, *guesses), preprocessing=preprocessing)


@dataclass(frozen=True, eq=False)
class _Classes:
    """The class of each record, the names of the classes, and what is told of them."""

    labels: NDArray[np.int64] | None = None
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def _dataset(
    documents: Documents,
    row: Callable[[int], Row],
    digest: Callable[[], bytes],
    classes: _Classes,
) -> Dataset:
    headers = headers_of(row(0), documents.length)
    source = rows_source(documents.label, headers, row, digest, classes.labels)
    return Dataset((source,), classes=classes.names, notes=classes.notes)


def _with(digest: Callable[[], bytes], said: bytes) -> Callable[[], bytes]:
    return lambda: hashlib.sha256(said + digest()).digest()


def _picture_rows(
    documents: Documents, name: str, preprocessing: Preprocessing
) -> Callable[[int], Row]:

    def row(at: int) -> Row:
        value = documents.record(at)[name]
        content = cast("Record", value).get("bytes") if isinstance(value, Mapping) else value
        where = f"{documents.label}, record {at + 1}"
        if not isinstance(content, bytes):
            raise DataError(f"{where}: expected the bytes of a picture's file in {name!r}")
        return {"": preprocessing.sample(read_picture(io.BytesIO(content), where))}

    return row


def _values(documents: Documents, inputs: Sequence[TensorInfo]) -> Callable[[int], Row]:
    """Records whose values are called after the inputs; lists are padded to the longest."""
    longest = {info.name: 0 for info in inputs if _open(info)}
    if longest:
        for at in range(documents.length):
            record = documents.record(at)
            found = {name: len(_array(documents, record, name, at)) for name in longest}
            longest = {name: max(size, found[name]) for name, size in longest.items()}

    def row(at: int) -> Row:
        record = documents.record(at)
        found: dict[str, Array] = {}
        for info in inputs:
            array = _array(documents, record, info.name, at)
            dtype = ONNX_DTYPES.get(info.dtype)
            if dtype is not None:
                array = array.astype(dtype)
            if info.name in longest:
                array = np.pad(array, (0, longest[info.name] - len(array)))
            found[info.name] = array
        return found

    return row


def _open(info: TensorInfo) -> bool:
    """Whether an input takes lists of any length."""
    return info.shape is not None and len(info.shape) == 2 and not isinstance(info.shape[1], int)


def _array(documents: Documents, record: Record, name: str, at: int) -> Array:
    try:
        array = np.asarray(record[name])
    except (KeyError, ValueError) as error:
        raise DataError(
            f"{documents.label}, record {at + 1}: expected numbers in {name!r}, as in the first "
            "record"
        ) from error
    if array.dtype.kind not in _NUMBERS:
        raise DataError(
            f"{documents.label}, record {at + 1}: expected numbers in {name!r}, found {array.dtype}"
        )
    return array


def _classes(documents: Documents, first: Record) -> _Classes:
    """The class of each record."""
    name = next((name for name in LABELS if name in first), None)
    if name is None or isinstance(first[name], list):
        return _Classes()
    values = [documents.record(at).get(name) for at in range(documents.length)]
    if all(isinstance(value, int) for value in values):
        return _Classes(np.array(values, np.int64))
    words = [value for value in values if isinstance(value, str)]
    if len(words) != len(values):
        raise DataError(
            f"{documents.label}: expected a whole number or a name as the {name!r} of each "
            "record; give all or none"
        )
    names = sorted(set(words))
    places = {word: place for place, word in enumerate(names)}
    listed = ", ".join(f"{place} {word}" for word, place in list(places.items())[:3])
    note = f"The {len(names):,} classes are numbered in the order of their names ({listed})."
    return _Classes(np.array([places[word] for word in words], np.int64), tuple(names), (note,))
