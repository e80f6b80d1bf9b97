"""The table of layers: search, filter, sort, select."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import streamlit as st

from analysis.errors.tensor_error import ErrorStats
from analysis.layers import LayerRow, UnitRow, clipping_db, rounding_db
from analysis.sweep.unit_effects import KINDS
from app.components.row_table import Column, Row, row_table
from app.session import user_session
from app.views.shared.controls import calibrator_label
from app.views.shared.format import plural
from app.views.shared.layer_state import STATES, unit_state
from app.workspace.workspace import Workspace

KEY = "layers_table"
DB_BAR: Final = (40.0, 0.0)
"""sqnr_db without a bar, and with a full one."""

BENEFIT_DB: Final = 1.0
"""What wins back less has no full bar, however little the others win."""

HEIGHT: Final = "max(350px, 100vh - 560px)"
"""As CSS has it: what is left of a high window beside what stands above and below."""

_MARKED: Final = "marked layers"


def layers_table(workspace: Workspace) -> None:
    """Draw the table."""
    units = workspace.units
    shown = _filtered(units)
    comparison = workspace.comparison()
    effects = {kind: workspace.ranking.by_node(kind) for kind in KINDS}
    unit = selected(workspace)
    known = {unit.name for unit in units}
    also = [name for name in marked() if name in known]
    row_table(
        _rows(workspace, shown, comparison.tensors if comparison else {}, effects),
        [*_columns(measured=comparison is not None, effects=effects)],
        chosen=unit.name if unit else None,
        choose=go_to,
        key=KEY,
        about="Layers of the model with their quantization and its error",
        height=HEIGHT,
        marked=also,
        mark=_mark,
        empty="No layer matches the filters.",
    )
    hidden = len(units) - len(shown)
    note = f"{plural(len(shown), 'layer')}" + (f", {hidden} filtered out" if hidden else "")
    if also:
        note += f", {len(also)} marked for Bulk edit"
    st.caption(f"{note}. Local errors are of the layer's own output, predicted from its histogram.")


def go_to(name: str) -> None:
    """Select a row."""
    user_session.select(name)


def marked() -> tuple[str, ...]:
    """The layers that are marked in this tab, beside the selected one."""
    return st.session_state.get(_MARKED, ())


def _mark(names: tuple[str, ...]) -> None:
    st.session_state[_MARKED] = names


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


def _rows(
    workspace: Workspace,
    units: Sequence[UnitRow],
    measured: Mapping[str, ErrorStats],
    effects: Mapping[str, Mapping[str, float]],
) -> list[Row]:
    def cells(unit: UnitRow) -> dict[str, str | float | None]:
        end = unit.end
        error = measured.get(end.tensor)
        return {
            "local": end.local.sqnr_db if end.local else None,
            "cumulative": error.sqnr_db if error else None,
            **{kind: known.get(unit.name) for kind, known in effects.items()},
            "clip": 100 * end.local.clip_rate if end.local else None,
            "state": unit_state(unit),
            "op": unit.op_types,
            "calibrator": _calibrator(end),
            "rmin": end.rmin,
            "rmax": end.rmax,
            "rounding": rounding_db(end.local) if end.local else None,
            "clipping": clipping_db(end.local) if end.local else None,
            "activation": end.activation or None,
            "weight": unit.head.weight or None,
        }

    return [Row(unit.name, workspace.short_names[unit.name], cells(unit)) for unit in units]


def _calibrator(row: LayerRow) -> str | None:
    if not row.calibrator:
        return None
    return "fixed range" if row.calibrator == "fixed" else calibrator_label(row.calibrator)


def _columns(*, measured: bool, effects: Mapping[str, Mapping[str, float]]) -> Iterator[Column]:
    """The columns that there is something to say in, what tells most on the left."""
    yield Column(
        "local",
        "Local dB",
        76,
        number=True,
        digits=1,
        bar=DB_BAR,
        help="Local sqnr_db: the signal to error ratio of quantizing this layer's own output and "
        "nothing else, predicted from its histogram. The bar is long where it is bad.",
    )
    if measured:
        yield Column(
            "cumulative",
            "Cumulative dB",
            112,
            number=True,
            digits=1,
            bar=DB_BAR,
            help="Cumulative sqnr_db, measured: the float tensor against the same tensor with "
            "everything quantized. The bar is long where it is bad.",
        )
    if effects["sensitivity"]:
        yield Column(
            "sensitivity",
            "Sensitivity dB",
            110,
            number=True,
            digits=1,
            bar=DB_BAR,
            help="Sensitivity, measured: sqnr_db of the outputs with only this layer in int8. "
            "The bar is long where it is bad.",
        )
    if effects["benefit"]:
        yield Column(
            "benefit",
            "Benefit dB",
            90,
            number=True,
            digits=2,
            signed=True,
            down=True,
            bar=(0.0, max([BENEFIT_DB, *filter(math.isfinite, effects["benefit"].values())])),
            help="Benefit, measured: sqnr_db that the outputs gain with everything in int8 but "
            "this layer.",
        )
    yield Column(
        "clip",
        "Clip %",
        66,
        number=True,
        digits=3,
        down=True,
        bar=(0.0, 1.0),
        help="Clip rate: share of the float values outside the representable range. The bar is "
        "full at 1 %.",
    )
    states = ". ".join(f"{word}: {says}" for word, says in STATES.items())
    yield Column("state", "State", 70, help=f"{states}.")
    yield Column("op", "Op", 104)
    yield Column("calibrator", "Calibrator", 120)
    yield Column("rmin", "rmin", 80, number=True, help="Lower end of the range in real units.")
    yield Column("rmax", "rmax", 80, number=True, help="Upper end of the range in real units.")
    yield Column(
        "rounding",
        "Rounding dB",
        98,
        number=True,
        digits=1,
        help="Local sqnr_db if there were only the rounding error.",
    )
    yield Column(
        "clipping",
        "Clipping dB",
        98,
        number=True,
        digits=1,
        help="Local sqnr_db if there were only the clipping error; – where nothing is clipped.",
    )
    yield Column("activation", "Activation", 120)
    yield Column("weight", "Weights", 130)
