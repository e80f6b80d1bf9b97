"""What a figure is, what it may be drawn of, and where it is registered.

A figure is one new file: a function under :func:`register` that draws one kind of subject. The
report and the pages ask :func:`figures_of` for all figures of what they show.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import plotly.graph_objects as go

from analysis.errors.tensor_error import ErrorStats
from analysis.figures.theme import Mode
from quant.params.ranges import GroupRange
from quant.pipeline import QuantizedModel
from quant.registry import Registry
from quant.statistics.calibration import Calibration
from quant.statistics.tensor_stats import TensorStats

S = TypeVar("S")


@dataclass(frozen=True, eq=False)
class MeasuredModel:
    """A subject: an int8 model with what was measured of it.

    Attributes:
        quantized: The int8 model.
        calibration: The statistics it was made from.
        tensors: Tensor -> cumulative error, in topological order; empty while not measured.
        units: The units that something is known of, most to win first.
        sensitivity_db: Unit -> output sqnr_db with only it quantized.
        benefit_db: Unit -> gain of output sqnr_db with only it in float.
        selected: A tensor to point out, or empty.
    """

    quantized: QuantizedModel
    calibration: Calibration
    tensors: Mapping[str, ErrorStats] = field(default_factory=dict[str, ErrorStats])
    units: tuple[str, ...] = ()
    sensitivity_db: Mapping[str, float] = field(default_factory=dict[str, float])
    benefit_db: Mapping[str, float] = field(default_factory=dict[str, float])
    selected: str = ""


@dataclass(frozen=True, eq=False)
class CalibratedTensor:
    """A subject: a tensor that calibration saw.

    Weights are a subject too: :class:`analysis.ranges.weight_channels.WeightChannels`.

    Attributes:
        quantized: The int8 model.
        stats: What calibration saw of the tensor.
    """

    quantized: QuantizedModel
    stats: TensorStats

    @property
    def range(self) -> GroupRange | None:
        """The range in use; None where the tensor stays in float."""
        known = self.stats.name in self.quantized.tensor_map
        return self.quantized.range_of(self.stats.name) if known else None


@dataclass(frozen=True)
class Figure(Generic[S]):
    """A figure of one kind of subject.

    Attributes:
        name: What it is registered under.
        title: What a person reads above it.
        about: What it shows and how to read it, in a sentence or two.
        of: The kind of subject.
        draw: From a subject and a ground to the figure, or to None where there is nothing to see.
        missing: What to do where there is nothing to see yet, as a sentence.
    """

    name: str
    title: str
    about: str
    of: type[S]
    draw: Callable[[S, Mode], go.Figure | None]
    missing: str = ""


FIGURES: Registry[Figure[Any]] = Registry("figure", "figures")
"""Every figure that the report and the pages show by itself."""


def register(
    name: str, *, of: type[S], title: str, about: str, missing: str = ""
) -> Callable[[Callable[[S, Mode], go.Figure | None]], Callable[[S, Mode], go.Figure | None]]:
    """Decorator: show what this function draws wherever such a subject is shown.

    Args:
        name: What to call it, unique among figures.
        of: The kind of subject: :class:`MeasuredModel` for the report and Overview,
            :class:`CalibratedTensor` for the activation of a layer, ``WeightChannels`` for its
            weight.
        title: What a person reads above it.
        about: What it shows and how to read it, in a sentence or two.
        missing: What to do where there is nothing to see yet, as a sentence.

    Raises:
        ValueError: Another figure has that name.
    """

    def known(
        draw: Callable[[S, Mode], go.Figure | None],
    ) -> Callable[[S, Mode], go.Figure | None]:
        FIGURES.add(name, Figure(name, title, about, of, draw, missing))
        return draw

    return known


def figures_of(of: type[S]) -> tuple[Figure[S], ...]:
    """The figures of a kind of subject, in the order of registration, those of plug-ins last."""
    return tuple(figure for figure in FIGURES.values() if figure.of is of)
