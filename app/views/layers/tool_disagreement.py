"""The tensors of the model, ranked by how much the tools disagree about their range."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from analysis.layers import UnitRow
from analysis.ranges.candidates import RangeCandidate
from app.tasks.range_candidates import Choices, choices_of
from app.views.layers.table import go_to
from app.views.shared.format import plural
from app.views.shared.row_table import row_table
from app.workspace.workspace import Workspace

KEY = "disagreement table"
POLL_SECONDS = 0.7


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
        _frame(ranked),
        unit.name if unit else None,
        choose=go_to,
        key=KEY,
        columns=_columns(),
        alt="Tensors ranked by how much the tools disagree about their range",
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


def _frame(ranked: Sequence[Ranked]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": [item.unit.name for item in ranked],
            "gap": [item.choices.gap_db for item in ranked],
            "loses": [item.loses_db for item in ranked],
            "best": [item.choices.best.label if item.choices.best else None for item in ranked],
            "best_db": [_rated_db(item.choices.best) for item in ranked],
            "median_db": [item.choices.median_db for item in ranked],
            "worst": [item.choices.worst.label if item.choices.worst else None for item in ranked],
            "worst_db": [_rated_db(item.choices.worst) for item in ranked],
            "op": [item.unit.op_types for item in ranked],
        }
    )


def _columns():
    column = st.column_config
    return {
        "gap": column.NumberColumn(
            "Gap dB",
            format="%.1f",
            width=64,
            help="What the right choice is worth: the predicted sqnr of the best choice less the "
            "median of all choices. As in every column here, sqnr is weighted by effect on "
            "the tensor's consumers.",
        ),
        "loses": column.NumberColumn(
            "Loses dB",
            format="%.1f",
            width=72,
            help="The predicted sqnr of the best choice less that of the range in use.",
        ),
        "best": column.TextColumn("Best choice", width=150),
        "best_db": column.NumberColumn("Best dB", format="%.1f", width=66),
        "median_db": column.NumberColumn("Median dB", format="%.1f", width=82),
        "worst": column.TextColumn("Worst choice", width=150),
        "worst_db": column.NumberColumn("Worst dB", format="%.1f", width=70),
        "op": column.TextColumn("Op", width=92),
    }
