"""The tables of the report, which a press on a heading sorts."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

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


def layers_table(analysis: Analysis) -> str:
    """A row for each input and node, with all that ``layers.csv`` has."""
    rows = layer_table(analysis)
    return _table(list(rows[0]) if rows else [], rows, analysis)


def suspects_table(analysis: Analysis) -> str:
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


def _table(columns: Sequence[str], rows: Iterable[Mapping[str, Value]], analysis: Analysis) -> str:
    head = "".join(_heading(name, analysis) for name in columns)
    body = "".join(
        f"<tr>{''.join(_cell(name, row.get(name)) for name in columns)}</tr>" for row in rows
    )
    return (
        f'<div class="scroll"><table class="sortable"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _heading(name: str, analysis: Analysis) -> str:
    kind = ' class="text"' if name in _TEXT else ""
    return f"<th{kind}><button>{escape(heading(name, analysis))}</button></th>"


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


def _cell(name: str, value: Value) -> str:
    kind = ' class="text"' if name in _TEXT else ""
    exact = "" if value is None else escape(_exact(value))
    return f'<td{kind} data-value="{exact}">{escape(shown(value))}</td>'


def _exact(value: str | float) -> str:
    """What JavaScript's ``Number`` reads."""
    if isinstance(value, str):
        return value
    return repr(value).replace("inf", "Infinity")
