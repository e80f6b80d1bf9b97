"""Which units to compute in float, the ones first that free most noise for their multiply-adds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from analysis.recovery.parts import Parts
from analysis.recovery.trials import Noise
from analysis.runtime.multiply_adds import MultiplyAdds
from quant.ablation import QuantUnit

_CROSSING: Final = 0.002
"""What a unit in float costs, in multiply-adds of the model: it is one more way out of integers."""


@dataclass(frozen=True)
class Step:
    """Units that become float together, after those before them.

    Attributes:
        units: The units.
        promised_db: Output sqnr that is expected with these and all before in float, in dB.
        int8_share: Share of multiply-adds that are left in int8.
    """

    units: tuple[QuantUnit, ...]
    promised_db: float
    int8_share: float


def float_order(
    units: Sequence[QuantUnit], parts: Parts, counts: MultiplyAdds, share: float
) -> tuple[Step, ...]:
    """Order units by the noise at the worst output that each multiply-add in float takes away.

    A unit in float takes the noise of its weight away; an activation is not rounded any more when
    all that compute or read it are float. So what touches an activation may go together.

    Args:
        units: The units of the int8 model, in topological order.
        parts: What its parts do alone.
        counts: Multiply-adds of the nodes.
        share: The share of multiply-adds in int8 to begin with.

    Returns:
        The steps, the first to become float first, as long as something is won.
    """
    by_name = {unit.name: unit for unit in units}
    owner = {node: unit.name for unit in units for node in unit.nodes}
    moves = {frozenset({unit.name}) for unit in units}
    moves |= {
        frozenset(owner[node] for node in touching if node in owner)
        for touching in parts.touching.values()
    }
    costs = {unit.name: counts.share(unit.nodes) + _CROSSING for unit in units}
    left = _Left(parts)
    found: list[Step] = []
    while moves := {move for move in moves if move}:
        worst = parts.at_the_worst(left.noises).output
        best, rate = frozenset[str](), 0.0
        for move in sorted(moves, key=sorted):
            nodes = [node for name in move for node in by_name[name].nodes]
            won = parts.noise_at(worst, left.freed(nodes)) / sum(costs[name] for name in move)
            if won > rate:
                best, rate = move, won
        if not best:
            break
        taken = tuple(by_name[name] for name in sorted(best))
        left.take([node for unit in taken for node in unit.nodes])
        share -= sum(counts.share(unit.nodes) for unit in taken)
        found.append(Step(taken, parts.db_of(left.noises), max(share, 0.0)))
        moves = {move - best for move in moves}
    return tuple(found)


class _Left:
    """What is still quantized on the way."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._weights, self._groups = dict(parts.weights), dict(parts.groups)
        self._gone: set[str] = set()
        self._touched: dict[str, set[str]] = {}
        for group, nodes in parts.touching.items():
            for node in nodes:
                self._touched.setdefault(node, set()).add(group)

    @property
    def noises(self) -> tuple[Noise, ...]:
        """Of all that is left."""
        return (*self._weights.values(), *self._groups.values())

    def freed(self, nodes: Sequence[str]) -> list[Noise]:
        """The noise that goes when some more nodes become float."""
        groups = self._unrounded(nodes)
        weights = [self._weights[name] for name in nodes if name in self._weights]
        return [*weights, *(self._groups[name] for name in groups)]

    def take(self, nodes: Sequence[str]) -> None:
        """Some more nodes become float."""
        for group in self._unrounded(nodes):
            del self._groups[group]
        for node in nodes:
            self._weights.pop(node, None)
        self._gone.update(nodes)

    def _unrounded(self, nodes: Sequence[str]) -> list[str]:
        """The groups that are not rounded any more when some more nodes become float."""
        gone = self._gone.union(nodes)
        near = {group for node in nodes for group in self._touched.get(node, ())}
        return sorted(g for g in near if g in self._groups and self._parts.touching[g] <= gone)
