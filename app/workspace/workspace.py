"""Everything the app keeps between runs, each under an explicit key of its own.

Streamlit's caches hold what can be made again at once. Stores hold what took long work to make:
a job puts it there from its own thread, and a reloaded page finds it by the same key.
"""

import gc
from dataclasses import dataclass
from typing import Final

import streamlit as st

from analysis.errors.cumulative import Comparison
from analysis.findings import Finding
from analysis.layers import LayerRow, layer_rows
from analysis.ranges.weight_channels import (
    WeightChannels,
    WeightOption,
    weight_channels,
    weight_options,
)
from app.components.range_picker import Shape
from app.lru import LruStore
from app.session.project import Project
from app.workspace.opening import OpenedSource, open_source
from app.workspace.picker_shapes import SHAPES, picker_shape, shape_key
from quant.export.verified import LevelCheck
from quant.model.model import Model
from quant.pipeline import QuantizedModel, quantize
from quant.recipe.recipe import Recipe
from quant.statistics.calibration import Calibration
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec

CALIBRATIONS: Final = LruStore[Calibration](4)
COMPARISONS: Final = LruStore[Comparison](12)
FINDINGS: Final = LruStore[tuple[Finding, ...]](64)
CHECKS: Final = LruStore[tuple[LevelCheck, ...]](12)


@st.cache_resource(max_entries=4, show_spinner=False)
def _quantized(
    calibration_key: str,
    recipe_key: str,
    _model: Model,
    _calibration: Calibration,
    _recipe: Recipe,
) -> QuantizedModel:
    del calibration_key, recipe_key
    return quantize(_model, _calibration, _recipe)


@dataclass(frozen=True, eq=False)
class Workspace:
    """All that the pages work on: what is open, its statistics and the int8 model of the recipe.

    Attributes:
        project: What it was made from.
        opened: The model and its data.
        calibration: Statistics of the model's tensors.
        quantized: The int8 model of the recipe as it stands.
    """

    project: Project
    opened: OpenedSource
    calibration: Calibration
    quantized: QuantizedModel

    @property
    def key(self) -> str:
        """What the int8 model depends on."""
        calibration = self.opened.calibration_key(self.project.samples)
        return f"{calibration}/{self.project.recipe.content_key}"

    @property
    def file_stem(self) -> str:
        """What to call the exported files, without a suffix."""
        source = self.opened.source
        name = source.sample or source.title.removesuffix(".onnx")
        return f"{name}.int8"

    @property
    def comparison_key(self) -> str:
        """Key of the comparison of the recipe as it stands."""
        return self.opened.comparison_key(self.project.samples, self.project.recipe)

    def rows(self) -> tuple[LayerRow, ...]:
        """The rows of the Layers table."""
        return _rows(self.key, self.quantized, self.calibration)

    def shape(self, tensor: str) -> Shape | None:
        """What the range picker draws of a quantized tensor, or None without statistics."""
        asked = self.asked(tensor)
        return picker_shape(*asked) if asked else None

    def shapes_missing(self) -> tuple[str, ...]:
        """Quantized tensors whose picture was not computed yet."""
        asked = {name: self.asked(name) for name in self.quantized.plan.tensors}
        return tuple(n for n, a in asked.items() if a and SHAPES.get(shape_key(*a)) is None)

    def asked(self, tensor: str) -> tuple[TensorStats, QuantSpec] | None:
        """The statistics of a quantized tensor and the codes it gets, or None without."""
        stats = self.calibration.tensors.get(tensor)
        planned = self.quantized.plan.tensors.get(tensor)
        if stats is None or planned is None:
            return None
        return stats, planned.spec

    def comparison(self) -> Comparison | None:
        """What was measured of the recipe as it stands, or None while nothing was."""
        return COMPARISONS.get(self.comparison_key)

    def weights(self, node: str) -> WeightChannels | None:
        """The channels of a node's weight under the weight type of the recipe."""
        qtype = self.quantized.plan.nodes[node].settings.weight_type
        return _weights(self.opened.model.fingerprint, node, qtype.value, self.quantized)

    def weight_options(self, node: str) -> tuple[WeightOption, ...]:
        """What each weight type would make of a node's weight."""
        return _weight_options(self.opened.model.fingerprint, node, self.quantized)


@st.cache_resource(max_entries=8, show_spinner=False)
def _settled(calibration_key: str) -> bool:
    """Take what is loaded by now out of the garbage collector's sight, once for each calibration.

    Streamlit collects all garbage after every run of the script. With the libraries and a model in
    memory that takes 120 ms a click; what is frozen is not looked at again.
    """
    del calibration_key
    gc.collect()
    gc.freeze()
    return True


def workspace_of(project: Project) -> Workspace | None:
    """Everything the pages need, or None while nothing is open or calibrated.

    Raises:
        QuantError: If the files changed and do not open any more, or the recipe does not fit.
    """
    if project.source is None:
        return None
    opened = open_source(project.source)
    key = opened.calibration_key(project.samples)
    calibration = CALIBRATIONS.get(key)
    if calibration is None:
        return None
    recipe = project.recipe
    quantized = _quantized(key, recipe.content_key, opened.model, calibration, recipe)
    _settled(key)
    return Workspace(project, opened, calibration, quantized)


@st.cache_resource(max_entries=8, show_spinner=False)
def _rows(key: str, _quantized: QuantizedModel, _calibration: Calibration) -> tuple[LayerRow, ...]:
    del key
    return layer_rows(_quantized, _calibration)


@st.cache_resource(max_entries=256, show_spinner=False)
def _weights(
    fingerprint: str, node: str, qtype: str, _quantized: QuantizedModel
) -> WeightChannels | None:
    del fingerprint, qtype
    item = _quantized.plan.nodes[node]
    return weight_channels(_quantized.float_model, item.node, item.settings.weight_type)


@st.cache_resource(max_entries=256, show_spinner=False)
def _weight_options(
    fingerprint: str, node: str, _quantized: QuantizedModel
) -> tuple[WeightOption, ...]:
    del fingerprint
    return weight_options(_quantized.float_model, _quantized.plan.nodes[node].node)
