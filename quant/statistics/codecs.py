"""How values are stored: small ones in a JSON document, arrays in columns beside it.

Every column holds the arrays of one field of all records, one after the other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[np.generic]


class Columns:
    """The arrays beside the document; they are read in the order they were written."""

    def __init__(self, stored: Mapping[str, Array] | None = None) -> None:
        self._parts: dict[str, list[Array]] = {}
        self._stored = stored or {}
        self._at: dict[str, int] = {}

    def put(self, name: str, array: Array) -> None:
        """Append to a column."""
        self._parts.setdefault(name, []).append(array)

    def take(self, name: str, length: int) -> Array:
        """The next part of a column."""
        at = self._at.get(name, 0)
        part = self._stored[name][at : at + length]
        if length < 0 or part.shape != (length,):
            raise ValueError(f"column {name} is too short")
        self._at[name] = at + length
        return part

    def joined(self) -> dict[str, Array]:
        """Every column, whole numbers in the narrowest type that holds them."""
        return {name: _narrow(np.concatenate(parts)) for name, parts in self._parts.items()}

    def check_all_taken(self) -> None:
        """Refuse what is left over."""
        for name, array in self._stored.items():
            if self._at.get(name, 0) != len(array):
                raise ValueError(f"column {name} is too long")


def _narrow(array: Array) -> Array:
    if array.dtype.kind != "i":
        return array
    whole = array.astype(np.int64)
    if int(whole.min(initial=0)) < 0:
        return whole
    return whole.astype(np.min_scalar_type(int(whole.max(initial=0))))


@dataclass(frozen=True)
class Codec:
    """How a field is stored.

    Attributes:
        write: From a value and the columns to what the document holds.
        read: The way back; anything odd raises.
    """

    write: Callable[[Any, Columns], Any]
    read: Callable[[Any, Columns], Any]


def plain(kind: type[int] | type[float] | type[str]) -> Codec:
    """A value in the document itself."""

    def read(found: Any, columns: Columns) -> Any:
        del columns
        if type(found) is not kind:
            raise ValueError(f"expected {kind.__name__}, found {found!r}")
        return found

    return Codec(lambda value, _: kind(value), read)


def array(column: str, dtype: DTypeLike) -> Codec:
    """An array in a column, its length in the document."""

    def write(value: Array, columns: Columns) -> int:
        columns.put(column, value)
        return len(value)

    return Codec(
        write, lambda length, columns: columns.take(column, int(length)).astype(dtype, copy=True)
    )


def counts(column: str, size: int, dtype: DTypeLike) -> Codec:
    """Counts of bins: those in use in two columns, how many they are in the document."""

    def write(value: Array, columns: Columns) -> int:
        used = np.flatnonzero(value)
        columns.put(f"{column}_bins", used)
        columns.put(column, value[used].astype(np.int64))
        return len(used)

    def read(length: Any, columns: Columns) -> Array:
        bins = columns.take(f"{column}_bins", int(length)).astype(np.intp)
        filled = columns.take(column, int(length)).astype(np.int64)
        if (np.diff(bins) < 1).any() or (filled < 1).any():
            raise ValueError(f"column {column} holds bins out of order or empty ones")
        value = np.zeros(size, dtype)
        value[bins] = filled
        return value

    return Codec(write, read)


def digits(column: str, places: int) -> Codec:
    """Numbers as digits, int64 of shape (places, n): in a column, how many they are beside it."""

    def write(value: Array, columns: Columns) -> int:
        columns.put(column, value.reshape(-1))
        return value.shape[1]

    def read(length: Any, columns: Columns) -> Array:
        found = columns.take(column, places * int(length)).astype(np.int64)
        return found.reshape(places, int(length))

    return Codec(write, read)


def optional(codec: Codec) -> Codec:
    """None, or what the codec stores."""
    return Codec(
        lambda value, columns: None if value is None else codec.write(value, columns),
        lambda found, columns: None if found is None else codec.read(found, columns),
    )


def record(kind: Callable[..., Any], table: Mapping[str, Codec]) -> Codec:
    """A dataclass: its fields by name."""

    def write(value: Any, columns: Columns) -> dict[str, Any]:
        return {name: codec.write(getattr(value, name), columns) for name, codec in table.items()}

    def read(found: Any, columns: Columns) -> Any:
        if set(found) != set(table):
            raise ValueError(f"expected the fields {', '.join(table)}, found {', '.join(found)}")
        return kind(**{name: codec.read(found[name], columns) for name, codec in table.items()})

    return Codec(write, read)
