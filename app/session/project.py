"""What all tabs work on: the recipe with its history, and the pure functions that change it.

A project holds choices, keys and single numbers. Models, statistics and other arrays are kept by
the store of :mod:`app.workspace.opening` under those keys.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from analysis.study.keys import StudyKey
from quant.data.images.preprocessing import Preprocessing
from quant.errors import QuantError
from quant.recipe.presets import preset
from quant.recipe.recipe import Recipe

FIRST_PRESET: Final = "onnxruntime-default"
"""The recipe a project starts with: what a user gets today without asking."""

EDITS_KEPT: Final = 200
MEASUREMENTS_KEPT: Final = 12


class StaleEdit(QuantError):
    """What was asked for was asked of an older state of the project."""


@dataclass(frozen=True)
class Source:
    """The model and the data that are open.

    Attributes:
        title: What to call it.
        model: Path of the float model.
        calibration: Path of the calibration data.
        evaluation: Path of the data that accuracy is measured on.
        sample: Name of the sample, or empty for files of the user.
        uploaded: Whether the model file was uploaded, so that its path means nothing to the user.
        preprocessing: How pictures are fed; None to guess it, or where the data is no pictures.
        skip_damaged: Whether pictures that cannot be read are left out.
        int8: Path of an int8 file of another tool that the recipe starts from, or empty.
    """

    title: str
    model: str
    calibration: str
    evaluation: str
    sample: str = ""
    uploaded: bool = False
    preprocessing: Preprocessing | None = None
    skip_damaged: bool = False
    int8: str = ""

    @property
    def one_data(self) -> bool:
        """Whether the samples that judge a model have chosen its ranges too."""
        return self.evaluation == self.calibration


@dataclass(frozen=True)
class Measurement:
    """What one recipe gave on the evaluation data.

    Attributes:
        recipe: The recipe.
        key: Key of the comparison.
        samples: Number of evaluation samples.
        float_top1: Accuracy of the float model, 0 to 1; None without labels.
        int8_top1: Accuracy of the int8 model, 0 to 1; None without labels.
        agreement: Share of samples that both predict alike; None where there is no prediction.
        sqnr_db: Signal to error ratio at the model's outputs in dB, the least of them.
    """

    recipe: Recipe
    key: StudyKey
    samples: int
    float_top1: float | None
    int8_top1: float | None
    agreement: float | None
    sqnr_db: float


@dataclass(frozen=True)
class Pending:
    """A measurement that runs.

    Attributes:
        key: Key of the comparison it will give.
        job: Key of the job.
        recipe: What is measured.
    """

    key: StudyKey
    job: str
    recipe: Recipe


@dataclass(frozen=True)
class Project:
    """Everything that was asked for and found, the same for all tabs.

    Attributes:
        source: The open model and data, or None.
        samples: Number of samples to calibrate on, or None for all.
        recipe: The recipe as it stands.
        past: Earlier recipes, the latest last.
        future: Recipes that were undone, the next to redo last.
        measurements: What was measured, the latest last.
        pending: The measurement that runs, or None.
        pinned: Content key of the recipe that others are compared with; empty for the one that was
            measured first.
        metric: The metric of the outputs: a metric's name, the path of a Python file, or empty
            for the usual one.
        rank_samples: On how many evaluation samples layers are ranked, at most.
        begun: Whether the app has opened something by itself.
        problem: Why that failed, as a sentence, or empty.
        revision: How often what is asked for was changed.
    """

    source: Source | None = None
    samples: int | None = None
    recipe: Recipe = field(default_factory=lambda: preset(FIRST_PRESET))
    past: tuple[Recipe, ...] = ()
    future: tuple[Recipe, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    pending: Pending | None = None
    pinned: str = ""
    metric: str = ""
    rank_samples: int = 256
    begun: bool = False
    problem: str = ""
    revision: int = 0

    @property
    def measured(self) -> Measurement | None:
        """The latest measurement of the recipe as it stands, or None: then results are stale."""
        key = self.recipe.content_key
        found = [m for m in self.measurements if m.recipe.content_key == key]
        return found[-1] if found else None

    @property
    def baseline(self) -> Measurement | None:
        """What other recipes are compared with: what is pinned, else what was measured first."""
        pinned = [m for m in self.measurements if m.recipe.content_key == self.pinned]
        return next(iter((*pinned, *self.measurements)), None)

    @property
    def latest(self) -> Measurement | None:
        """The latest measurement of any recipe."""
        return self.measurements[-1] if self.measurements else None

    @property
    def asked(self) -> tuple[object, ...]:
        """What people ask for, as opposed to what comes of it."""
        recipes = (self.recipe, self.past, self.future, self.pinned)
        return (self.source, self.samples, *recipes, self.metric, self.rank_samples)


def changed(project: Project, change: Callable[[Project], Project]) -> Project:
    """The project after a change; its revision grows where something else is asked for."""
    after = change(project)
    if after == project:
        return project
    return replace(after, revision=project.revision + (after.asked != project.asked))


def compare_and_set(project: Project, base: int, change: Callable[[Project], Project]) -> Project:
    """The project after a change that was decided on looking at revision ``base``.

    Raises:
        StaleEdit: If the project is at another revision by now.
    """
    if project.revision != base:
        raise StaleEdit(
            "This click changed nothing, because the project had changed in another tab; the page "
            "now shows how it stands."
        )
    return changed(project, change)


def opened(
    project: Project, source: Source, samples: int | None, like: Recipe | None = None
) -> Project:
    """The project with another model or other data; the recipe stays when the model does.

    Args:
        project: The project before.
        source: What to open.
        samples: Number of calibration samples, or None for all.
        like: The recipe like the source's int8 file; it is taken where that file was not open yet.
    """
    if (project.source, project.samples) == (source, samples):
        return replace(project, problem="")
    if project.source is not None and project.source.model == source.model:
        known = project.source.int8 == source.int8
        moved = replace(
            project,
            source=source,
            samples=samples,
            measurements=(),
            pending=None,
            pinned="",
            problem="",
        )
        return moved if known or like is None else edited(moved, like)
    recipe = preset(FIRST_PRESET) if project.recipe.rules else project.recipe
    return Project(source=source, samples=samples, recipe=like or recipe, begun=True)


def edited(project: Project, recipe: Recipe) -> Project:
    """The project with another recipe, which can be undone; nothing where it asks for the same."""
    if recipe == project.recipe:
        return project
    past = (*project.past, project.recipe)[-EDITS_KEPT:]
    return replace(project, recipe=recipe, past=past, future=())


def replaced(project: Project, recipe: Recipe, base: int) -> Project:
    """The project with a recipe that was made from the one at revision ``base``.

    Raises:
        StaleEdit: If there is another recipe by now, whose edits would be lost.
    """
    if project.revision != base:
        raise StaleEdit(
            "This click changed nothing, because the recipe had changed since the button was "
            "drawn; the page now shows how it stands."
        )
    return edited(project, recipe)


def undone(project: Project) -> Project:
    """The project before its last recipe edit."""
    if not project.past:
        return project
    *past, recipe = project.past
    future = (*project.future, project.recipe)
    return replace(project, recipe=recipe, past=tuple(past), future=future)


def redone(project: Project) -> Project:
    """The project with the last undone edit made again."""
    if not project.future:
        return project
    *future, recipe = project.future
    past = (*project.past, project.recipe)
    return replace(project, recipe=recipe, past=past, future=tuple(future))


def with_measurement(project: Project, measurement: Measurement) -> Project:
    """The project with one more measurement, in place of an older one of the same recipe.

    The oldest are forgotten, but not the baseline.
    """
    first = project.baseline
    kept = [m for m in project.measurements if m.key != measurement.key and m is not first]
    if first is None or first.key == measurement.key:
        return replace(project, measurements=(measurement, *kept), pending=None)
    rest = (*kept, measurement)[1 - MEASUREMENTS_KEPT :]
    return replace(project, measurements=(first, *rest), pending=None)


def with_baseline(project: Project, measurement: Measurement) -> Project:
    """The project in which other recipes are compared with this one."""
    return replace(project, pinned=measurement.recipe.content_key)
