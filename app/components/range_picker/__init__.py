"""The range picker: a tensor's distribution, the divergence curves, and a range to drag on them."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from app.components.base import text_component
from app.components.range_picker.candidates_payload import TENSOR_ONLY, Row, Scope, Table, Target
from app.components.range_picker.payload import Bins, Codes, Shape
from app.routes.plotly import PLOTLY_URL

__all__ = [
    "Bins",
    "Choice",
    "Codes",
    "Commit",
    "Row",
    "Scope",
    "Shape",
    "Table",
    "Target",
    "range_picker",
]

_component = text_component(
    "range_picker",
    Path(__file__).parent,
    (
        "numbers.js",
        "readouts.js",
        "plots.js",
        "drawing.js",
        "handles.js",
        "marks.js",
        "table.js",
        "gestures.js",
        "picker.js",
    ),
)


@dataclass(frozen=True)
class Choice:
    """The range in use.

    Attributes:
        range: Lower and upper end in real units.
        fixed: Whether a person set it, so that it can be reset.
        calibrator: Label of the calibrator that would choose otherwise.
        calibrated: The range of that calibrator.
        in_use: Name of the row that is in use, or empty where none is.
        targets: What a row can be taken for, the nearest first.
        revocable: Whether the row that was taken last can be given back.
        source: Who sets the range, in words; what ``fixed`` and ``calibrator`` say where empty.
    """

    range: tuple[float, float]
    fixed: bool
    calibrator: str
    calibrated: tuple[float, float]
    in_use: str = ""
    targets: tuple[Target, ...] = TENSOR_ONLY
    revocable: bool = True
    source: str = ""


@dataclass(frozen=True)
class Commit:
    """What the user decided: exactly one of a range, a row, or to take back what was decided.

    Attributes:
        tensor: The tensor that was on the screen.
        range: The range that was dragged, stepped or typed, or None.
        pick: The name of the row that was taken, or None.
        scope: What a row was taken for.
        undo: Whether the row that was taken last is to be given back.
    """

    tensor: str
    range: tuple[float, float] | None
    pick: str | None
    scope: Scope = "tensor"
    undo: bool = False

    @property
    def reset(self) -> bool:
        """Whether the calibrator's range is wanted back."""
        return self.range is None and self.pick is None and not self.undo


def range_picker(
    shape: Shape, choice: Choice, table: Table, *, key: str, on_commit: Callable[[Commit], None]
) -> None:
    """Show the picker.

    Keep ``key`` the same for every tensor: the plots then update in place.

    Args:
        shape: What to draw.
        choice: The range in use.
        table: What every tool would choose; it may come later than the rest.
        key: The component's key.
        on_commit: Called before the script runs again, as a callback of a widget is.
    """

    def committed() -> None:
        event: dict[str, Any] | None = st.session_state[key].commit
        if event is None:
            return
        st.session_state[_ack(key)] = event["id"]
        ends = event["range"]
        on_commit(
            Commit(
                tensor=event["tensor"],
                range=None if ends is None else (float(ends[0]), float(ends[1])),
                pick=event["pick"],
                scope=event["scope"],
                undo=event["undo"],
            )
        )

    source = choice.source or ("set by hand" if choice.fixed else f"by {choice.calibrator}")
    text = {
        "range": choice.range,
        "fixed": choice.fixed,
        "calibrator": choice.calibrator,
        "calibrated": choice.calibrated,
        "source": source,
        "inUse": choice.in_use,
        "targets": [asdict(target) for target in choice.targets],
        "revocable": choice.revocable,
        "ack": st.session_state.get(_ack(key)),
    }
    _component(
        key=key,
        data={
            "shape": shape.text,
            "choice": json.dumps(text),
            "table": table.text,
            "plotly": PLOTLY_URL,
        },
        on_commit_change=committed,
    )


def _ack(key: str) -> str:
    """Where the last commit that Python has heard of is kept, so that the browser knows."""
    return f"{key}:ack"
