"""The statistics of a model's tensors over a data set, kept in memory or in a file."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from quant.data.npy import read_headers
from quant.errors import DataError
from quant.io.atomic import write_file
from quant.model.model import Model
from quant.statistics.histogram import BINS_PER_SIDE, Histogram
from quant.statistics.merge import merged
from quant.statistics.sample_histogram import SIDE_BINS, SampleHistogram
from quant.statistics.tensor_stats import TensorStats, growth_samples

Array = NDArray[np.generic]

FORMAT = "QuantLens calibration"
VERSION = 3

_REALS = (
    "min",
    "max",
    "mean_sample_min",
    "mean_sample_max",
    "mean_sample_abs_max",
    "mean_low_quantile",
    "mean_high_quantile",
)
_PROBE = "probe:"
_EARLIEST = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class Calibration:
    """What one pass over the data found.

    Attributes:
        model_fingerprint: Fingerprint of the model it belongs to.
        tensors: Statistics of every tensor that a recipe could quantize. A tensor that never held
            a value is left out.
        samples: Number of samples.
        probe: The inputs of the first sample, with axis 0 of size 1; exports are verified on it.
    """

    model_fingerprint: str
    tensors: Mapping[str, TensorStats]
    samples: int
    probe: Mapping[str, Array]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything here, as hexadecimal digits."""
        sha = hashlib.sha256(f"{self.model_fingerprint}:{self.samples}:".encode())
        for stats in self.tensors.values():
            sha.update(stats.digest.encode())
        for name, array in self.probe.items():
            sha.update(f"{name}:{array.dtype.str}:{array.shape}:".encode())
            sha.update(array.tobytes())
        return sha.hexdigest()

    def check(self, model: Model) -> None:
        """Make sure that these are statistics of ``model``.

        Raises:
            DataError: If they are those of another model.
        """
        if self.model_fingerprint != model.fingerprint:
            raise DataError(
                f"the calibration belongs to another model (fingerprint "
                f"{self.model_fingerprint[:12]}, {model.name} has {model.fingerprint[:12]}); "
                "calibrate this model"
            )

    def merged(self, other: "Calibration") -> "Calibration":
        """The calibration over the data of both: counts and extremes are exact.

        How the range grew in the other's samples is known after some of them only: a row of
        ``growth`` between two of those holds the range after the earlier one.

        Args:
            other: A calibration of the same model on other samples, which come after these.

        Returns:
            The calibration; its probe is this one's.

        Raises:
            DataError: If the other belongs to another model.
        """
        if other.model_fingerprint != self.model_fingerprint:
            raise DataError(
                "only calibrations of one model can be merged, found the fingerprints "
                f"{self.model_fingerprint[:12]} and {other.model_fingerprint[:12]}"
            )
        names = dict.fromkeys((*self.tensors, *other.tensors))
        tensors = {
            name: merged(self.tensors.get(name), other.tensors.get(name), self.samples)
            for name in names
        }
        return Calibration(
            self.model_fingerprint, tensors, self.samples + other.samples, self.probe
        )

    def save(self, path: str | Path) -> None:
        """Write it to a ``.npz`` file, whole or not at all. Equal content gives equal bytes.

        Args:
            path: The file.

        Raises:
            ExportError: If it cannot be written.
        """
        write_file(Path(path), self.to_bytes())

    def to_bytes(self) -> bytes:
        """The content of the ``.npz`` file."""
        stats = list(self.tensors.values())
        counts = [s.histogram.counts() for s in stats]
        used = [np.flatnonzero(c) for c in counts]
        channels = [(s.channel_min, s.channel_max) for s in stats if s.channel_min is not None]
        about = {
            "format": FORMAT,
            "version": VERSION,
            "model_fingerprint": self.model_fingerprint,
            "samples": self.samples,
            "tensors": [
                {
                    "name": s.name,
                    "samples": s.samples,
                    "zeros": s.histogram.zeros,
                    "exponents": [s.histogram.negative_exponent, s.histogram.positive_exponent],
                    "bins": len(bins),
                    "channel_axis": s.channel_axis,
                    "channels": 0 if s.channel_min is None else len(s.channel_min),
                    "end_samples": [s.min_sample, s.max_sample],
                    "quietest": _about(s.quietest),
                    "last": _about(s.last) if s.last else None,
                }
                for s, bins in zip(stats, used, strict=True)
            ],
        }
        filled = np.concatenate(
            [c[bins] for c, bins in zip(counts, used, strict=True)] or [np.empty(0, np.int64)]
        )
        arrays: dict[str, Array] = {
            "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
            "reals": np.array([[getattr(s, name) for name in _REALS] for s in stats]),
            "bins": np.concatenate([np.empty(0, np.int64), *used]).astype(np.uint16),
            "counts": filled.astype(np.min_scalar_type(int(filled.max(initial=0)))),
            "channels": np.concatenate(
                [np.empty((2, 0), np.float32), *(np.array(rows) for rows in channels)], axis=1
            ),
            "growth": np.concatenate([np.empty((0, 2), np.float32), *(s.growth for s in stats)]),
            **_packed([c for s in stats for c in (s.quietest, s.last) if c]),
            **{_PROBE + name: array for name, array in self.probe.items()},
        }
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
            for name, array in arrays.items():
                member = zipfile.ZipInfo(f"{name}.npy", _EARLIEST)
                member.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(member, "w") as file:
                    npy.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
        return content.getvalue()

    @classmethod
    def load(cls, path: str | Path) -> "Calibration":
        """Read what :meth:`save` wrote.

        Args:
            path: The file.

        Returns:
            The calibration, equal to the one saved.

        Raises:
            DataError: If there is no such file, it is no calibration, or it is damaged.
        """
        path = Path(path)
        if not path.is_file():
            raise DataError(f"{path}: there is no such file; check the path")
        try:
            read_headers(path)
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                arrays = {str(name): cast("Array", archive[name]) for name in archive.files}
            return _read(arrays)
        except (DataError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise DataError(_foreign(path, error)) from error
        except (OSError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(_foreign(path, error)) from error


def _foreign(path: Path, error: Exception) -> str:
    detail = f" ({error})" if isinstance(error, _VersionError) else ""
    return (
        f"{path.name}: expected a calibration that QuantLens wrote, found a file of another kind "
        f"or a damaged one{detail}; calibrate again"
    )


class _VersionError(ValueError):
    """The file is a calibration, but of another version."""


def _read(arrays: Mapping[str, Array]) -> Calibration:
    """Build a calibration from the arrays of its file; anything odd raises."""
    about = cast("dict[str, Any]", json.loads(arrays["about"].tobytes()))
    if about["format"] != FORMAT:
        raise ValueError("another kind of file")
    if about["version"] != VERSION:
        raise _VersionError(f"format version {about['version']}, this program reads {VERSION}")
    items = cast("list[dict[str, Any]]", about["tensors"])
    reals = arrays["reals"].reshape(len(items), len(_REALS)).astype(np.float64)
    bins, counts = arrays["bins"].astype(np.intp), arrays["counts"].astype(np.int64)
    channels, growth = arrays["channels"].astype(np.float32), arrays["growth"].astype(np.float32)
    samples = _unpacked(arrays, [i[k] for i in items for k in ("quietest", "last") if i[k]])
    tensors: dict[str, TensorStats] = {}
    at = channel = grown = 0
    for item, row in zip(items, reals, strict=True):
        values = dict(zip(_REALS, row.tolist(), strict=True))
        name, width, filled = str(item["name"]), int(item["channels"]), int(item["bins"])
        dense = np.zeros(2 * BINS_PER_SIDE, np.int64)
        dense[bins[at : at + filled]] = counts[at : at + filled]
        histogram = Histogram(
            dense[BINS_PER_SIDE - 1 :: -1].copy(),
            dense[BINS_PER_SIDE:].copy(),
            *(int(e) for e in item["exponents"]),
            zeros=int(item["zeros"]),
        )
        axis, count = item["channel_axis"], int(item["samples"])
        rows = len(growth_samples(count))
        min_sample, max_sample = (int(n) for n in item["end_samples"])
        ends = None if axis is None else channels[:, channel : channel + width].copy()
        tensors[name] = TensorStats(
            name=name,
            count=histogram.count,
            zeros=histogram.zeros,
            histogram=histogram,
            samples=count,
            channel_axis=None if axis is None else int(axis),
            channel_min=None if ends is None else ends[0],
            channel_max=None if ends is None else ends[1],
            growth=growth[grown : grown + rows].copy(),
            min_sample=min_sample,
            max_sample=max_sample,
            quietest=next(samples),
            last=next(samples) if item["last"] else None,
            **values,
        )
        at, channel, grown = at + filled, channel + width, grown + rows
    used = at, at, channel, grown
    if used != (len(bins), len(counts), channels.shape[1], len(growth)) or counts.min() < 1:
        raise ValueError("lengths that do not match")
    probe = {n.removeprefix(_PROBE): a for n, a in arrays.items() if n.startswith(_PROBE)}
    return Calibration(str(about["model_fingerprint"]), tensors, int(about["samples"]), probe)


def _about(counts: SampleHistogram) -> dict[str, Any]:
    """What is small about a sample's counts."""
    used = int(np.count_nonzero(counts.negative) + np.count_nonzero(counts.positive))
    return {
        "index": counts.index,
        "ends": [counts.low, counts.high],
        "zeros": counts.zeros,
        "bins": used,
    }


def _packed(samples: list[SampleHistogram]) -> dict[str, Array]:
    """The bins in use of samples' counts, one after the other."""
    tables = [np.concatenate((c.negative, c.positive)) for c in samples]
    used = [np.flatnonzero(table) for table in tables]
    filled = [table[bins] for table, bins in zip(tables, used, strict=True)]
    counts = np.concatenate([np.empty(0, np.uint32), *filled])
    return {
        "sample_bins": np.concatenate([np.empty(0, np.int64), *used]).astype(np.uint16),
        "sample_counts": counts.astype(np.min_scalar_type(int(counts.max(initial=0)))),
    }


def _unpacked(
    arrays: Mapping[str, Array], items: list[dict[str, Any]]
) -> Iterator[SampleHistogram]:
    """The samples' counts that :func:`_packed` wrote, given what :func:`_about` said of them."""
    bins, counts = (
        arrays["sample_bins"].astype(np.intp),
        arrays["sample_counts"].astype(np.uint32),
    )
    lengths = [int(item["bins"]) for item in items]
    if not sum(lengths) == len(bins) == len(counts) or (len(counts) and counts.min() < 1):
        raise ValueError("lengths that do not match")
    found: list[SampleHistogram] = []
    at = 0
    for item, length in zip(items, lengths, strict=True):
        table = np.zeros(2 * SIDE_BINS, np.uint32)
        table[bins[at : at + length]] = counts[at : at + length]
        low, high = (float(end) for end in item["ends"])
        sides = table[:SIDE_BINS].copy(), table[SIDE_BINS:].copy()
        found.append(SampleHistogram(int(item["index"]), low, high, int(item["zeros"]), *sides))
        at += length
    return iter(found)
