"""The curves a person looks at: what each threshold costs under each measure."""

from typing import cast

from quant.calibrators import REGISTRY, CostCurve, ThresholdSearchCalibrator
from quant.calibrators.search.divergence import Candidates
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec

ORDER = ("kl", "symmetric_kl", "js", "mse")
"""The curves, in the order they are returned."""


def divergence_curves(stats: TensorStats, spec: QuantSpec) -> tuple[CostCurve, ...]:
    """KL, symmetric KL, Jensen-Shannon and MSE for every candidate threshold.

    Args:
        stats: What calibration saw of the tensor.
        spec: The type and symmetry of its codes.

    Returns:
        One curve for each name of :data:`ORDER`. The divergences are in nats, infinite where
        undefined; MSE is in squared real units and starts at smaller thresholds.
    """
    candidates = Candidates(stats, spec)
    # Jensen-Shannon computes what the other divergences need, so it goes first.
    curves = {name: _curve(name, candidates) for name in reversed(ORDER)}
    return tuple(curves[name] for name in ORDER)


def _curve(name: str, candidates: Candidates) -> CostCurve:
    return cast("ThresholdSearchCalibrator", REGISTRY[name]()).curve_of(candidates)
