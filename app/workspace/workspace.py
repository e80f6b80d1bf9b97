"""Everything the app keeps between runs, each under an explicit key of its own.

Streamlit's caches hold what can be made again at once. Shelves hold what took long work to make:
a job puts it there from its own thread, and a reloaded page finds it by the same key.
"""

import gc
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

import streamlit as st

from analysis.errors.cumulative import Comparison
from analysis.figures.cost_curves import CostCurve
from analysis.findings import Finding
from analysis.layers import LayerRow, layer_rows
from analysis.ranges.cost_curves import divergence_curves
from analysis.ranges.weight_channels import (
    WeightChannels,
    WeightOption,
    weight_channels,
    weight_options,
)
from app.components.range_picker import Bins, Codes, Shape
from app.session.project import Project, Source
from quant.calibrators import REGISTRY
from quant.data.dataset import Dataset, open_data
from quant.errors import DataError, ModelError
from quant.export.verified import LevelCheck
from quant.model.loading import load
from quant.model.model import Model
from quant.pipeline import QuantizedModel, quantize
from quant.recipe.recipe import Recipe
from quant.runtime.session import InferenceSession
from quant.statistics.calibration import Calibration
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec

T = TypeVar("T")


class LruStore(Generic[T]):
    """Results of long work by key, the least recently used forgotten first. Any thread may use it.

    Args:
        keep: How many results to keep.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._items: OrderedDict[str, T] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, key: str, item: T) -> None:
        """Keep ``item`` under ``key``."""
        with self._lock:
            self._items[key] = item
            self._items.move_to_end(key)
            while len(self._items) > self._keep:
                self._items.popitem(last=False)

    def get(self, key: str) -> T | None:
        """What is kept under ``key``, or None."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)


CALIBRATIONS: Final = LruStore[Calibration](4)
COMPARISONS: Final = LruStore[Comparison](12)
FINDINGS: Final = LruStore[tuple[Finding, ...]](64)
CHECKS: Final = LruStore[tuple[LevelCheck, ...]](12)
SHAPES: Final = LruStore[Shape](1024)


@dataclass(frozen=True, eq=False)
class OpenedSource:
    """A model with its data, ready to work on.

    Attributes:
        source: What was opened.
        model: The prepared float model.
        data: Calibration data, matched to the model.
        evaluation: Evaluation data, matched to the model.
    """

    source: Source
    model: Model
    data: Dataset
    evaluation: Dataset

    def samples(self, limit: int | None) -> int:
        """How many calibration samples ``limit`` leaves."""
        return min(limit or len(self.data), len(self.data))

    def calibration_key(self, limit: int | None) -> str:
        """The key of the statistics of this model on this data."""
        return f"{self.model.fingerprint}/{self.data.digest}/{self.samples(limit)}"

    def comparison_key(self, limit: int | None, recipe: Recipe) -> str:
        """The key of the comparison of a recipe with the float model."""
        key = f"{self.calibration_key(limit)}/{self.evaluation.digest}/{recipe.content_key}"
        return f"measure/{key}"


def open_source(source: Source) -> OpenedSource:
    """Load the model and open the data of ``source``; kept while the files stay the same.

    Raises:
        ModelError: If the model cannot be read or quantized.
        DataError: If the data cannot be read or does not fit the model.
    """
    model = open_model(source.model)
    data = _data(source.calibration, _stamp(source.calibration), model.fingerprint, model)
    evaluation = _data(source.evaluation, _stamp(source.evaluation), model.fingerprint, model)
    return OpenedSource(source, model, data, evaluation)


def open_model(path: str) -> Model:
    """Load the model at ``path``.

    Raises:
        ModelError: If it cannot be read or quantized.
    """
    if not path.strip():
        raise ModelError("model: expected the path of a float .onnx file, found none; enter one")
    return _model(path, _stamp(path))


def _stamp(path: str) -> str:
    """What changes when the file or folder at ``path`` does."""
    if not path.strip():
        raise DataError("data: expected the path of a .npz file or a folder, found none; enter one")
    place = Path(path).expanduser()
    try:
        files = sorted(place.iterdir()) if place.is_dir() else [place]
        stats = [file.stat() for file in files]
    except OSError:
        return "unreadable"
    return "/".join(f"{stat.st_size}:{stat.st_mtime_ns}" for stat in stats)


@st.cache_resource(max_entries=4, show_spinner=False)
def _model(path: str, stamp: str) -> Model:
    del stamp  # only the cache reads it, here and below
    return load(Path(path).expanduser())


@st.cache_resource(max_entries=8, show_spinner=False)
def _data(path: str, stamp: str, fingerprint: str, _model: Model) -> Dataset:
    del stamp, fingerprint
    return open_data(Path(path).expanduser(), _model)


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
        return tuple(n for n, a in asked.items() if a and SHAPES.get(_shape_key(*a)) is None)

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


def workspace(project: Project) -> Workspace | None:
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


def _type(spec: QuantSpec) -> str:
    return f"{spec.qtype.value}{' symmetric' if spec.symmetric else ''}"


def _shape_key(stats: TensorStats, spec: QuantSpec) -> str:
    return f"{stats.digest}/{spec!r}"


def picker_shape(stats: TensorStats, spec: QuantSpec) -> Shape:
    """What the range picker draws of a tensor; any thread may ask."""
    key = _shape_key(stats, spec)
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


@st.cache_resource(max_entries=8, show_spinner=False)
def seconds_per_sample(fingerprint: str, digest: str, _model: Model, _data: Dataset) -> float:
    """How long one float inference takes here, in seconds: the best of a few."""
    del fingerprint, digest
    runtime = InferenceSession(_model.to_bytes())
    feeds = next(_data.samples(1))
    best = float("inf")
    started = time.monotonic()
    for _ in range(4):
        before = time.monotonic()
        runtime.run(feeds)
        best = min(best, time.monotonic() - before)
        if time.monotonic() - started > 0.5:
            break
    return best
