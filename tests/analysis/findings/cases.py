"""Healthy cases, and what a planted fault is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np

from analysis.errors.axis_slices import slice_errors
from analysis.errors.cumulative import compare
from analysis.errors.out_of_range import out_of_range
from analysis.findings import Finding, Measurements, find_causes
from analysis.sweep.unit_effects import sensitivity
from quant import Recipe, Rule, calibrate, open_data, preset, quantize
from quant.calibrators import calibrator_from_json
from quant.model.model import Model
from quant.pipeline import QuantizedModel
from quant.statistics.calibration import Calibration
from tests.analysis.findings.nets import Arrays, Net, data, net

RESNET, MOBILENET, SPAM = "fmnist_resnet", "fmnist_mobilenet", "spam_transformer"
FIRST = "/blocks/b1/first/conv/Conv"
SECOND = "/blocks/b1/second/conv/Conv"
BETWEEN = "/blocks/b1/relu1/Relu_output_0"
W1, B1 = "blocks.b1.first.conv.weight", "blocks.b1.first.conv.weight_bias"
W2, B2 = "blocks.b1.second.conv.weight", "blocks.b1.second.conv.weight_bias"


@dataclass(frozen=True, eq=False)
class Case:
    """A model with its data and recipe, healthy or not.

    Attributes:
        sample: The sample it comes from, whose evaluation data it is measured on.
        build: Makes the float model.
        recipe: The recipe.
        calibration_data: Arrays to calibrate on; None for the sample's.
        more: Makes more evidence from the case.
        measure: Makes the sqnr_db that counts; the worst output by default.
    """

    sample: str
    build: Callable[[], Net]
    recipe: Recipe
    calibration_data: Arrays | None = None
    more: Callable[["Case"], Mapping[str, Any]] = lambda case: {}
    measure: Callable[["Case", QuantizedModel], float] | None = None

    @cached_property
    def model(self) -> Model:
        return self.build().model()

    @cached_property
    def calibration(self) -> Calibration:
        arrays = self.calibration_data or data(self.sample, "calibration")
        return calibrate(self.model, open_data(arrays, self.model))

    @cached_property
    def quantized(self) -> QuantizedModel:
        return quantize(self.model, self.calibration, self.recipe)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        return find_causes(Measurements(self.quantized, self.calibration, **self.more(self)))

    def sqnr_db(self, recipe: Recipe | None = None) -> float:
        """What the outputs have left, under another recipe if one is given."""
        made = self.quantized if recipe is None else self.under(recipe)
        if self.measure is not None:
            return self.measure(self, made)
        arrays = open_data(data(self.sample, "evaluation"), self.model)
        return compare(self.model, made, arrays, tensors="outputs").worst_db

    def under(self, recipe: Recipe) -> QuantizedModel:
        return quantize(self.model, self.calibration, recipe)


@dataclass(frozen=True, eq=False)
class Planted:
    """One fault.

    Attributes:
        name: What was done.
        kind: The kind of finding that must name it.
        where: The node or tensor that it must name; empty where the fault is everywhere.
        healthy: The case without the fault.
        faulty: The case with it.
        words: What to do, where no recipe can mend it; empty where a fix must.
    """

    name: str
    kind: str
    where: str
    healthy: Case
    faulty: Case
    words: str = ""

    @property
    def ranks(self) -> tuple[int | None, int | None]:
        """The rank of the right finding among its kind and among all, from 1; None if missing."""
        same = [f for f in self.faulty.findings if f.kind == self.kind]
        right = [f for f in same if not self.where or self.where in {f.node, f.tensor}]
        if not right:
            return None, None
        return same.index(right[0]) + 1, self.faulty.findings.index(right[0]) + 1

    @property
    def finding(self) -> Finding:
        """The first finding of the kind."""
        return next(f for f in self.faulty.findings if f.kind == self.kind)


PLANTED: list[Callable[[], Planted]] = []


def planted(make: Callable[[], Planted]) -> Callable[[], Planted]:
    """Decorator: one more fault, made once."""
    made = cache(make)
    PLANTED.append(made)
    return made


def plain() -> Net:
    return net(RESNET)


def resnet(**changes: Any) -> Case:
    """The healthy residual network."""
    return replace(Case(RESNET, plain, by_mse()), **changes)


HEALTHY = cache(resnet)


def by_mse() -> Recipe:
    """uint8 asymmetric, weights per channel, plain MSE: what faults are planted in.

    Weighted by effect on the next layer, MSE mends some of them by itself.
    """
    recipe = preset("everything")
    calibrator = calibrator_from_json({"name": "mse"})
    return replace(recipe, defaults=replace(recipe.defaults, calibrator=calibrator))


def minmax(recipe: Recipe, **settings: Any) -> Recipe:
    """A recipe with observed ranges and other defaults."""
    calibrator = calibrator_from_json({"name": "minmax"})
    return replace(recipe, defaults=replace(recipe.defaults, calibrator=calibrator, **settings))


def even_mobilenet() -> Net:
    """The depthwise network with each channel's scale shared evenly between its two weights."""
    found = net(MOBILENET)
    for block in range(5):
        before, after = (f"blocks.b{block}.{part}.conv" for part in ("expand", "depthwise"))
        rows, kernels = found[f"{before}.weight"], found[f"{after}.weight"]
        wide = [np.abs(a).max(axis=(1, 2, 3)) for a in (rows, kernels)]
        scale_channels(found, before, after, np.sqrt(wide[1] / wide[0]))
    return found


def scale_channels(found: Net, before: str, after: str, factors: np.ndarray) -> None:
    """Multiply what a depthwise convolution reads, and divide its kernels."""
    shape = factors.reshape(-1, 1, 1, 1)
    found[f"{before}.weight"] = found[f"{before}.weight"] * shape
    found[f"{before}.bias"] = found[f"{before}.bias"] * factors
    found[f"{after}.weight"] = found[f"{after}.weight"] / shape


def spread_channels(factors: np.ndarray) -> Net:
    """The residual network with channels between two convolutions scaled and scaled back."""
    found = plain()
    found[W1] = found[W1] * factors.reshape(-1, 1, 1, 1)
    found[B1] = found[B1] * factors
    found[W2] = found[W2] / factors.reshape(1, -1, 1, 1)
    return found


def measured_slices(case: Case) -> Mapping[str, Any]:
    arrays = open_data(data(case.sample, "evaluation"), case.model)
    return {"slices": slice_errors(case.quantized, arrays)}


def measured_alone(case: Case) -> Mapping[str, Any]:
    """The sensitivity of every unit."""
    arrays = open_data(data(case.sample, "evaluation"), case.model)
    return {"sensitivity": sensitivity(case.quantized, case.calibration, arrays, samples=32)}


def measured_outside(case: Case) -> Mapping[str, Any]:
    arrays = open_data(data(case.sample, "evaluation"), case.model)
    return {"outside": out_of_range(case.quantized, arrays)}


def float_masks(recipe: Recipe) -> Recipe:
    """The transformer's recipe with its attention masks in float."""
    for layer in (0, 1):
        for part in ("Add", "softmax/Softmax"):
            recipe = recipe.with_rule(
                Rule("node", f"/layers.{layer}/attention/{part}", {"skip": True})
            )
    return recipe


def transformer(**changes: Any) -> Case:
    """The healthy transformer."""
    case = Case(SPAM, lambda: net(SPAM), float_masks(by_mse()))
    return replace(case, **changes)
