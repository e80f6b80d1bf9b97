"""Models and data opened, and kept for as long as their files stay the same."""

import itertools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import streamlit as st

from analysis.metrics import Metric
from analysis.study.store import MemoryStore
from analysis.study.study import CalibrationData, Study
from app.session.project import Source
from quant.data.dataset import Dataset
from quant.data.images.preprocessing import Preprocessing
from quant.data.opening import open_data
from quant.errors import DataError, ModelError
from quant.foreign.configs.base import FileRecipe
from quant.foreign.matching import Match
from quant.foreign.opening import open_foreign
from quant.model.model import Model
from quant.opening.loading import load
from quant.recipe.recipe import Recipe
from quant.runtime.session import InferenceSession

STORE: Final = MemoryStore()
"""What was found in this process, by key: a reloaded page finds it again."""


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
        return CalibrationData(self.data, limit).count

    def study(self, recipe: Recipe, limit: int | None, metric: Metric | None = None) -> Study:
        """The study of a recipe, which knows all that was found in this process.

        Args:
            recipe: The recipe.
            limit: Number of calibration samples, or None for all.
            metric: Metric of the outputs beside their error, or None.
        """
        return Study(
            model=self.model,
            statistics=CalibrationData(self.data, limit),
            evaluation=self.evaluation,
            recipe=recipe,
            metric=metric,
            store=STORE,
        )


def open_source(source: Source) -> OpenedSource:
    """Load the model and open the data of ``source``; kept while the files stay the same.

    Raises:
        ModelError: If the model cannot be read or quantized.
        DataError: If the data cannot be read or does not fit the model.
    """
    model = open_model(source.model)
    fed = (model.fingerprint, source.preprocessing, source.skip_damaged, model)
    data = _data(source.calibration, stamp_of(source.calibration), *fed)
    evaluation = _data(source.evaluation, stamp_of(source.evaluation), *fed)
    return OpenedSource(source, model, data, evaluation)


def open_model(path: str) -> Model:
    """Load the model at ``path``.

    Raises:
        ModelError: If it cannot be read or quantized.
    """
    if not path.strip():
        raise ModelError("model: expected the path of a float .onnx file, found none; enter one")
    return _model(path, stamp_of(path))


def recipe_like(source: Source) -> Recipe | None:
    """The recipe like the int8 or parameter file of ``source``; None where it has none.

    Raises:
        ModelError: If a model cannot be read, or nothing in the int8 one is quantized.
        RecipeError: If a parameter file cannot be read, or is of another model.
    """
    found = int8_of(source)
    return None if found is None else found[1].recipe


def int8_of(source: Source) -> tuple[Match | None, FileRecipe] | None:
    """The int8 file of ``source`` beside its float model, and the recipe like it.

    A parameter file gives the recipe alone.

    Raises:
        ModelError: If a model cannot be read, or nothing in the int8 one is quantized.
        RecipeError: If a parameter file cannot be read, or is of another model.
    """
    if not source.int8:
        return None
    model = open_model(source.model)
    return _int8(source.int8, stamp_of(source.int8), model.fingerprint, model)


def stamp_of(path: str) -> str:
    """What changes when the file or folder at ``path`` does."""
    if not path.strip():
        raise DataError("data: expected the path of a .npz file or a folder, found none; enter one")
    place = Path(path).expanduser()
    if ":" in path and not place.exists():
        return "/".join(stamp_of(part.partition(":")[2] or "-") for part in path.split(","))
    try:
        files = sorted(place.iterdir()) if place.is_dir() else [place]
        inside = [sorted(file.iterdir()) for file in files if file.is_dir()]
        stats = [file.stat() for file in (*files, *itertools.chain(*inside))]
    except OSError:
        return "unreadable"
    return "/".join(f"{stat.st_size}:{stat.st_mtime_ns}" for stat in stats)


@st.cache_resource(max_entries=4, show_spinner=False)
def _model(path: str, stamp: str) -> Model:
    del stamp  # only the cache reads it, here and below
    return load(Path(path).expanduser())


@st.cache_resource(max_entries=4, show_spinner=False)
def _int8(
    path: str, stamp: str, fingerprint: str, _model: Model
) -> tuple[Match | None, FileRecipe]:
    del stamp, fingerprint
    return open_foreign(Path(path).expanduser(), _model)


@st.cache_resource(max_entries=8, show_spinner=False)
def _data(
    path: str,
    stamp: str,
    fingerprint: str,
    preprocessing: Preprocessing | None,
    skip_damaged: bool,
    _model: Model,
) -> Dataset:
    del stamp, fingerprint
    return open_data(
        Path(path).expanduser(), _model, preprocessing=preprocessing, skip_damaged=skip_damaged
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def seconds_per_sample(fingerprint: str, digest: str, _model: Model, _data: Dataset) -> float:
    """How long one float inference takes here, in seconds: the best of a few."""
    del fingerprint, digest
    runtime = InferenceSession(_model.to_bytes())
    feeds = _data.probe
    best = float("inf")
    started = time.monotonic()
    for _ in range(4):
        before = time.monotonic()
        runtime.run(feeds)
        best = min(best, time.monotonic() - before)
        if time.monotonic() - started > 0.5:
            break
    return best
