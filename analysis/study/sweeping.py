"""What each unit does to the outputs, as stages that keep every unit as soon as it is known."""

from functools import partial
from typing import Final

from analysis.study.keys import SCORED, Result
from analysis.study.study import Stage, Study
from analysis.sweep.unit_effects import KINDS, Kind, UnitEffect, unit_effects
from quant.ablation import QuantUnit, units
from quant.execution.progress import OnProgress

UNITS: Final = Result[tuple[QuantUnit, ...]]("units", ("model", "recipe"), keep=16)
EFFECTS: Final[dict[Kind, Result[UnitEffect]]] = {
    kind: Result[UnitEffect](kind, (*SCORED, "unit"), keep=20_000) for kind in KINDS
}


def units_of(study: Study) -> tuple[QuantUnit, ...]:
    """The units of the int8 model, in topological order."""
    found = study.known(UNITS)
    if found is None:
        found = units(study.quantized)
        study.keep(UNITS, found)
    return found


def effects_of(study: Study, kind: Kind) -> dict[str, UnitEffect]:
    """What is known of the units by now, by their names, in topological order."""
    known = ((unit.name, study.known(EFFECTS[kind], unit=unit.name)) for unit in units_of(study))
    return {name: effect for name, effect in known if effect is not None}


def _sweep(kind: Kind, study: Study, progress: OnProgress | None) -> None:
    known = effects_of(study, kind)
    if len(known) == len(units_of(study)):
        return
    unit_effects(
        kind,
        study.quantized,
        study.calibration,
        study.evaluation,
        samples=study.samples,
        metric=study.metric,
        known=known,
        on_effect=lambda effect: study.keep(EFFECTS[kind], effect, unit=effect.unit),
        progress=progress,
    )


SWEEPS: Final[dict[Kind, Stage]] = {
    kind: Stage(kind, SCORED, "samples of units", partial(_sweep, kind)) for kind in KINDS
}
"""The stage of each kind of effect."""
