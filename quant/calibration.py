"""The statistics of a model's tensors over a data set, kept in memory or in a file."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from quant.array_files import read_headers
from quant.errors import DataError
from quant.files import write_file
from quant.histogram import BINS_PER_SIDE, Histogram
from quant.model import Model
from quant.stats import TensorStats

Array = NDArray[np.generic]

FORMAT = "QuantLens calibration"
VERSION = 1

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
            name: _merged(found) if len(found) == 2 else found[0]
            for name in names
            if (found := [c.tensors[name] for c in (self, other) if name in c.tensors])
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
                [np.empty((2, 0), np.float32), *(np.array(pair) for pair in channels)], axis=1
            ),
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
    """The file is a calibration, but of a later format."""


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
    channels = arrays["channels"].astype(np.float32)
    tensors: dict[str, TensorStats] = {}
    at = channel = 0
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
        axis = item["channel_axis"]
        pair = None if axis is None else channels[:, channel : channel + width].copy()
        tensors[name] = TensorStats(
            name=name,
            count=histogram.count,
            zeros=histogram.zeros,
            histogram=histogram,
            samples=int(item["samples"]),
            channel_axis=None if axis is None else int(axis),
            channel_min=None if pair is None else pair[0],
            channel_max=None if pair is None else pair[1],
            **values,
        )
        at, channel = at + filled, channel + width
    if at != len(bins) or at != len(counts) or channel != channels.shape[1] or counts.min() < 1:
        raise ValueError("lengths that do not match")
    probe = {n.removeprefix(_PROBE): a for n, a in arrays.items() if n.startswith(_PROBE)}
    return Calibration(str(about["model_fingerprint"]), tensors, int(about["samples"]), probe)


def _merged(pair: list[TensorStats]) -> TensorStats:
    """Statistics over the samples of both."""
    a, b = pair
    samples = a.samples + b.samples

    def mean(name: str) -> float:
        return (getattr(a, name) * a.samples + getattr(b, name) * b.samples) / samples

    low = high = axis = None
    if (
        a.channel_min is not None
        and b.channel_min is not None
        and a.channel_max is not None
        and b.channel_max is not None
        and (a.channel_axis, a.channel_min.shape) == (b.channel_axis, b.channel_min.shape)
    ):
        axis = a.channel_axis
        low = np.minimum(a.channel_min, b.channel_min)
        high = np.maximum(a.channel_max, b.channel_max)
    histogram = a.histogram.merged(b.histogram)
    return TensorStats(
        name=a.name,
        min=min(a.min, b.min),
        max=max(a.max, b.max),
        count=histogram.count,
        zeros=histogram.zeros,
        histogram=histogram,
        samples=samples,
        channel_axis=axis,
        channel_min=low,
        channel_max=high,
        **{name: mean(name) for name in _REALS[2:]},
    )
