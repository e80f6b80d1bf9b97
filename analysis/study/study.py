"""One experiment: its inputs, what is known of it by now, and the stages that make more known.

The command line, the app and notebooks drive the same object. A study holds no results itself:
its store does, under keys that are made in :mod:`analysis.study.keys`, so that a study of the same
inputs finds them again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from importlib.metadata import version
from typing import Final, TypeVar

from analysis.metrics import Metric, check_labels
from analysis.study.keys import CALIBRATED, QUANTIZED, Keyed, Part, Result, StudyKey
from analysis.study.store import MemoryStore, Store
from quant.data.dataset import Dataset
from quant.errors import DataError
from quant.execution.progress import OnProgress, Progress
from quant.io.show import card, counted, one_line, table
from quant.model.model import Model
from quant.pipeline import QuantizedModel, quantize
from quant.recipe.recipe import Recipe
from quant.statistics.calibration import Calibration

T = TypeVar("T")

OnStage = Callable[[str, Progress], None]
"""Called with the name of a stage and where it stands; it may raise Cancelled."""

CALIBRATION: Final = Result[Calibration]("calibration", CALIBRATED, keep=4)
QUANTIZED_MODEL: Final = Result[QuantizedModel]("int8 model", QUANTIZED, keep=4)


@dataclass(frozen=True, eq=False)
class CalibrationData:
    """What a model is calibrated on.

    Attributes:
        data: The samples, matched to the model.
        samples: Use the first so many; None for all.
    """

    data: Dataset
    samples: int | None = None

    @property
    def count(self) -> int:
        """How many samples are used."""
        return len(self.data) if self.samples is None else min(self.samples, len(self.data))


@dataclass(frozen=True, eq=False)
class Study:
    """An int8 model beside its float model, and all that can be asked of the two.

    Attributes:
        model: The float model.
        statistics: Its calibration, or what to calibrate it on.
        evaluation: Data that errors are measured on, matched to the model.
        recipe: What the int8 model is made with.
        metric: Metric of the outputs beside their error, or None.
        samples: Measure on the first so many samples; None for all.
        store: Where results are kept.
    """

    model: Model
    statistics: Calibration | CalibrationData
    evaluation: Dataset
    recipe: Recipe
    metric: Metric | None = None
    samples: int | None = None
    store: Store = field(default_factory=MemoryStore)

    def __post_init__(self) -> None:
        """Refuse a metric that the data cannot serve, before any long work.

        Raises:
            MetricError: If the metric needs labels that are not there.
        """
        if self.metric is not None:
            check_labels(self.metric, self.evaluation.labels)

    def __repr__(self) -> str:
        """Model, recipe and data, in one line."""
        metric = "" if self.metric is None else f", metric {one_line(self.metric.name, 30)}"
        calibrated = "calibrated" if self.calibrated else "not calibrated"
        return (
            f"<Study of {one_line(self.model.name)} by recipe {one_line(self.recipe.name, 30)} "
            f"over {counted(self.count, 'sample')}: {calibrated}{metric}>"
        )

    def _repr_html_(self) -> str:
        """What it is made of, for a notebook."""
        statistics = self.statistics
        by = "given" if isinstance(statistics, Calibration) else f"{statistics.count:,} samples"
        rows = (
            ("Model", repr(self.model)),
            ("Calibration", repr(self.calibration) if self.calibrated else f"not done yet, {by}"),
            ("Evaluation", f"{self.count:,} of {counted(len(self.evaluation), 'sample')}"),
            ("Recipe", self.recipe.name),
            ("Metric", "none" if self.metric is None else self.metric.label),
        )
        return card(repr(self), table(("Input", "What it is"), rows, len(rows)))

    def on(self, samples: int | None) -> "Study":
        """The same study, measured on the first so many samples."""
        return replace(self, samples=samples)

    def with_recipe(self, recipe: Recipe) -> "Study":
        """The same study of another recipe."""
        return replace(self, recipe=recipe)

    @property
    def count(self) -> int:
        """How many evaluation samples are used."""
        total = len(self.evaluation)
        return total if self.samples is None else min(self.samples, total)

    def key(self, of: Keyed, *, unit: str = "", known: str = "") -> StudyKey:
        """The key of a result, or of the stage that makes some.

        Args:
            of: The result or stage.
            unit: The unit it is about, where there is one for each.
            known: What it was made from, where that grows.
        """
        of_call: dict[Part, str] = {"unit": unit, "what is known": known}
        about: dict[Part, str] = {
            part: of_call.get(part) or self._value(part) for part in of.depends_on
        }
        return StudyKey(of.name, tuple(about.items()))

    def known(self, result: Result[T], *, unit: str = "", known: str = "") -> T | None:
        """A result by :meth:`key`, or None while it is not known."""
        return self.store.get(result, self.key(result, unit=unit, known=known))

    def keep(self, result: Result[T], value: T, *, unit: str = "", known: str = "") -> None:
        """Keep a result under :meth:`key`."""
        self.store.put(result, self.key(result, unit=unit, known=known), value)

    @cached_property
    def calibration(self) -> Calibration:
        """The statistics.

        Raises:
            DataError: While the model is not calibrated.
        """
        if isinstance(self.statistics, Calibration):
            return self.statistics
        found = self.known(CALIBRATION)
        if found is None:
            raise DataError(
                f"study: expected {self.model.name} to be calibrated by now, found no statistics; "
                "run the stage CALIBRATING first"
            )
        return found

    @property
    def calibrated(self) -> bool:
        """Whether the statistics are known."""
        return isinstance(self.statistics, Calibration) or self.known(CALIBRATION) is not None

    @cached_property
    def quantized(self) -> QuantizedModel:
        """The int8 model of the recipe.

        Raises:
            DataError: While the model is not calibrated.
            RecipeError: If the recipe does not fit the model.
        """
        found = self.known(QUANTIZED_MODEL)
        if found is None:
            found = quantize(self.model, self.calibration, self.recipe)
            self.keep(QUANTIZED_MODEL, found)
        return found

    def run(self, stages: "Iterable[Stage]", progress: OnStage | None = None) -> None:
        """Do what is missing of some stages, one after the other.

        What a stage made known is kept as it says, also where ``progress`` cancels it.

        Args:
            stages: What to do.
            progress: Called at least every quarter of a second; it may raise
                :class:`quant.errors.Cancelled`.

        Raises:
            QuantError: What the stages raise.
            Cancelled: If ``progress`` raised it.
        """
        for stage in stages:
            stage.work(self, None if progress is None else partial(progress, stage.name))

    @cached_property
    def _values(self) -> dict[Part, str]:
        """What was asked of :meth:`_value` so far: keys are made for every unit."""
        return {}

    def _value(self, part: Part) -> str:
        """The digest or value of what a result depends on; empty where there is none."""
        if part not in self._values:
            self._values[part] = self._looked_up(part)
        return self._values[part]

    def _looked_up(self, part: Part) -> str:
        given = self.statistics if isinstance(self.statistics, CalibrationData) else None
        values: dict[Part, Callable[[], str]] = {
            "model": lambda: self.model.fingerprint,
            "calibration data": lambda: given.data.digest if given else self.calibration.digest,
            "number of calibration samples": lambda: str(given.count) if given else "",
            "calibration": lambda: self.calibration.digest,
            "recipe": lambda: self.recipe.content_key,
            "data": lambda: self.evaluation.digest,
            "number of samples": lambda: str(self.count),
            "metric": lambda: "" if self.metric is None else self.metric.key,
            "version of QuantLens": lambda: _version("quantlens"),
            "version of ONNX Runtime": lambda: _version("onnxruntime"),
        }
        return values[part]() if part in values else ""


@dataclass(frozen=True)
class Stage(Keyed):
    """A piece of work that makes results known; those that are known already are not made again.

    Attributes:
        counts: What its progress counts.
        work: Does what is missing.
    """

    counts: str
    work: Callable[[Study, OnProgress | None], None]


@cache
def _version(package: str) -> str:
    return version(package)
