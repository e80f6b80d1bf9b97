"""The tables of the report, which a press on a heading sorts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis.report.documents import Value, layer_table
from analysis.report.format import shown
from analysis.study.analysis import Analysis

_TEXT = {
    "name": "Node",
    "op_type": "Operator",
    "state": "State",
    "note": "Note",
    "tensor": "Tensor",
    "weight": "Weight",
    "activation": "Activation",
    "calibrator": "Calibrator",
    "findings": "Findings",
}
_NUMBERS = {
    "rmin": "rmin\n(real units)",
    "rmax": "rmax\n(real units)",
    "clip_rate": "Clip rate\n(share)",
    "evaluation_clip_rate": "Clip rate here\n(share)",
}
_ENDINGS = {
    "sqnr_db": "sqnr (dB)",
    "gain_db": "gain (dB)",
    "cosine": "cosine",
    "mse": "mse (units²)",
    "max_abs": "max |error| (units)",
    "softmax_kl_nats": "softmax KL (nats)",
    "agreement": "top-1 like float (share)",
    "clipping_share": "clipping (share)",
    "metric": "metric",
}


@dataclass(frozen=True)
class Heading:
    """A column's name with its unit, and whether it holds texts."""

    words: str
    text: bool


@dataclass(frozen=True)
class Cell:
    """A value as a person reads it, and as JavaScript's ``Number`` does."""

    words: str
    exact: str
    text: bool


@dataclass(frozen=True)
class Table:
    """The content of a table."""

    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]


def layers_table(analysis: Analysis) -> Table:
    """A row for each input and node, with all that ``layers.csv`` has."""
    rows = layer_table(analysis)
    return _table(list(rows[0]) if rows else [], rows, analysis)


def suspects_table(analysis: Analysis) -> Table:
    """The units in their order, with their errors and with what was found in them."""
    rows = {str(row["name"]): row for row in layer_table(analysis)}
    kinds: dict[str, list[str]] = {}
    for finding in analysis.findings:
        kinds.setdefault(finding.node, []).append(finding.kind.replace("_", " "))
    columns = ["name", "op_type"]
    if analysis.benefit is not None:
        columns += ["benefit_gain_db", "benefit_sqnr_db", "benefit_metric"]
    if analysis.sensitivity is not None:
        columns += ["sensitivity_sqnr_db", "sensitivity_agreement", "sensitivity_metric"]
    own = [f"{name}_sqnr_db" for name in ("local", "cumulative") if name in analysis.errors]
    columns += own
    if analysis.metric is None:
        columns = [name for name in columns if not name.endswith("_metric")]
    shown_rows: list[Mapping[str, Value]] = []
    effects = {**(analysis.sensitivity or {}), **(analysis.benefit or {})}
    for unit in analysis.suspects:
        # A unit ends where the activation fused into it does.
        last = rows[effects[unit].nodes[-1]]
        row = {**rows[unit], **{name: last[name] for name in own}}
        shown_rows.append({**row, "findings": ", ".join(kinds.get(unit, []))})
    return _table([*columns, "findings"], shown_rows, analysis)


def _table(
    columns: Sequence[str], rows: Iterable[Mapping[str, Value]], analysis: Analysis
) -> Table:
    return Table(
        tuple(Heading(heading(name, analysis), name in _TEXT) for name in columns),
        tuple(tuple(cell(row.get(name), text=name in _TEXT) for name in columns) for row in rows),
    )


def heading(name: str, analysis: Analysis) -> str:
    """A column's name as a person reads it, with its unit."""
    if name in _TEXT or name in _NUMBERS:
        return (_TEXT | _NUMBERS)[name]
    error, _, ending = name.partition("_")
    words = _ENDINGS[ending]
    if ending == "metric" and analysis.metric is not None:
        unit = {"%": " (share)", "": ""}.get(analysis.metric.unit, f" ({analysis.metric.unit})")
        words = f"{analysis.metric.label}{unit}"
    return f"{error.capitalize()}\n{words}"


def cell(value: Value, *, text: bool) -> Cell:
    """A cell of a value; nothing for None.

    Args:
        value: The value.
        text: Whether its column holds texts.
    """
    return Cell(shown(value), _exact(value), text)


def _exact(value: Value) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return repr(value).replace("inf", "Infinity")
