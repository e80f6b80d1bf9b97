"""Which units do most harm, as far as that is known."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from analysis.errors.weights_vs_activations import AblationResult
from analysis.study.measuring import ABLATIONS
from analysis.study.study import Study
from analysis.study.sweeping import effects_of, units_of
from analysis.sweep.unit_effects import Kind, UnitEffect
from quant.ablation import QuantUnit
from quant.io.show import counted

SHARP: Final = 0.2
"""Width of the interval of a loss over the loss itself, at most, to rank layers by it."""


@dataclass(frozen=True, eq=False)
class UnitRanking:
    """What each unit does to the outputs, as far as that is known.

    Attributes:
        samples: Number of samples.
        units: Every unit, in topological order.
        base: The outputs of float and of all int8 over these samples; None while not measured.
        sensitivity: Unit -> outputs with only it quantized.
        benefit: Unit -> outputs with everything quantized but it.
    """

    samples: int
    units: tuple[QuantUnit, ...]
    base: AblationResult | None
    sensitivity: Mapping[str, UnitEffect]
    benefit: Mapping[str, UnitEffect]

    @property
    def complete(self) -> bool:
        """Whether both effects of every unit are known."""
        return len(self.sensitivity) == len(self.benefit) == len(self.units)

    @property
    def by_metric(self) -> bool:
        """Whether the metric can tell layers apart on these samples.

        What all layers together lose must be known well enough to be dealt out among them.
        """
        change = self.base.metric if self.base else None
        if change is None or change.is_flat:
            return False
        return change.high - change.low <= SHARP * abs(change.float_value - change.int8_value)

    @property
    def reason(self) -> str:
        """What units are ranked by, and why, as a sentence."""
        change = self.base.metric if self.base else None
        if change is None:
            return "Ranked by output sqnr: there is no metric."
        interval = (
            f"95 % interval of float minus int8 {change.low:.4g} to {change.high:.4g} "
            f"over {counted(self.samples, 'sample')}"
        )
        if self.by_metric:
            return f"Ranked by {change.label}, then by output sqnr ({interval})."
        if change.is_flat:
            why = f"cannot tell float and int8 apart ({interval}, which holds zero)"
        else:
            why = f"cannot tell layers apart ({interval}, which is too wide to deal out)"
        return f"Ranked by output sqnr: {change.label} {why}."

    @property
    def ordered(self) -> tuple[QuantUnit, ...]:
        """The units that something is known of, most to win first.

        Until that is known of a unit, it stands behind by the harm that it does alone.
        """
        known = [u for u in self.units if u.name in self.sensitivity or u.name in self.benefit]
        return tuple(sorted(known, key=lambda unit: self._badness(unit.name), reverse=True))

    def gain_db(self, unit: str) -> float | None:
        """The benefit of a unit: output sqnr with it in float less that of all int8, in dB."""
        effect = self.benefit.get(unit)
        if effect is None or self.base is None:
            return None
        gain = effect.sqnr_db - self.base.all.sqnr_db
        return 0.0 if math.isnan(gain) else gain

    def gain(self, unit: str) -> float | None:
        """The benefit of a unit in the metric: more is better, whatever the metric."""
        effect = self.benefit.get(unit)
        return None if effect is None else self._better(effect.scores.metric, "all")

    def loss(self, unit: str) -> float | None:
        """What the metric loses with only this unit quantized: more is worse."""
        effect = self.sensitivity.get(unit)
        change = None if effect is None else self._better(effect.scores.metric, "float")
        return None if change is None else -change

    def by_node(self, kind: Kind) -> dict[str, float]:
        """Sensitivity as output sqnr_db, or benefit in dB gained, of each node that is known."""
        found: dict[str, float] = {}
        for effect in (self.sensitivity if kind == "sensitivity" else self.benefit).values():
            value = effect.sqnr_db if kind == "sensitivity" else self.gain_db(effect.unit)
            if value is not None:
                found |= dict.fromkeys(effect.nodes, value)
        return found

    def _better(self, value: float | None, than: Literal["float", "all"]) -> float | None:
        if self.base is None or self.base.metric is None or value is None:
            return None
        metric = self.base.metric
        change = value - (metric.float_value if than == "float" else metric.int8_value)
        return change if metric.higher_is_better else -change

    def _badness(self, unit: str) -> tuple[float, ...]:
        gain, alone = self.gain_db(unit), self.sensitivity.get(unit)
        harm = -alone.sqnr_db if alone else -math.inf
        loss = self.loss(unit) if self.by_metric else 0.0
        if gain is None:
            return (0.0, 0.0, 0.0, loss or 0.0, harm)
        return (1.0, self.gain(unit) or 0.0 if self.by_metric else 0.0, gain, 0.0, harm)


def unit_ranking(study: Study) -> UnitRanking:
    """What is known of each unit of a study by now."""
    return UnitRanking(
        samples=study.count,
        units=units_of(study),
        base=study.known(ABLATIONS),
        sensitivity=effects_of(study, "sensitivity"),
        benefit=effects_of(study, "benefit"),
    )
