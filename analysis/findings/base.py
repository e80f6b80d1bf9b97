"""What findings may look at, and how they are collected and ranked."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from analysis.errors.axis_slices import SliceErrors
from analysis.errors.cumulative import Comparison
from analysis.errors.out_of_range import OutOfRange
from analysis.errors.tensor_error import ErrorStats
from analysis.findings.finding import LEAST_DB, SEVERITIES, Finding
from analysis.noise.budget import Measured, Noise, NoiseSource, tensor
from quant.error_model.context import TensorContext, tensor_contexts
from quant.pipeline import QuantizedModel
from quant.planning.plan import TensorPlan
from quant.recipe.recipe import Recipe, Rule
from quant.registry import Registry
from quant.statistics.calibration import Calibration
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec

MOST_DB: Final = 1000
"""What an infinite gain counts as among gains: nothing is left of the error."""
QUIET_DB: Final = 50.0
"""An output sqnr from which nothing is said above info: the error is 0.3 % of the signal."""


@dataclass(frozen=True, eq=False)
class Measurements:
    """What findings are found from. Only the first two are needed.

    Attributes:
        quantized: The int8 model.
        calibration: The statistics it was made from.
        comparison: Cumulative errors.
        sensitivity: Unit -> scores with only it quantized.
        benefit: Unit -> scores with all but it quantized.
        slices: Tensor -> its errors slice by slice.
        outside: Tensor -> how much of the evaluation data lies outside its range.
        reference: Output -> error of the float model against outputs recorded elsewhere.
        cpu_flags: What the processor can do, as in ``/proc/cpuinfo``; None while unknown.
    """

    quantized: QuantizedModel
    calibration: Calibration
    comparison: Comparison | None = None
    sensitivity: Mapping[str, Measured] | None = None
    benefit: Mapping[str, Measured] | None = None
    slices: Mapping[str, SliceErrors] | None = None
    outside: Mapping[str, OutOfRange] | None = None
    reference: Mapping[str, ErrorStats] | None = None
    cpu_flags: frozenset[str] | None = None

    @cached_property
    def noise(self) -> Noise:
        """Where noise comes from."""
        return Noise(self.quantized, self.calibration, self.sensitivity)

    @property
    def recipe(self) -> Recipe:
        """The recipe as it stands."""
        return self.quantized.recipe

    @cached_property
    def sqnr_db(self) -> float:
        """sqnr_db of the outputs: measured where it was, else estimated."""
        if self.comparison is not None and self.comparison.outputs:
            return self.comparison.worst_db
        return self.noise.sqnr_db

    @cached_property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Tensors that share parameters, by the one whose settings decide, where all are known."""
        stats = self.calibration.tensors
        return {
            name: group.members
            for name, group in self.quantized.plan.groups.items()
            if all(member in stats for member in group.members)
        }

    def stats(self, name: str) -> TensorStats:
        """What calibration saw of a tensor."""
        return self.calibration.tensors[name]

    def context(self, name: str) -> TensorContext:
        """A tensor's consumers and the noise gain of its channels."""
        return tensor_contexts(self.quantized.float_model, self.calibration)[name]

    def planned(self, name: str) -> TensorPlan:
        """What a tensor gets."""
        return self.quantized.plan.tensors[name]

    def fixed(self, group: str) -> bool:
        """Whether the recipe has the range of a group, and no calibrator chose it."""
        return self.quantized.group_ranges[group].fixed

    def node_of(self, name: str) -> str:
        """The node that computes a tensor; for an input of the model its own name."""
        producer = self.quantized.float_model.producers.get(name)
        return producer.name if producer is not None else name

    def after(
        self, group: str, ends: tuple[float, float], spec: QuantSpec | None = None
    ) -> dict[NoiseSource, float]:
        """The noise of a group's tensors if they were quantized so."""
        found = spec or self.planned(group).spec
        return {
            tensor(name): self.noise.of_range(name, ends, found)
            for name in self.groups[group]
            if tensor(name) in self.noise.shares
        }

    def part(self, group: str) -> float:
        """The share of a group's tensors in all noise, 0 to 1."""
        return math.fsum(self.noise.part(tensor(name)) for name in self.groups[group])

    def with_default(self, **settings: Any) -> Recipe:
        """The recipe with other defaults."""
        return replace(self.recipe, defaults=replace(self.recipe.defaults, **settings))

    def with_tensors(self, groups: Iterable[str], **settings: Any) -> Recipe:
        """The recipe with settings for the tensors of some groups."""
        recipe = self.recipe
        for name in groups:
            group = self.quantized.plan.groups[name]
            if "calibrator" not in settings:
                recipe = recipe.with_rule(Rule("tensor", name, settings))
                continue
            freed = (*group.fixed, *group.ranges_from) if self.fixed(name) else ()
            for member in dict.fromkeys(freed):
                recipe = recipe.with_rule(Rule("tensor", member, {"range": None}))
            for member in group.ranges_from:
                recipe = recipe.with_rule(Rule("tensor", member, settings))
        return recipe

    def skipping(self, *nodes: str) -> Recipe:
        """The recipe with some nodes in float."""
        recipe = self.recipe
        for node in nodes:
            recipe = recipe.with_rule(Rule("node", node, {"skip": True}))
        return recipe


Finder = Callable[[Measurements], Iterable[Finding]]
REGISTRY: Registry[Finder] = Registry("finding", "findings")
"""What looks for each kind of finding."""


def register(kind: str) -> Callable[[Finder], Finder]:
    """Decorator: look for findings of this kind with this function.

    Raises:
        ValueError: Something else looks for that kind.
    """

    def known(finder: Finder) -> Finder:
        REGISTRY.add(kind, finder)
        return finder

    return known


def find_causes(measurements: Measurements) -> tuple[Finding, ...]:
    """Everything that is wrong or improvable, most severe and promising first.

    Args:
        measurements: What is known.

    Returns:
        The findings. On a healthy model none is above info.
    """
    found = [finding for finder in REGISTRY.values() for finding in finder(measurements)]
    found = [f for f in found if f.fix is None or f.gain_db >= LEAST_DB]
    if measurements.sqnr_db >= QUIET_DB:
        found = [replace(f, severity="info") if f.fix is not None else f for f in found]
    return by_gain(found)


def by_gain(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings, most severe and promising first."""
    return tuple(sorted(findings, key=_order))


def _order(finding: Finding) -> tuple[int, int, bool, float, str]:
    """Severity, then gain; of gains that are alike to a decibel, a fix that costs nothing first."""
    costs = finding.fix is not None and finding.fix.costs
    severity = SEVERITIES.index(finding.severity)
    gain = round(finding.gain_db) if math.isfinite(finding.gain_db) else MOST_DB
    return severity, -gain, costs, -finding.gain_db, finding.kind
