"""The graph of a model as a component: the drawing goes to the browser once, then colours only."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import streamlit as st

from analysis.graph.layout import BOX
from analysis.graph.model_graph import ModelGraph
from analysis.short_names import short_names
from app.components.base import text_component

__all__ = ["Drawing", "NodeLook", "Paint", "graph"]

_component = text_component(
    "graph", Path(__file__).parent, ("ramp.js", "render.js", "interaction.js", "graph.js")
)


@dataclass(frozen=True)
class Drawing:
    """A placed graph as the browser reads it.

    Attributes:
        graph: The graph.
    """

    graph: ModelGraph

    @cached_property
    def text(self) -> str:
        """The drawing as JSON."""
        layout = self.graph.layout
        return json.dumps(
            {
                "names": self.graph.names,
                "shorts": [*short_names(self.graph.names).values()],
                "ops": self.graph.op_types,
                "outputs": self.graph.outputs,
                "layers": layout.layers,
                "x": [round(x, 1) for x, _ in layout.places],
                "y": [round(y, 1) for _, y in layout.places],
                "edges": layout.edges,
                "bends": [[[round(x, 1), round(y, 1)] for x, y in bends] for bends in layout.bends],
                "box": BOX,
                "size": layout.size,
                "columns": layout.columns,
            }
        )

    @cached_property
    def digest(self) -> str:
        """What tells one drawing from another."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class NodeLook:
    """How one node is shown.

    Attributes:
        state: ``int8``, ``fused``, ``dropped``, ``float`` or ``skipped``: its shape and word.
        place: Where its number is on the colour scale, 0 (best) to 1 (worst); None without one.
        text: The number with its unit.
    """

    state: str
    place: float | None
    text: str


@dataclass(frozen=True)
class Paint:
    """What the nodes are coloured by.

    Attributes:
        title: Name of the error, with its unit.
        ticks: Places on the scale, 0 (best) to 1 (worst), with what they stand for.
        looks: How each node is shown, in the order of the graph's names.
        flows: Places of the edges along which integers flow; None where that is not told.
    """

    title: str
    ticks: Sequence[tuple[float, str]]
    looks: Sequence[NodeLook]
    flows: Sequence[int] | None = None

    @property
    def text(self) -> str:
        """The paint as JSON."""
        return json.dumps(
            {
                "title": self.title,
                "ticks": list(self.ticks),
                "states": [look.state for look in self.looks],
                "places": [None if n.place is None else round(n.place, 4) for n in self.looks],
                "texts": [look.text for look in self.looks],
                "flows": None if self.flows is None else list(self.flows),
            }
        )


def graph(
    drawing: Drawing, paint: Paint, row: str, *, key: str, on_select: Callable[[str], None]
) -> str:
    """Show the graph.

    Args:
        drawing: What to draw; it is sent again only when the browser has not got it.
        paint: Colours and numbers.
        row: Name of the chosen node, or empty.
        key: The component's key.
        on_select: Called with a node's name before the script runs again, as a callback of a
            widget is.

    Returns:
        The node that the user wants to open, or an empty name.
    """
    known: set[str] = st.session_state.setdefault(f"{key}:sent", set())

    def selected() -> None:
        event: Any = st.session_state[key].select
        if event is not None:
            st.session_state[f"{key}:ack"] = event["id"]
            on_select(str(event["row"]))

    first = drawing.digest not in known
    known.add(drawing.digest)
    result: Any = _component(
        key=key,
        data={
            "digest": drawing.digest,
            "topology": drawing.text if first else None,
            "paint": paint.text,
            "row": row,
            "ack": st.session_state.get(f"{key}:ack"),
        },
        on_select_change=selected,
        on_open_change=lambda: None,
        on_want_change=known.clear,
    )
    return str(result.open or "")
