"""What the pages work on: the study of what is open, and what is drawn of it."""

import gc
from dataclasses import dataclass
from functools import cached_property

import streamlit as st

from analysis.errors.cumulative import Comparison
from analysis.layers import LayerRow, UnitRow, layer_rows, unit_rows
from analysis.metrics import Metric
from analysis.ranges.weight_channels import (
    WeightChannels,
    WeightOption,
    weight_channels,
    weight_options,
)
from analysis.short_names import short_names
from analysis.study.measuring import COMPARISON
from analysis.study.ranking import UnitRanking, unit_ranking
from analysis.study.study import QUANTIZED_MODEL, Study
from app.components.range_picker import Shape
from app.session.project import Project
from app.workspace.metric import metric_in_use
from app.workspace.opening import OpenedSource, open_source
from app.workspace.picker_shapes import SHAPES, picker_shape, shape_key
from quant.pipeline import QuantizedModel
from quant.statistics.calibration import Calibration
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec


@dataclass(frozen=True, eq=False)
class Workspace:
    """All that the pages work on: what is open, and the study of the recipe as it stands.

    Attributes:
        project: What it was made from.
        opened: The model and its data.
        study: The float model, its statistics and the int8 model, with all that is known of them.
    """

    project: Project
    opened: OpenedSource
    study: Study

    @property
    def calibration(self) -> Calibration:
        """Statistics of the model's tensors."""
        return self.study.calibration

    @property
    def quantized(self) -> QuantizedModel:
        """The int8 model of the recipe as it stands."""
        return self.study.quantized

    @property
    def metric(self) -> Metric | None:
        """The metric of the outputs beside their error."""
        return self.study.metric

    @cached_property
    def ranked(self) -> Study:
        """The study on the samples that layers are ranked on."""
        return self.study.on(self.project.rank_samples)

    @property
    def ranking(self) -> UnitRanking:
        """What is known of each unit by now: a fragment asks again while a ranking runs."""
        return unit_ranking(self.ranked)

    @property
    def file_stem(self) -> str:
        """What to call the exported files, without a suffix."""
        source = self.opened.source
        name = source.sample or source.title.removesuffix(".onnx")
        return f"{name}.int8"

    @cached_property
    def key(self) -> str:
        """What the int8 model depends on."""
        return self.study.key(QUANTIZED_MODEL).text

    def rows(self) -> tuple[LayerRow, ...]:
        """The rows of the Layers table."""
        return _rows(self.key, self.quantized, self.calibration)

    @cached_property
    def units(self) -> tuple[UnitRow, ...]:
        """The rows by what is quantized as one."""
        return unit_rows(self.rows())

    @cached_property
    def short_names(self) -> dict[str, str]:
        """What is shown of the name of each input and node where there is little room."""
        model = self.opened.model
        return short_names([item.name for item in (*model.inputs, *model.nodes)])

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
        return self.study.known(COMPARISON)

    def weights(self, node: str) -> WeightChannels | None:
        """The channels of a node's weight under the weight type of the recipe."""
        qtype = self.quantized.plan.nodes[node].settings.weight_type
        return _weights(self.opened.model.fingerprint, node, qtype.value, self.quantized)

    def weight_options(self, node: str) -> tuple[WeightOption, ...]:
        """What each weight type would make of a node's weight."""
        return _weight_options(self.opened.model.fingerprint, node, self.quantized)


@st.cache_resource(max_entries=8, show_spinner=False)
def _settled(calibration: str) -> bool:
    """Take what is loaded by now out of the garbage collector's sight, once for each calibration.

    Streamlit collects all garbage after every run of the script. With the libraries and a model in
    memory that takes 120 ms a click; what is frozen is not looked at again.
    """
    del calibration
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
    metric = metric_in_use(project, opened)
    study = opened.study(project.recipe, project.samples, metric)
    if not study.calibrated:
        return None
    # Made here, so that a recipe that does not fit is told before anything is drawn.
    _ = study.quantized
    _settled(study.calibration.digest)
    return Workspace(project, opened, study)


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
