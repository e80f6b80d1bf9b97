"""What a calibration algorithm is, and how it is found by name."""

import weakref
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from functools import lru_cache
from typing import Any, ClassVar, TypeVar

from quant.calibrators.search.divergence import Candidates
from quant.cost_curve import CostCurve
from quant.error_model.context import NO_CONTEXT, TensorContext
from quant.errors import RecipeError
from quant.io.codec import from_json
from quant.io.forms import Misfit, OwnForm, Reader, short, strict
from quant.registry import Registry
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec


@dataclass(frozen=True)
class Calibrator(OwnForm):
    """Chooses a range for a tensor from its statistics.

    A subclass is a frozen dataclass whose fields are its options. A field's metadata says how to
    ask for it: ``label``, ``help``, ``unit``, ``min``, ``max``, ``step``, and for text ``choices``:
    a mapping from each allowed value to what a person reads. A recipe may still call it as it was
    called ``formerly``.

    Attributes:
        name: What a recipe calls it.
        label: What a person reads.
        summary: One sentence on what it does, with its source.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    summary: ClassVar[str]

    def __post_init__(self) -> None:
        """Check every option.

        Raises:
            RecipeError: An option has a wrong type or is out of bounds.
        """
        for option in options_of(type(self)):
            _check(type(self), option, getattr(self, option.name))

    @property
    def key(self) -> str:
        """The one word that :func:`quant.calibrators.calibrator_named` takes for it."""
        return self.name

    @property
    def title(self) -> str:
        """What a person reads for it, options that make it another rule included."""
        return self.label

    def range(
        self, stats: TensorStats, spec: QuantSpec, context: TensorContext = NO_CONTEXT
    ) -> tuple[float, float]:
        """The range to quantize, in real units.

        Args:
            stats: What calibration saw of the tensor.
            spec: The type and symmetry of its codes.
            context: The tensor's consumers and the noise gain of its channels; without knowledge
                for an array outside a model.

        Returns:
            ``rmin <= 0 <= rmax``, both within the observed range widened to hold zero.
        """
        raise NotImplementedError

    def document(self) -> dict[str, Any]:
        """``{"name": ..., "options": {...}}``."""
        options = {option.name: getattr(self, option.name) for option in options_of(type(self))}
        return {"name": self.name, "options": options}

    @classmethod
    def from_document(cls, document: object, read: Reader) -> "Calibrator":
        """The registered calibrator of that name, with these options."""
        found = read(_Named, document)
        return read(REGISTRY.named(found.name), found.options, "options")


_chosen: "weakref.WeakKeyDictionary[TensorStats, dict[object, tuple[float, float]]]" = (
    weakref.WeakKeyDictionary()
)


def chosen_range(
    calibrator: Calibrator, stats: TensorStats, spec: QuantSpec, context: TensorContext
) -> tuple[float, float]:
    """``calibrator.range(stats, spec, context)``, computed once for as long as ``stats`` lives.

    An edit of a recipe changes a few tensors; what was chosen for the others is at hand.

    Args:
        calibrator: The algorithm with its options.
        stats: What calibration saw of the tensor.
        spec: The type and symmetry of its codes.
        context: The tensor's consumers and the noise gain of its channels.

    Returns:
        ``rmin <= 0 <= rmax`` in real units.
    """
    known = _chosen.setdefault(stats, {})
    key = (calibrator, spec, context)
    if key not in known:
        known[key] = calibrator.range(stats, spec, context)
    return known[key]


@dataclass(frozen=True)
class ThresholdSearchCalibrator(Calibrator):
    """Scores every candidate threshold and takes the one of least cost."""

    def curve(
        self, stats: TensorStats, spec: QuantSpec, context: TensorContext = NO_CONTEXT
    ) -> CostCurve:
        """The cost of every candidate threshold.

        Args:
            stats: What calibration saw of the tensor.
            spec: The type and symmetry of its codes.
            context: As for :meth:`range`.

        Returns:
            Thresholds in real units, ascending, and their costs.
        """
        return self.curve_of(shared_candidates(stats, spec), context)

    def curve_of(self, candidates: Candidates, context: TensorContext = NO_CONTEXT) -> CostCurve:
        """The same from prepared candidates, which several algorithms can share."""
        raise NotImplementedError

    def range(
        self, stats: TensorStats, spec: QuantSpec, context: TensorContext = NO_CONTEXT
    ) -> tuple[float, float]:
        """[-T, T] cut to the observed range, with T the threshold of least cost."""
        return within(stats, self.curve(stats, spec, context).best)


@lru_cache(maxsize=8)
def shared_candidates(stats: TensorStats, spec: QuantSpec) -> Candidates:
    """The candidates of a tensor, the same for all who ask for one of the last few tensors."""
    return Candidates(stats, spec)


def within(stats: TensorStats, threshold: float) -> tuple[float, float]:
    """The range [-threshold, threshold] cut to the observed range."""
    return max(stats.low, -threshold), min(stats.high, threshold)


REGISTRY: Registry[type[Calibrator]] = Registry("calibrator", "calibrators", RecipeError)
"""Every calibrator by name."""

_C = TypeVar("_C", bound=type[Calibrator])


def register(cls: _C) -> _C:
    """Class decorator: make a calibrator known by its name.

    Raises:
        ValueError: Another calibrator has that name.
    """
    REGISTRY.add(cls.name, cls)
    return cls


def calibrator_names() -> tuple[str, ...]:
    """The names of all calibrators, in alphabetical order."""
    return REGISTRY.names()


def own_calibrators() -> tuple[str, ...]:
    """The names of our own algorithms, in alphabetical order: all but other tools' choices."""
    return tuple(name for name in calibrator_names() if name != "tool")


def options_of(cls: type[Calibrator]) -> tuple[Field[Any], ...]:
    """The dataclass fields that are the options of a calibrator."""
    return fields(cls)


def calibrator_from_json(document: object) -> Calibrator:
    """The calibrator that a JSON object describes.

    Args:
        document: ``{"name": ..., "options": {...}}``; options that are left out have their
            defaults.

    Raises:
        RecipeError: The name or an option is unknown, has a wrong type or is out of bounds.
    """
    return from_json(Calibrator, document, "calibrator", RecipeError)


@dataclass(frozen=True)
class _Named:
    """How a calibrator is written; none has the empty name."""

    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


def _check(cls: type[Calibrator], option: Field[Any], value: object) -> None:
    """Refuse an option's value of a wrong type or out of bounds."""
    where = f"calibrator {cls.name}: option {option.name!r}"
    try:
        strict(option.type, value)
    except Misfit as error:
        raise RecipeError(f"{where}: {error}") from error
    choices: Mapping[str, str] | None = option.metadata.get("choices")
    if choices is not None and value not in choices:
        raise RecipeError(f"{where}: unknown {value!r}; choose one of {', '.join(choices)}")
    low, high = option.metadata.get("min"), option.metadata.get("max")
    if isinstance(value, (int, float)) and low is not None and high is not None:
        unit = f" {option.metadata['unit']}" if option.metadata.get("unit") else ""
        if not low <= value <= high:
            raise RecipeError(f"{where}: expected {low} to {high}{unit}, found {short(value)}")
