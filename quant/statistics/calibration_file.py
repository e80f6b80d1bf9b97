"""The file of a calibration: what is small in a JSON document, arrays in columns beside it.

A table says for each field how it is stored, so a new statistic is one line here. Nothing is ever
pickled, and equal content gives equal bytes.
"""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.lib import format as npy
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from quant.data.npy import ArrayError, read_headers
from quant.errors import DataError
from quant.statistics.channel_means import DIGITS, ChannelSums
from quant.statistics.codecs import Codec, Columns, array, counts, digits, optional, plain, record
from quant.statistics.examples import Example
from quant.statistics.histogram import BINS_PER_SIDE, Histogram
from quant.statistics.range_accumulator import RangeRecords
from quant.statistics.sample_histogram import SIDE_BINS, SampleHistogram
from quant.statistics.sample_sums import ExactSum, SampleSums
from quant.statistics.tensor_stats import TensorStats

Array = NDArray[np.generic]

FORMAT = "QuantLens calibration"
VERSION = 5

_PROBE = "probe:"
_EXAMPLE = "example {}:"
_SUMS = "sums"
_EARLIEST = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class Content:
    """What a file holds.

    Attributes:
        model_fingerprint: Fingerprint of the model it belongs to.
        samples: Number of samples.
        tensors: Statistics of the tensors, by name.
        probe: The inputs of the first sample.
        channel_sums: Sums of channels' means, by tensor.
        infinite: Tensors that held an infinite value.
        examples: A few samples.
    """

    model_fingerprint: str
    samples: int
    tensors: Mapping[str, TensorStats]
    probe: Mapping[str, Array]
    channel_sums: Mapping[str, ChannelSums]
    infinite: frozenset[str]
    examples: tuple[Example, ...]


_INT, _FLOAT, _TEXT = plain(int), plain(float), plain(str)

HISTOGRAM: Mapping[str, Codec] = {
    "negative": counts("negative", BINS_PER_SIDE, np.int64),
    "positive": counts("positive", BINS_PER_SIDE, np.int64),
    "negative_exponent": _INT,
    "positive_exponent": _INT,
    "zeros": _INT,
}

SAMPLE_HISTOGRAM: Mapping[str, Codec] = {
    "index": _INT,
    "low": _FLOAT,
    "high": _FLOAT,
    "zeros": _INT,
    "negative": counts("sample_negative", SIDE_BINS, np.uint32),
    "positive": counts("sample_positive", SIDE_BINS, np.uint32),
}

EXACT_SUM: Mapping[str, Codec] = {"below": _INT, "above": _INT}

_SUM = record(ExactSum, EXACT_SUM)

SAMPLE_SUMS: Mapping[str, Codec] = {
    "min": _SUM,
    "max": _SUM,
    "abs_max": _SUM,
    "low_quantile": _SUM,
    "high_quantile": _SUM,
}

RANGE_RECORDS: Mapping[str, Codec] = {
    "ordinals": array("record_ordinals", np.int64),
    "positions": array("record_positions", np.int64),
    "values": array("record_values", np.float32),
}

_RECORDS = record(RangeRecords, RANGE_RECORDS)
_SAMPLE = record(SampleHistogram, SAMPLE_HISTOGRAM)

TENSOR_STATS: Mapping[str, Codec] = {
    "name": _TEXT,
    "min": _FLOAT,
    "max": _FLOAT,
    "count": _INT,
    "zeros": _INT,
    "histogram": record(Histogram, HISTOGRAM),
    "samples": _INT,
    "channel_axis": optional(_INT),
    "channel_min": optional(array("channel_min", np.float32)),
    "channel_max": optional(array("channel_max", np.float32)),
    "sample_sums": record(SampleSums, SAMPLE_SUMS),
    "min_records": _RECORDS,
    "max_records": _RECORDS,
    "quietest": _SAMPLE,
    "last": optional(_SAMPLE),
}
"""How each field of the statistics of a tensor is stored; there is one line for each."""

CHANNEL_SUMS: Mapping[str, Codec] = {
    "below": digits("channel_sums_below", DIGITS),
    "above": digits("channel_sums_above", DIGITS),
    "samples": _INT,
}

_CHANNEL_SUMS = record(ChannelSums, CHANNEL_SUMS)
_TENSOR = record(TensorStats, TENSOR_STATS)


