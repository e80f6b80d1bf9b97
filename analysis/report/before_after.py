"""The part of the report that says what came of a recipe: numbers, changes, and why."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from analysis.findings import Finding
from analysis.latency import model_size
from analysis.report.format import decibels, metric_value, shown
from analysis.report.tables import Cell, Heading, Table, cell
from analysis.study.analysis import Analysis
from analysis.study.before_after import BeforeAfter, TensorGain
from quant.io.show import counted, size

MOST: Final = 10
"""Tensors that are listed: half of them gain most, half least."""


@dataclass(frozen=True)
class SinceSection:
    """What the template names.

    Attributes:
        sentence: What was gained, with its interval and the least that is a difference.
        numbers: A row for each number, before and after.
        changes: What was changed, a few words for each setting.
        gone: What was found before and is not found any more.
        tensors: The tensors that gained most, and least.
    """

    sentence: str
    numbers: Table
    changes: tuple[str, ...]
    gone: tuple[Finding, ...]
    tensors: Table


def since_section(since: BeforeAfter) -> SinceSection:
    """The numbers, changes and reasons of a report.

    Args:
        since: Both analyses.
    """
    return SinceSection(
        sentence=_sentence(since),
        numbers=_numbers(since),
        changes=since.changes,
        gone=since.gone,
        tensors=_tensors(since.tensors),
    )


def _sentence(since: BeforeAfter) -> str:
    before, after = (item.quantized.recipe.name for item in (since.before, since.after))
    text = f"From recipe “{before}” to “{after}”: {since.in_words}."
    if since.gain is not None and since.gain.floor_db:
        text += (
            " Noise of 1e-6 on the inputs moves the output sqnr by "
            f"{decibels(since.gain.floor_db)}: less is no difference."
        )
    return text


def _numbers(since: BeforeAfter) -> Table:
    samples = counted(since.after.samples, "sample")
    headings = (f"On {samples}", "Float", "Before", "After")
    rows = (tuple(_words(text) for text in row) for row in _rows(since.before, since.after))
    return Table(tuple(Heading(words, text=True) for words in headings), tuple(rows))


def _rows(before: Analysis, after: Analysis) -> Iterator[tuple[str, ...]]:
    first, last = before.ablation, after.ablation
    if before.metric is not None and after.metric is not None:
        yield (
            after.metric.label,
            metric_value(after.metric.float_value, after.metric),
            metric_value(before.metric.int8_value, before.metric),
            metric_value(after.metric.int8_value, after.metric),
        )
    for what, name in (
        ("Output sqnr", "all"),
        ("With weights alone in int8", "weights_only"),
        ("With activations alone in int8", "activations_only"),
    ):
        yield what, "", *(decibels(getattr(at, name).sqnr_db) for at in (first, last))
    alike = (first.all.agreement, last.all.agreement)
    if None not in alike:
        yield "Top-1 like float", "", *(f"{100 * (share or 0):.2f} %" for share in alike)
    if len(last.all.outputs) > 1:
        for name in last.all.outputs:
            both = (at.all.outputs.get(name) for at in (first, last))
            yield f"Sqnr of {name}", "", *("" if e is None else decibels(e.sqnr_db) for e in both)
    files = [model_size(at.quantized) for at in (before, after)]
    yield "Size", size(files[0].float_bytes), *(size(file.int8_bytes) for file in files)
    kept = (
        sum(not n.quantized for n in at.quantized.plan.nodes.values()) for at in (before, after)
    )
    yield "Nodes in float", "", *(f"{count:,}" for count in kept)


def _tensors(gains: tuple[TensorGain, ...]) -> Table:
    changed = [item for item in gains if item.gain_db and math.isfinite(item.gain_db)]
    ends = changed if len(changed) <= MOST else [*changed[: MOST // 2], *changed[-MOST // 2 :]]
    headings = (
        Heading("Tensor", text=True),
        *(Heading(f"{word}\nsqnr (dB)", text=False) for word in ("Before", "After")),
        Heading("Gain\n(dB)", text=False),
    )
    rows = (
        (
            _words(item.tensor),
            *map(_decibels, (item.before_db, item.after_db, item.gain_db)),
        )
        for item in ends
    )
    return Table(headings, tuple(rows))


def _decibels(value: float) -> Cell:
    return replace(cell(value, text=False), words=decibels(value).removesuffix(" dB"))


def _words(text: str) -> Cell:
    return Cell(shown(text), text, text=True)
