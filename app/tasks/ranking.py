"""What each layer does to the outputs, as a job whose results are kept one by one.

What it found stays when it is cancelled, and running it again does only the rest.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from analysis.errors.weights_vs_activations import AblationResult, weights_vs_activations
from analysis.findings import Measurements
from analysis.findings.saturation import cpu_flags
from analysis.metrics import Metric
from analysis.sweep.unit_effects import UnitEffect, benefit, sensitivity
from app.jobs import JOBS, Job
from app.lru import LruStore
from app.tasks.measurement import judged, keep_split, slices, split_of
from app.workspace.metric import metric_in_use
from app.workspace.workspace import Workspace
from quant.ablation import QuantUnit, units
from quant.execution.progress import OnProgress

Kind = Literal["sensitivity", "benefit"]
KINDS: Final[tuple[Kind, ...]] = ("sensitivity", "benefit")

EFFECTS: Final = LruStore[Mapping[str, UnitEffect]](48)
UNITS: Final = LruStore[tuple[QuantUnit, ...]](16)


@dataclass(frozen=True, eq=False)
class Ranking:
    """What each unit does to the outputs, as far as that is known.

    Attributes:
        samples: Number of samples.
        units: Every unit, in topological order.
        base: The outputs of float and of all int8 over these samples; None before the ranking ran.
        sensitivity: Unit -> outputs with only it quantized.
        benefit: Unit -> outputs with everything quantized but it.
    """

    samples: int
    units: tuple[QuantUnit, ...]
    base: AblationResult | None
    sensitivity: Mapping[str, UnitEffect]
    benefit: Mapping[str, UnitEffect]

    @property
    def complete(self) -> bool:
        """Whether both errors of every unit are known."""
        return len(self.sensitivity) == len(self.benefit) == len(self.units)

    @property
    def by_metric(self) -> bool:
        """Whether the metric tells float and int8 apart on these samples."""
        change = self.base.metric if self.base else None
        return change is not None and not change.is_flat

    def gain_db(self, unit: str) -> float | None:
        """The benefit of a unit in dB of output sqnr."""
        effect = self.benefit.get(unit)
        if effect is None or self.base is None:
            return None
        gain = effect.sqnr_db - self.base.all.sqnr_db
        return 0.0 if math.isnan(gain) else gain

    def by_node(self, kind: Kind) -> dict[str, float]:
        """Sensitivity as output sqnr_db, or benefit in dB gained, of each node that is known."""
        found: dict[str, float] = {}
        for effect in (self.sensitivity if kind == "sensitivity" else self.benefit).values():
            value = effect.sqnr_db if kind == "sensitivity" else self.gain_db(effect.unit)
            if value is not None:
                found |= dict.fromkeys(effect.nodes, value)
        return found

    def gain(self, unit: str) -> float | None:
        """The benefit of a unit in the metric: more is better, whatever the metric."""
        effect = self.benefit.get(unit)
        return None if effect is None else self._better(effect.scores.metric, "all")

    def loss(self, unit: str) -> float | None:
        """What the metric loses with only this unit quantized: more is worse."""
        effect = self.sensitivity.get(unit)
        change = None if effect is None else self._better(effect.scores.metric, "float")
        return None if change is None else -change

    def _better(self, value: float | None, than: Literal["float", "all"]) -> float | None:
        if self.base is None or self.base.metric is None or value is None:
            return None
        metric = self.base.metric
        change = value - (metric.float_value if than == "float" else metric.int8_value)
        return change if metric.higher_is_better else -change


def ranking(workspace: Workspace, metric: Metric, samples: int) -> Ranking:
    """What is known of each unit by now."""
    known = [EFFECTS.get(_effect_key(workspace, metric, samples, kind)) or {} for kind in KINDS]
    return Ranking(samples, units_of(workspace), split_of(workspace, metric, samples), *known)


def ranking_in_use(workspace: Workspace) -> Ranking:
    """What is known of each unit under the metric and on the samples that the user chose."""
    samples = samples_of(workspace, workspace.project.rank_samples)
    return ranking(workspace, metric_in_use(workspace), samples)


def units_of(workspace: Workspace) -> tuple[QuantUnit, ...]:
    """The units of the int8 model."""
    found = UNITS.get(workspace.key)
    if found is None:
        found = units(workspace.quantized)
        UNITS.put(workspace.key, found)
    return found


def _effect_key(workspace: Workspace, metric: Metric, samples: int, kind: Kind) -> str:
    return f"{kind}/{samples}/{metric.key}/{workspace.comparison_key}"


def ranking_job(workspace: Workspace, metric: Metric, samples: int) -> Job | None:
    """The job of :func:`start_ranking`: running, failed or cancelled."""
    return JOBS.get(_ranking_key(workspace, metric, samples))


def _ranking_key(workspace: Workspace, metric: Metric, samples: int) -> str:
    return f"ranking/{samples}/{metric.key}/{workspace.comparison_key}"


def start_ranking(workspace: Workspace, metric: Metric, samples: int) -> Job:
    """Measure sensitivity and benefit of the units that are not known yet."""
    key = _ranking_key(workspace, metric, samples)
    data = workspace.opened.evaluation

    def work(progress: OnProgress) -> None:
        JOBS.rename(key, "Float and int8")
        if split_of(workspace, metric, samples) is None:
            found = weights_vs_activations(
                workspace.quantized, data, samples=samples, metric=metric, progress=progress
            )
            keep_split(workspace, metric, samples, found)
        for kind, sweep in zip(KINDS, (sensitivity, benefit), strict=True):
            JOBS.rename(key, kind.capitalize())
            place = _effect_key(workspace, metric, samples, kind)
            known = EFFECTS.get(place) or {}
            sweep(
                workspace.quantized,
                workspace.calibration,
                data,
                samples=samples,
                metric=metric,
                known=known,
                on_effect=_keeper(place),
                progress=progress,
            )

    return JOBS.start(key, work, label="Ranking")


def _keeper(place: str) -> Callable[[UnitEffect], None]:
    def keep(effect: UnitEffect) -> None:
        EFFECTS.put(place, {**(EFFECTS.get(place) or {}), effect.unit: effect})

    return keep


def samples_of(workspace: Workspace, wanted: int) -> int:
    """How many evaluation samples layers are ranked on."""
    return min(wanted, len(workspace.opened.evaluation))


def evidence(workspace: Workspace) -> tuple[str, Callable[[], Measurements]]:
    """What findings may look at by now, and a key that changes when there is more."""
    samples = samples_of(workspace, workspace.project.rank_samples)
    sweeps: dict[Kind, Mapping[str, UnitEffect]] = {}
    for kind in KINDS:
        found = EFFECTS.get(_effect_key(workspace, metric_in_use(workspace), samples, kind))
        if found is not None and len(found) == len(units_of(workspace)):
            sweeps[kind] = found
    comparison, looked, sliced = workspace.comparison(), judged(workspace), slices(workspace)
    parts = {"measured": comparison, "judged": looked, "slices": sliced, **sweeps}
    known = "+".join(name for name, part in parts.items() if part is not None)

    def made() -> Measurements:
        return Measurements(
            workspace.quantized,
            workspace.calibration,
            comparison=comparison,
            sensitivity=sweeps.get("sensitivity"),
            benefit=sweeps.get("benefit"),
            slices=sliced,
            outside=looked.outside if looked else None,
            cpu_flags=cpu_flags(),
        )

    return f"{workspace.comparison_key}/{samples if sweeps else 0}/{known}", made
