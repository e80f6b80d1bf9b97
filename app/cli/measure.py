"""``quantlens measure``: a float model and an int8 model on the same samples."""

import argparse
import dataclasses
from pathlib import Path

import quant
from analysis.errors.cumulative import Comparison, compare
from analysis.errors.reference import against_reference
from app.cli.arguments import data_axes, data_of, for_machines, positive
from app.cli.output import report, write_csv
from app.cli.progress_line import Meter
from quant.error_model.sqnr import decibels


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument("float_model", type=Path, metavar="FLOAT.onnx", help="float model")
    parser.add_argument("int8_model", type=Path, metavar="INT8.onnx", help="int8 model")
    parser.add_argument("--data", required=True, help="evaluation data")
    data_axes(parser)
    parser.add_argument("--labels", action="store_true", help="require labels and report top-1")
    parser.add_argument("--samples", type=positive, help="use only the first N samples")
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="REF.npz",
        help="outputs, or inner tensors too, that another runtime gave for the same samples, "
        "named after the float model's: say how far both models are from them",
    )
    parser.add_argument("--csv", type=Path, help="write the errors of every tensor to this file")
    for_machines(parser)


def run(options: argparse.Namespace) -> None:
    """Compare and print the error of each output."""
    model = quant.load(options.float_model)
    data = data_of(options.data, model, options)
    if options.labels and data.labels is None:
        raise quant.DataError(
            f"{options.data}: expected an array 'labels', found {', '.join(data.names)}; add it "
            "or leave --labels out"
        )
    with Meter("measuring") as meter:
        comparison = compare(
            model,
            options.int8_model,
            data,
            samples=options.samples,
            tensors="all" if options.csv else "outputs",
            progress=meter,
        )
    starts = tuple(f"{info.name}: " for info in model.outputs)
    left_out = [note for note in comparison.left_out if note.startswith(starts)]
    in_part = [note for note in comparison.in_part if note.startswith(starts)]
    lines = [
        f"{name}: sqnr {decibels(error.sqnr_db)}, cosine {error.cosine:.6f}, mse {error.mse:.4g}, "
        f"largest difference {error.max_abs:.4g}"
        for name, error in comparison.outputs.items()
    ]
    lines += [*left_out, *in_part]
    lines += top1_lines(comparison)
    if options.reference:
        lines += _reference_lines(options, model, data)
    if options.csv:
        rows = [
            {"tensor": name, **dataclasses.asdict(error)}
            for name, error in comparison.tensors.items()
        ]
        write_csv(options.csv, rows)
        lines.append(f"{options.csv}: cumulative errors of {len(rows)} tensors")
    report(
        options,
        {
            "samples": comparison.samples,
            "float_top1": comparison.float_top1,
            "int8_top1": comparison.int8_top1,
            "left_out": left_out,
            "in_part": in_part,
            "outputs": {n: dataclasses.asdict(e) for n, e in comparison.outputs.items()},
        },
        "\n".join(lines),
    )


def _reference_lines(
    options: argparse.Namespace, model: quant.Model, data: quant.Dataset
) -> list[str]:
    """How far both models are from what another runtime gave."""
    with Meter("comparing with the reference") as meter:
        found = against_reference(
            model,
            options.int8_model,
            data,
            quant.open_data(options.reference),
            samples=options.samples,
            progress=meter,
        )
    outputs = {info.name for info in model.outputs}
    lines = [
        f"reference {name}: float {decibels(error.sqnr_db)}"
        + (f", int8 {decibels(found.of_int8[name].sqnr_db)}" if name in found.of_int8 else "")
        for name, error in found.of_float.items()
        if name in outputs
    ]
    first = found.first_far
    if first:
        lines.append(
            f"reference: the float model is another one from {first} on, which "
            f"{found.producers[first]} computes ({decibels(found.of_float[first].sqnr_db)})"
        )
    else:
        lines.append("reference: the float model computes the same")
    return [*lines, *(f"reference {text}" for text in found.left_out)]


def top1_lines(comparison: Comparison) -> list[str]:
    """The line of both accuracies; none where they are not known."""
    if comparison.float_top1 is None or comparison.int8_top1 is None:
        return []
    return [
        f"top-1: float {comparison.float_top1:.2%}, int8 {comparison.int8_top1:.2%} "
        f"on {comparison.samples} samples"
    ]
