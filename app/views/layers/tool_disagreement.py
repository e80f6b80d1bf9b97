"""The tensors of the model, ranked by how much the tools disagree about their range."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from analysis.layers import UnitRow
from analysis.ranges.candidates import RangeCandidate
from app.components.row_table import Column, Row, row_table
from app.tasks.range_candidates import Choices, choices_of
from app.views.layers.table import go_to
from app.views.shared.format import plural
from app.workspace.workspace import Workspace

KEY = "disagreement table"
POLL_SECONDS = 0.7
COLUMNS = (
    Column(
        "gap",
        "Gap dB",
        72,
        number=True,
        digits=1,
        down=True,
        bar=(0.0, 20.0),
        help="What the right choice is worth: the predicted sqnr of the best choice less the "
        "median of all choices. As in every column here, sqnr is weighted by effect on "
        "the tensor's consumers.",
    ),
    Column(
        "loses",
        "Loses dB",
        80,
        number=True,
        digits=1,
        down=True,
        bar=(0.0, 20.0),
        help="The predicted sqnr of the best choice less that of the range in use.",
    ),
    Column("best", "Best choice", 150),
    Column("best_db", "Best dB", 74, number=True, digits=1),
    Column("median_db", "Median dB", 90, number=True, digits=1),
    Column("worst", "Worst choice", 150),
    Column("worst_db", "Worst dB", 80, number=True, digits=1),
    Column("op", "Op", 104),
)


@dataclass(frozen=True)
class Ranked:
    """One quantized tensor.

    Attributes:
        unit: Its layer.
        choices: What the tools would choose.
        loses_db: Weighted sqnr that the range in use is below the best choice, in dB.
    """

    unit: UnitRow
    choices: Choices
    loses_db: float | None


def disagreement(workspace: Workspace, unit: UnitRow | None) -> None:
    """Draw the ranking as far as it is known; a click selects the layer."""
    wanted = [other for other in workspace.units if workspace.asked(other.end.tensor)]
    ranked = _ranked(workspace, wanted)
    row_table(
        [Row(r.unit.name, workspace.short_names[r.unit.name], _cells(r)) for r in ranked],
        COLUMNS,
        chosen=unit.name if unit else None,
        choose=go_to,
        key=KEY,
        about="Tensors ranked by how much the tools disagree about their range",
        empty="No tensor is computed yet.",
    )
    _progress(workspace, len(ranked), len(wanted))


def _progress(workspace: Workspace, known: int, total: int) -> None:
    """How far the ranking is; the page is drawn again as more becomes known."""
    if known == total:
        st.caption(
            f"{plural(total, 'tensor')}. Gap: predicted sqnr of the best choice less the median "
            "of all choices, weighted by effect on the tensor's consumers."
        )
        return

    @st.fragment(run_every=POLL_SECONDS)
    def filling() -> None:
        done = sum(choices_of(workspace, u.end.tensor) is not None for u in workspace.units)
        st.progress(known / total, text=f"{known:,} of {plural(total, 'tensor')} computed")
        if done > known:
            st.rerun()

    filling()


def _ranked(workspace: Workspace, units: Sequence[UnitRow]) -> list[Ranked]:
    """The tensors whose choices are known, the most disputed first."""
    found: list[Ranked] = []
    for unit in units:
        choices = choices_of(workspace, unit.end.tensor)
        if choices is None:
            continue
        best = _rated_db(choices.best)
        now = choices.rated_db(workspace, unit.end.tensor)
        # A range by hand may beat every rule.
        loses = best - now if best is not None and math.isfinite(now) else None
        found.append(Ranked(unit, choices, loses))
    return sorted(found, key=lambda item: -item.choices.gap_db)


def _rated_db(row: RangeCandidate | None) -> float | None:
    found = row.rated_db if row else None
    return found if found is not None and math.isfinite(found) else None


def _cells(item: Ranked) -> dict[str, str | float | None]:
    best, worst = item.choices.best, item.choices.worst
    return {
        "gap": item.choices.gap_db,
        "loses": item.loses_db,
        "best": best.label if best else None,
        "best_db": _rated_db(best),
        "median_db": item.choices.median_db,
        "worst": worst.label if worst else None,
        "worst_db": _rated_db(worst),
        "op": item.unit.op_types,
    }
