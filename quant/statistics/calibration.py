"""The statistics of a model's tensors over a data set, kept in memory or in a file."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from quant.errors import DataError
from quant.io.atomic import write_file
from quant.io.show import card, one_line, table
from quant.model.model import Model
from quant.statistics import calibration_file
from quant.statistics.channel_means import ChannelSums
from quant.statistics.examples import Example, kept
from quant.statistics.merge import merged
from quant.statistics.tensor_stats import TensorStats

Array = NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class Calibration:
    """What one pass over the data found.

    Attributes:
        model_fingerprint: Fingerprint of the model it belongs to.
        tensors: Statistics of every tensor that a recipe could quantize, by name, in alphabetical
            order. A tensor that never held a value is left out.
        samples: Number of samples.
        probe: The inputs of the first sample, with axis 0 of size 1; exports are verified on it.
        channel_sums: For the tensors that weights multiply, sums of their channels' means.
        infinite: Tensors that held an infinite value in some sample; they have no statistics.
        examples: A few samples themselves; see :mod:`quant.statistics.examples`.
    """

    model_fingerprint: str
    tensors: Mapping[str, TensorStats]
    samples: int
    probe: Mapping[str, Array]
    channel_sums: Mapping[str, ChannelSums] = field(default_factory=dict[str, ChannelSums])
    infinite: frozenset[str] = frozenset()
    examples: tuple[Example, ...] = ()

    def __post_init__(self) -> None:
        ordered = MappingProxyType({name: self.tensors[name] for name in sorted(self.tensors)})
        object.__setattr__(self, "tensors", ordered)
        sums = MappingProxyType(
            {name: self.channel_sums[name] for name in sorted(self.channel_sums)}
        )
        object.__setattr__(self, "channel_sums", sums)

    def __add__(self, other: "Calibration") -> "Calibration":
        """See :meth:`merged`."""
        return self.merged(other)

    def __repr__(self) -> str:
        """Model and counts, in one line."""
        return (
            f"<Calibration of model {one_line(self.model_fingerprint[:12])}: "
            f"{len(self.tensors):,} tensors over {self.samples:,} samples>"
        )

    def _repr_html_(self) -> str:
        """Range and distribution of the tensors, for a notebook."""
        rows = (
            (s.name, f"{s.min:.4g} to {s.max:.4g}", f"{s.zeros / s.count:.1%}", s.sparkline())
            for s in self.tensors.values()
        )
        head = ("Tensor", "Range", "Zeros", "Distribution")
        return card(repr(self), table(head, rows, len(self.tensors)))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything here, as hexadecimal digits."""
        sha = hashlib.sha256(f"{self.model_fingerprint}:{self.samples}:".encode())
        for stats in self.tensors.values():
            sha.update(stats.digest.encode())
        for name, array in self.probe.items():
            sha.update(f"{name}:{array.dtype.str}:{array.shape}:".encode())
            sha.update(array.tobytes())
        for name, sums in self.channel_sums.items():
            sha.update(f"{name}:{sums.samples}:{sums.below.shape}:".encode())
            sha.update(sums.below.tobytes() + sums.above.tobytes())
        sha.update(repr(sorted(self.infinite)).encode() if self.infinite else b"")
        for example in self.examples:
            sha.update(example.digest)
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
        """The calibration over the data of both, equal in every field to that of one run.

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
        infinite = self.infinite | other.infinite
        names = dict.fromkeys((*self.tensors, *other.tensors)).keys() - infinite
        tensors = {
            name: merged(self.tensors.get(name), other.tensors.get(name), self.samples)
            for name in names
        }
        sums = _summed(self.channel_sums, other.channel_sums)
        return Calibration(
            self.model_fingerprint,
            tensors,
            self.samples + other.samples,
            self.probe,
            {name: found for name, found in sums.items() if name not in infinite},
            infinite,
            kept((*self.examples, *other.examples)),
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
        return calibration_file.to_bytes(
            calibration_file.Content(
                self.model_fingerprint,
                self.samples,
                self.tensors,
                self.probe,
                self.channel_sums,
                self.infinite,
                self.examples,
            )
        )

    @classmethod
    def load(cls, path: str | Path) -> "Calibration":
        """Read what :meth:`save` wrote.

        Args:
            path: The file.

        Returns:
            The calibration, equal to the one saved.

        Raises:
            DataError: If there is no such file, it is no calibration, one of another version, or it
                is damaged.
        """
        found = calibration_file.read(Path(path))
        return cls(
            found.model_fingerprint,
            found.tensors,
            found.samples,
            found.probe,
            found.channel_sums,
            found.infinite,
            found.examples,
        )


def _summed(a: Mapping[str, ChannelSums], b: Mapping[str, ChannelSums]) -> dict[str, ChannelSums]:
    """The sums over the samples of both; without tensors whose channels vary in number."""
    both = {name: (a[name], b[name]) for name in a.keys() & b.keys()}
    return {
        **{name: sums for name, sums in {**a, **b}.items() if name not in both},
        **{name: x + y for name, (x, y) in both.items() if x.below.shape == y.below.shape},
    }
