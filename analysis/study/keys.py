"""What a result is called and what it depends on: the only place where keys are made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Part = Literal[
    "model",
    "calibration data",
    "number of calibration samples",
    "calibration",
    "recipe",
    "data",
    "number of samples",
    "metric",
    "version of QuantLens",
    "version of ONNX Runtime",
    "what is known",
    "unit",
]
"""What results depend on, in words that a refusal can say."""

VERSIONS: tuple[Part, ...] = ("version of QuantLens", "version of ONNX Runtime")
CALIBRATED: tuple[Part, ...] = (
    "model",
    "calibration data",
    "number of calibration samples",
    *VERSIONS,
)
QUANTIZED: tuple[Part, ...] = ("model", "recipe", "calibration", *VERSIONS)
MEASURED: tuple[Part, ...] = (
    "model",
    "recipe",
    "calibration",
    "data",
    "number of samples",
    *VERSIONS,
)
SCORED: tuple[Part, ...] = (
    "model",
    "recipe",
    "calibration",
    "data",
    "number of samples",
    "metric",
    *VERSIONS,
)

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class StudyKey:
    """Names one result of one experiment: equal keys, equal results.

    Attributes:
        name: What the result is.
        about: What it depends on, in words, with the digest or value of each.
    """

    name: str
    about: tuple[tuple[Part, str], ...]

    @property
    def text(self) -> str:
        """The key as one text."""
        return "/".join((self.name, *(value for _, value in self.about)))

    def values(self) -> Mapping[Part, str]:
        """What the result depends on -> its digest or value."""
        return dict(self.about)


@dataclass(frozen=True)
class Keyed:
    """What a key can be made for.

    Attributes:
        name: What it is called.
        depends_on: What it depends on.
    """

    name: str
    depends_on: tuple[Part, ...]


@dataclass(frozen=True)
class Result(Keyed, Generic[T_co]):
    """A kind of result.

    Attributes:
        keep: How many of its kind are kept in memory at most.
    """

    keep: int = 12
