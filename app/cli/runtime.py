"""``quantlens runtime``: what ONNX Runtime really runs of an int8 model, and the time it takes."""

import argparse
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import quant
from analysis.runtime.times import Times
from analysis.runtime.truth import WORDS, RuntimeRow, RuntimeTruth, runtime_truth
from app.cli.arguments import (
    for_machines,
    model_and_statistics,
    positive,
    recipe_of,
    recipe_or_preset,
    statistics_of,
)
from app.cli.output import report, write_csv
from app.cli.progress_line import Meter
from quant.execution.progress import Reporter
from quant.runtime.profiling import WARM_UP

SHOWN = 8
"""Nodes that are listed; all are in the CSV."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    model_and_statistics(parser)
    recipe_or_preset(parser)
    parser.add_argument(
        "--runs", type=positive, default=20, help="timed runs of each model (default: %(default)s)"
    )
    parser.add_argument("--csv", type=Path, help="write a line for each node to this file")
    for_machines(parser)


def run(options: argparse.Namespace) -> None:
    """Quantize, look at what runs, and print it."""
    recipe = recipe_of(options.recipe, options.preset)
    model = quant.load(options.model)
    quantized = quant.quantize(model, statistics_of(options, model), recipe)
    with Meter("timing") as meter:
        reporter = Reporter(2 * (options.runs + WARM_UP), meter)
        truth = runtime_truth(quantized, runs=options.runs, heartbeat=lambda: reporter.advance(1))
    if options.csv:
        write_csv(options.csv, [asdict(row) for row in truth.rows])
    report(options, _values(truth), "\n".join(_lines(truth)))


def _values(truth: RuntimeTruth) -> dict[str, object]:
    assert truth.times is not None
    return {
        "multiply_adds_on_integers": truth.integer_share,
        "conversions": [asdict(conversion) for conversion in truth.conversions],
        "asked_but_in_float": [row.name for row in truth.broken_promises],
        "float": asdict(truth.times.of_float),
        "int8": asdict(truth.times.of_int8),
        "nodes": [asdict(row) for row in truth.rows],
    }


def _lines(truth: RuntimeTruth) -> list[str]:
    assert truth.times is not None
    lines = [
        f"multiply-adds on integers: {truth.integer_share:.1%}; conversions left: "
        f"{len(truth.conversions)}; asked for int8 and run in float: "
        f"{len(truth.broken_promises)} nodes",
        _spent("float", truth.times.of_float),
        _spent("int8", truth.times.of_int8),
    ]
    lost = [row for row in truth.by_time_lost[:SHOWN] if (row.lost_us or 0) > 0]
    lines += [f"most time lost: {_node(row)}" for row in lost]
    reasons: dict[str, Counter[str]] = {}
    for row in truth.broken_promises:
        reasons.setdefault(row.why, Counter())[row.op_type] += 1
    for why, kinds in reasons.items():
        listed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        lines.append(f"asked for int8 and run in float: {listed}. {why}")
    return lines


def _spent(name: str, times: Times) -> str:
    return (
        f"{name}: {times.run / 1000:.3g} ms a run on one thread, nodes "
        f"{sum(times.of_node.values()) / 1000:.3g}, conversions {times.conversions / 1000:.3g}, "
        f"rearranging {times.rearranging / 1000:.3g}, added {times.other / 1000:.3g}, beside the "
        f"nodes {times.framework / 1000:.3g}"
    )


def _node(row: RuntimeRow) -> str:
    times = f"{(row.float_us or 0) / 1000:.3g} ms in float, {(row.int8_us or 0) / 1000:.3g} in int8"
    return f"{row.name} ({row.op_type}) {WORDS[row.runs]}, {times}. {row.why}".rstrip()
