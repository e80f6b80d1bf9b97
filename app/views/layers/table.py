"""The table of layers: search, filter, sort, select."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from analysis.errors.tensor_error import ErrorStats
from analysis.layers import LayerRow, UnitRow, clipping_db, rounding_db
from analysis.sweep.unit_effects import KINDS
from app.session import user_session
from app.views.shared.controls import calibrator_label
from app.views.shared.format import plural
from app.views.shared.layer_state import STATES, unit_state
from app.views.shared.row_table import row_table
from app.workspace.workspace import Workspace

KEY = "layers_table"


def layers_table(workspace: Workspace) -> None:
    """Draw the table."""
    units = workspace.units
    shown = _filtered(units)
    comparison = workspace.comparison()
    effects = {kind: workspace.ranking.by_node(kind) for kind in KINDS}
    unit = selected(workspace)
    row_table(
        _frame(shown, comparison.tensors if comparison else {}, effects),
        unit.name if unit else None,
        choose=go_to,
        key=KEY,
        columns=_columns(),
        order=_order(measured=comparison is not None, effects=effects),
        alt="Layers of the model with their quantization and its error",
    )
    hidden = len(units) - len(shown)
    note = f"{plural(len(shown), 'layer')}" + (f", {hidden} filtered out" if hidden else "")
    st.caption(f"{note}. Local errors are of the layer's own output, predicted from its histogram.")


def go_to(name: str) -> None:
    """Select a row."""
    user_session.select(name)


def selected(workspace: Workspace) -> UnitRow | None:
    """The unit of the session's row; at first the one with the greatest local error."""
    wanted = user_session.current().row
    found = next((unit for unit in workspace.units if wanted in unit), None)
    return found or min(workspace.units, key=_local_db, default=None)


def selected_node(workspace: Workspace) -> LayerRow | None:
    """The session's row; at first the one with the greatest local error."""
    wanted = user_session.current().row
    found = next((row for row in workspace.rows() if row.name == wanted), None)
    unit = None if found else selected(workspace)
    return unit.end if unit else found


def _local_db(unit: UnitRow) -> float:
    return unit.end.local.sqnr_db if unit.end.local else math.inf


def _filtered(units: Sequence[UnitRow]) -> list[UnitRow]:
    search, kinds = st.columns([3, 2], vertical_alignment="bottom")
    with search:
        text = st.text_input(
            "Search",
            type="search",
            live="300ms",
            key="layer search",
            placeholder="Search layers",
            label_visibility="collapsed",
            persist_state="session",
        )
    with kinds:
        ops = st.multiselect(
            "Operator types",
            sorted({row.op_type for unit in units for row in unit.members}),
            key="layer ops",
            placeholder="All operator types",
            label_visibility="collapsed",
            persist_state="session",
        )
    wanted = (text or "").strip().lower()
    return [
        unit
        for unit in units
        if any(not ops or row.op_type in ops for row in unit.members)
        and any(wanted in text.lower() for row in unit.members for text in (row.name, row.tensor))
    ]


def _frame(
    units: Sequence[UnitRow],
    measured: Mapping[str, ErrorStats],
    effects: Mapping[str, Mapping[str, float]],
) -> pd.DataFrame:
    def local(row: LayerRow, value: float) -> float | None:
        return value if row.local is not None and math.isfinite(value) else None

    def cumulative(row: LayerRow) -> float | None:
        found = measured.get(row.tensor)
        return found.sqnr_db if found is not None and math.isfinite(found.sqnr_db) else None

    ends = [unit.end for unit in units]
    return pd.DataFrame(
        {
            "name": [unit.name for unit in units],
            "op": [unit.op_types for unit in units],
            "state": [unit_state(unit) for unit in units],
            "local": [local(r, r.local.sqnr_db) if r.local else None for r in ends],
            "cumulative": [cumulative(row) for row in ends],
            **{
                kind: [_finite(known.get(unit.name)) for unit in units]
                for kind, known in effects.items()
            },
            "clip": [100 * row.local.clip_rate if row.local else None for row in ends],
            "calibrator": [_calibrator(row) for row in ends],
            "rmin": [row.rmin for row in ends],
            "rmax": [row.rmax for row in ends],
            "rounding": [local(r, rounding_db(r.local)) if r.local else None for r in ends],
            "clipping": [local(r, clipping_db(r.local)) if r.local else None for r in ends],
            "activation": [row.activation or None for row in ends],
            "weight": [unit.head.weight or None for unit in units],
        }
    )


def _calibrator(row: LayerRow) -> str | None:
    if not row.calibrator:
        return None
    return "fixed range" if row.calibrator == "fixed" else calibrator_label(row.calibrator)


def _finite(value: float | None) -> float | None:
    # Rounded to what is shown, so that nothing lost is no "-0.00".
    return round(value, 2) + 0.0 if value is not None and math.isfinite(value) else None


def _order(*, measured: bool, effects: Mapping[str, Mapping[str, float]]) -> list[str]:
    order = ["name", "op", "state", "local", "cumulative"]
    order += [kind for kind, known in effects.items() if known]
    order += ["clip", "calibrator", "rmin", "rmax", "rounding", "clipping", "activation", "weight"]
    return order if measured else [name for name in order if name != "cumulative"]


def _columns():
    column = st.column_config
    return {
        "op": column.TextColumn("Op", width=92),
        "state": column.TextColumn(
            "State",
            width=66,
            help=". ".join(f"{word}: {says}" for word, says in STATES.items()) + ".",
        ),
        "local": column.NumberColumn(
            "Local dB",
            format="%.1f",
            width=66,
            help="Local sqnr_db: the signal to error ratio of quantizing this layer's own output "
            "and nothing else, predicted from its histogram.",
        ),
        "cumulative": column.NumberColumn(
            "Cumulative dB",
            format="%.1f",
            width=100,
            help="Cumulative sqnr_db, measured: the float tensor against the same tensor with "
            "everything quantized.",
        ),
        "sensitivity": column.NumberColumn(
            "Sensitivity dB",
            format="%.1f",
            width=100,
            help="Sensitivity, measured: sqnr_db of the outputs with only this layer in int8.",
        ),
        "benefit": column.NumberColumn(
            "Benefit dB",
            format="%+.2f",
            width=84,
            help="Benefit, measured: sqnr_db that the outputs gain with everything in int8 but "
            "this layer.",
        ),
        "clip": column.NumberColumn(
            "Clip %",
            format="%.3f",
            width=62,
            help="Clip rate: share of the float values outside the representable range.",
        ),
        "calibrator": column.TextColumn("Calibrator", width=104),
        "rmin": column.NumberColumn("rmin", format="%.4g", width=72, help="In real units."),
        "rmax": column.NumberColumn("rmax", format="%.4g", width=72, help="In real units."),
        "rounding": column.NumberColumn(
            "Rounding dB",
            format="%.1f",
            width=92,
            help="Local sqnr_db if there were only the rounding error.",
        ),
        "clipping": column.NumberColumn(
            "Clipping dB",
            format="%.1f",
            width=92,
            help="Local sqnr_db if there were only the clipping error; – where nothing is clipped.",
        ),
        "activation": column.TextColumn("Activation", width=110),
        "weight": column.TextColumn("Weights", width=120),
    }
