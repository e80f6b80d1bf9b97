"""Which units to compute in float, the ones first that free most noise for their multiply-adds.

Seen from the float side, with one unit quantized at a time, noise powers add up; so what is left
when some units become float is known without running it, up to how well that holds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from analysis.recovery.multiply_adds import MultiplyAdds
from analysis.recovery.scores import Scores
from analysis.sweep.unit_effects import UnitEffect
from quant.ablation import QuantUnit

_CROSSING: Final = 0.002
"""What a node in float costs, in multiply-adds of the model: it is one more way out of integers."""


@dataclass(frozen=True)
class Step:
    """A unit that becomes float, after those before it.

    Attributes:
        unit: The unit.
        promised_db: Output sqnr that is expected with it and all before it in float, in dB.
        int8_share: Share of multiply-adds that are left in int8.
    """

    unit: QuantUnit
    promised_db: float
    int8_share: float


def float_order(
    units: Sequence[QuantUnit],
    effects: Mapping[str, UnitEffect],
    counts: MultiplyAdds,
    scores: Scores,
    share: float,
) -> tuple[Step, ...]:
    """Order units by the noise at the worst output that each multiply-add in float takes away.

    Args:
        units: The units of the int8 model, in topological order.
        effects: Unit -> the outputs with only it quantized.
        counts: Multiply-adds of the nodes.
        scores: The scores of the int8 model, all units quantized.
        share: Its share of multiply-adds in int8.

    Returns:
        Every unit that does harm, the first to become float first.
    """
    alone = {unit.name: _noise(effects[unit.name], scores) for unit in units}
    left = {name: 10 ** (-db / 10) for name, db in scores.outputs_db.items()}
    added = {name: sum(noise[name] for noise in alone.values()) for name in left}
    # The measured noise of all together, divided among the units as they do harm alone.
    fit = {name: left[name] / added[name] if added[name] else 0.0 for name in left}
    waiting = {unit.name: unit for unit in units if any(alone[unit.name].values())}
    found: list[Step] = []
    while waiting and left:
        worst = max(left, key=lambda name: left[name])
        best = max(waiting, key=lambda name: alone[name][worst] / _cost(waiting[name], counts))
        if not alone[best][worst]:
            break
        unit = waiting.pop(best)
        share -= counts.share(unit.nodes)
        for name in left:
            rest = sum(alone[other][name] for other in waiting)
            left[name] = fit[name] * rest
        most = max(left.values())
        found.append(Step(unit, -10 * math.log10(most) if most else math.inf, max(share, 0.0)))
    return tuple(found)


def _cost(unit: QuantUnit, counts: MultiplyAdds) -> float:
    return counts.share(unit.nodes) + _CROSSING


def _noise(effect: UnitEffect, scores: Scores) -> dict[str, float]:
    """Noise over signal at each output that counts."""
    found: dict[str, float] = {}
    for name in scores.signal:
        stats = effect.scores.outputs.get(name)
        found[name] = 0.0 if stats is None else 10 ** (-stats.sqnr_db / 10)
    return found