def to_bytes(content: Content) -> bytes:
    """The file as bytes; equal content gives equal bytes."""
    columns = Columns()
    about = {
        "format": FORMAT,
        "version": VERSION,
        "model_fingerprint": content.model_fingerprint,
        "samples": content.samples,
        "tensors": [_TENSOR.write(stats, columns) for stats in content.tensors.values()],
        "channel_sums": {
            name: _CHANNEL_SUMS.write(sums, columns) for name, sums in content.channel_sums.items()
        },
        "infinite": sorted(content.infinite),
        "examples": len(content.examples),
    }
    arrays = {
        "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
        **columns.joined(),
        **{_PROBE + name: feed for name, feed in content.probe.items()},
        **{
            _EXAMPLE.format(index) + name: feed
            for index, example in enumerate(content.examples)
            for name, feed in example.feeds.items()
        },
    }
    sums = {name: checksum(stored) for name, stored in arrays.items()}
    arrays[_SUMS] = np.frombuffer(json.dumps(sums).encode(), np.uint8)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        for name, stored in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", _EARLIEST)
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w") as stream:
                npy.write_array(stream, np.ascontiguousarray(stored), allow_pickle=False)
    return file.getvalue()


def checksum(stored: Array) -> str:
    """A checksum of an array with its type and shape."""
    sha = hashlib.blake2b(f"{stored.dtype.str}:{stored.shape}:".encode(), digest_size=16)
    sha.update(np.ascontiguousarray(stored).data if stored.size else b"")
    return sha.hexdigest()


def read(path: Path) -> Content:
    """Read what :func:`to_bytes` made.

    Args:
        path: The file.

    Raises:
        DataError: If there is no such file, it is no calibration, one of another version, or it is
            damaged.
    """
    if not os.path.isfile(path):  # noqa: PTH113 - no name makes this one raise
        raise DataError(f"{path}: there is no such file; check the path")
    try:
        _check_headers(path)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = _arrays(archive)
        return _content(arrays)
    except _VersionError as error:
        raise DataError(f"{path.name}: {error}; calibrate again") from error
    except _DamagedError as error:
        raise DataError(
            f"{path.name}: the calibration is damaged: its array {str(error)!r} is not as it was "
            "written; calibrate again"
        ) from error
    except Exception as error:  # damaged bytes raise whatever a library forgot to catch
        raise DataError(
            f"{path.name}: expected a calibration that QuantLens wrote, found a file of another "
            "kind or a damaged one; calibrate again"
        ) from error


def _check_headers(path: Path) -> None:
    """Make sure that no array claims more than the file holds, before any is read."""
    try:
        read_headers(path)
    except ArrayError as error:
        if error.array:
            raise _DamagedError(error.array) from error
        raise


def _arrays(archive: NpzFile) -> dict[str, Array]:
    """The arrays of a file, each as it was written."""
    arrays: dict[str, Array] = {}
    for name in map(str, archive.files):
        try:
            arrays[name] = cast("Array", archive[name])
        except Exception as error:  # as above
            raise _DamagedError(name) from error
    if _SUMS in arrays:  # a file of another kind or version has none
        sums = cast("dict[str, str]", json.loads(arrays[_SUMS].tobytes()))
        for name in (sums.keys() | arrays.keys()) - {_SUMS}:
            if name not in arrays or sums.get(name) != checksum(arrays[name]):
                raise _DamagedError(name)
    return arrays


class _DamagedError(ValueError):
    """An array is not as it was written; its name."""


class _VersionError(ValueError):
    """The file is a calibration, but of another version."""


def _content(arrays: Mapping[str, Array]) -> Content:
    """What the arrays of a file hold; anything odd raises."""
    about = cast("dict[str, Any]", json.loads(arrays["about"].tobytes()))
    if about["format"] != FORMAT:
        raise ValueError("another kind of file")
    if about["version"] != VERSION:
        raise _VersionError(
            f"expected a calibration in format version {VERSION}, found version {about['version']}"
        )
    if _SUMS not in arrays:
        raise ValueError("no checksums")
    probe = _behind(_PROBE, arrays)
    places = [_EXAMPLE.format(index) for index in range(int(about["examples"]))]
    examples = tuple(Example(_behind(place, arrays)) for place in places)
    feeds = (_PROBE, *places)
    small = {"about", _SUMS}
    columns = Columns(
        {n: a for n, a in arrays.items() if n not in small and not n.startswith(feeds)}
    )
    found = [_TENSOR.read(item, columns) for item in about["tensors"]]
    infinite = frozenset(str(name) for name in about["infinite"])
    stored = about["channel_sums"].items()
    sums = {str(name): _CHANNEL_SUMS.read(item, columns) for name, item in stored}
    columns.check_all_taken()
    tensors = {stats.name: stats for stats in found}
    if len(tensors) != len(found):
        raise ValueError("two tensors of one name")
    fingerprint, samples = str(about["model_fingerprint"]), int(about["samples"])
    return Content(fingerprint, samples, tensors, probe, sums, infinite, examples)


def _behind(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays whose names begin with ``prefix``, by what is behind it."""
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
