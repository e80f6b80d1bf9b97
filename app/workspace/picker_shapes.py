"""What the range picker draws of each tensor, computed once."""

from typing import Final

from analysis.figures.cost_curves import CostCurve
from analysis.ranges.cost_curves import divergence_curves
from app.components.range_picker import Bins, Codes, Shape
from quant.calibrators import REGISTRY
from quant.execution.lru import LruStore
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec

SHAPES: Final = LruStore[Shape](1024)


def _type(spec: QuantSpec) -> str:
    return f"{spec.qtype.value}{' symmetric' if spec.symmetric else ''}"


def shape_key(stats: TensorStats, spec: QuantSpec) -> str:
    """What the picture of a tensor depends on."""
    return f"{stats.digest}/{spec!r}"


def picker_shape(stats: TensorStats, spec: QuantSpec) -> Shape:
    """What the range picker draws of a tensor; any thread may ask."""
    key = shape_key(stats, spec)
    found = SHAPES.get(key)
    if found is None:
        found = _picker_shape(stats, spec)
        SHAPES.put(key, found)
    return found


def _picker_shape(stats: TensorStats, spec: QuantSpec) -> Shape:
    curves = [
        CostCurve(
            name=curve.name,
            label=REGISTRY[curve.name].label,
            thresholds=curve.thresholds,
            cost=curve.cost,
            best=curve.best,
            unit="real units²" if curve.name == "mse" else "nats",
        )
        for curve in divergence_curves(stats, spec)
    ]
    shape = Shape(
        tensor=stats.name,
        title=stats.name,
        subtitle=f"{_type(spec)}, {stats.samples:,} samples",
        bins=Bins.of(stats),
        codes=Codes.of(spec),
        curves=curves,
    )
    assert shape.text  # made once, here
    return shape
