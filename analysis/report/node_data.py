"""An analysis as node data of Google's Model Explorer, which it draws over the float model."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import NameFixPass

from analysis.layers import LayerRow
from analysis.study.analysis import Analysis
from quant.model.model import Model

_GOOD: Final = "#f3f4f6"
_BAD: Final = "#b3251e"
_MOST_DB: Final = 60.0
"""Above it an error is drawn as none: one perfect node would flatten all others."""


def node_data(analysis: Analysis) -> dict[str, Any]:
    """The errors of each node: a file that Model Explorer takes over the float ``.onnx``.

    Its nodes are called as its ONNX adapter calls them: by their own names, made unique in order.

    Args:
        analysis: The analysis.

    Returns:
        A document for each number that is known, by what it is called there.
    """
    graph = _as_drawn(analysis.quantized.float_model)
    ids = {value.name: node.name or "" for node in graph for value in node.outputs if value.name}
    rows = [row for row in analysis.layers if row.tensor in ids]
    found: dict[str, Any] = {}
    for name, (value, bad_is_high) in _VALUES.items():
        values = {ids[row.tensor]: value(analysis, row) for row in rows}
        known = {key: number for key, number in values.items() if number is not None}
        if known:
            found[name] = {graph.name or "<main>": _document(name, known, bad_is_high=bad_is_high)}
    return found


def _document(name: str, values: Mapping[str, float], *, bad_is_high: bool) -> dict[str, Any]:
    ends = (_GOOD, _BAD) if bad_is_high else (_BAD, _GOOD)
    return {
        "name": name,
        "results": {key: {"value": value} for key, value in values.items()},
        "gradient": [{"stop": stop, "bgColor": end} for stop, end in enumerate(ends)],
    }


def _as_drawn(model: Model) -> ir.Graph:
    """The graph of the user's own file, its nodes named as the adapter names them."""
    content = model.original()
    if isinstance(content, Path):
        content = content.read_bytes()
    read = ir.from_proto(onnx.load_model_from_string(content or model.to_bytes()))
    NameFixPass()(read)
    return read.graph


def _local(_: Analysis, row: LayerRow) -> float | None:
    return None if row.local is None else _shown(row.local.sqnr_db)


def _cumulative(analysis: Analysis, row: LayerRow) -> float | None:
    error = analysis.comparison.tensors.get(row.tensor)
    return None if error is None else _shown(error.sqnr_db)


def _clip_rate(_: Analysis, row: LayerRow) -> float | None:
    return None if row.local is None else row.local.clip_rate


def _width(_: Analysis, row: LayerRow) -> float | None:
    return None if row.range is None else row.range.rmax - row.range.rmin


def _shown(value: float) -> float | None:
    return None if math.isnan(value) else min(value, _MOST_DB)


_VALUES: Final[Mapping[str, tuple[Callable[[Analysis, LayerRow], float | None], bool]]] = {
    "local sqnr, dB": (_local, False),
    "cumulative sqnr, dB": (_cumulative, False),
    "clip rate": (_clip_rate, True),
    "width of the range": (_width, True),
}


def node_data_files(analysis: Analysis) -> dict[str, str]:
    """File name -> text, one file for each number that is known."""
    documents = node_data(analysis)
    return {
        f"model_explorer_{name.partition(',')[0].replace(' ', '_')}.json": json.dumps(document)
        for name, document in documents.items()
    }
