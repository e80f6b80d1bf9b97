"""What an int8 model is made of: weights and groups of activations, each with its own noise.

Seen from the float side, with one part quantized at a time, noise powers add up; so what any choice
of parts will do is known without running it, up to how well that holds.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from analysis.recovery.trials import Noise, Trials
from analysis.trying.scores import Scores
from quant.ablation import only_tensors, only_weight
from quant.planning.integer_kernels import KERNELS, Kernel
from quant.planning.plan import Plan
from quant.recipe.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of an int8 model, with what each does alone.

    Attributes:
        plan: Its plan.
        weights: Node -> output -> noise over signal of its stored integers alone.
        groups: Group -> output -> noise over signal of rounding its activations alone.
        touching: Group -> the quantized nodes because of which its activations are rounded.
        scores: The measured scores of all together.
    """

    plan: Plan
    weights: Mapping[str, Noise]
    groups: Mapping[str, Noise]
    touching: Mapping[str, frozenset[str]]
    scores: Scores

    @cached_property
    def total(self) -> Mapping[str, float]:
        """Output -> noise over signal, measured with all parts."""
        return {name: 10 ** (-db / 10) for name, db in self.scores.outputs_db.items()}

    @cached_property
    def fit(self) -> Mapping[str, float]:
        """Output -> the measured noise of all parts together over the sum of their own."""
        sums = _sums((*self.weights.values(), *self.groups.values()), self.total)
        return {name: self.total[name] / sums[name] if sums[name] else 0.0 for name in self.total}

    def noise_at(self, output: str, noises: Iterable[Noise]) -> float:
        """The noise over signal at an output that some parts make together."""
        return self.fit[output] * sum(noise.of.get(output, 0.0) for noise in noises)

    def at_the_worst(self, noises: Sequence[Noise]) -> "Worst":
        """The output with most noise where only some parts make any, and how much."""
        made = {name: self.noise_at(name, noises) for name in self.total}
        worst = max(made, key=lambda name: made[name])
        return Worst(worst, made[worst])

    def db_of(self, noises: Sequence[Noise]) -> float:
        """The output sqnr in dB where only some parts make noise."""
        power = self.at_the_worst(noises).power
        return -10 * math.log10(power) if power > 0 else math.inf

    def weight_of(self, noise: Noise) -> float:
        """How much of the noise at the worst output a part makes, 0 to 1."""
        worst = max(self.total, key=lambda name: self.total[name])
        return self.noise_at(worst, [noise]) / self.total[worst]


@dataclass(frozen=True)
class Worst:
    """The output with most noise.

    Attributes:
        output: The output.
        power: Its noise over signal.
    """

    output: str
    power: float


def measured_parts(trials: Trials, recipe: Recipe, scores: Scores) -> Parts:
    """Measure what each part does alone.

    Args:
        trials: Measures.
        recipe: The recipe.
        scores: Its scores.
    """
    plan = trials.plan(recipe)
    weights = [name for name, item in plan.nodes.items() if item.weight_spec]
    variants = {f"weight {name}": only_weight(recipe, name) for name in weights}
    variants |= {f"group {n}": only_tensors(recipe, g.members) for n, g in plan.groups.items()}
    found = trials.noises(recipe, variants)
    return Parts(
        plan,
        {name: found[f"weight {name}"] for name in weights},
        {name: found[f"group {name}"] for name in plan.groups},
        touching(plan),
        scores,
    )


def touching(plan: Plan) -> Mapping[str, frozenset[str]]:
    """Group -> the quantized nodes because of which its activations are rounded.

    These are the ones that read one of them, and those that compute one, but for kernels that give
    floats as well.
    """
    found: dict[str, set[str]] = {tensor.group: set() for tensor in plan.tensors.values()}
    for name, item in plan.nodes.items():
        if not item.quantized:
            continue
        names = [item.node.inputs[index] for index in item.node.data]
        free = item.settings.placement == "integer_kernels"
        if not free or KERNELS.get(item.node.op_type) is not Kernel.MULTIPLIES_TO_FLOAT:
            names += item.node.outputs
        for tensor in (plan.tensors.get(of) for of in names):
            if tensor is not None:
                found[tensor.group].add(name)
    return {name: frozenset(nodes) for name, nodes in found.items()}


def _sums(noises: Iterable[Noise], outputs: Iterable[str]) -> dict[str, float]:
    sums = dict.fromkeys(outputs, 0.0)
    for noise in noises:
        for name in sums:
            sums[name] += noise.of.get(name, 0.0)
    return sums
