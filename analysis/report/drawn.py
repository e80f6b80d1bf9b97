"""The figures of a page, in a version for each ground."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.figures import figures_of
from analysis.figures.theme import Mode

_MODES: tuple[Mode, ...] = ("light", "dark")


@dataclass(frozen=True)
class Drawn:
    """A figure in the page: its name, its words, and ground -> the figure as Plotly takes it."""

    name: str
    title: str
    about: str
    versions: Mapping[str, Any]


def drawn_of(subject: object) -> tuple[Drawn, ...]:
    """The figures of a subject that there is something to see in, in their order."""
    found: list[Drawn] = []
    for figure in figures_of(type(subject)):
        versions = {mode: figure.draw(subject, mode) for mode in _MODES}
        plain = {
            mode: json.loads(drawn.to_json() or "")
            for mode, drawn in versions.items()
            if drawn is not None
        }
        if plain:
            found.append(Drawn(figure.name, figure.title, figure.about, plain))
    return tuple(found)
