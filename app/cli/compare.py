"""``quantlens compare``: an int8 model that another tool made, and a recipe to go on from."""

import argparse
import dataclasses
from pathlib import Path

import quant
from analysis.other_file import OtherFile, other_file
from app.cli.arguments import DATA, data_axes, data_of, for_machines, positive, working_in
from app.cli.measure import top1_lines
from app.cli.output import report, write_csv
from app.cli.progress_line import Meter
from quant.error_model.sqnr import decibels
from quant.io.atomic import write_file

SHOWN = 5
"""Tensors whose fall is printed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument("float_model", type=Path, metavar="FLOAT.onnx", help="float model")
    parser.add_argument("int8_model", type=Path, metavar="INT8.onnx", help="the other tool's file")
    parser.add_argument("--data", required=True, help=DATA)
    data_axes(parser)
    parser.add_argument("--samples", type=positive, help="use only the first N samples")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write recipe.json and tensors.csv to this folder"
    )
    for_machines(parser)


def run(options: argparse.Namespace) -> None:
    """Compare, print what was found, and write the recipe."""
    model = quant.load(options.float_model)
    data = data_of(options.data, model, options)
    with Meter("comparing") as meter:
        found = other_file(model, options.int8_model, data, samples=options.samples, progress=meter)
    written: list[str] = []
    if options.out:
        with working_in(options.out):
            recipe, csv = options.out / "recipe.json", options.out / "tensors.csv"
            write_file(recipe, found.like.recipe.dumps().encode())
            write_csv(csv, _rows(found))
            written = [f"{recipe}: the recipe like the file, for --recipe", str(csv)]
    report(options, _document(found), "\n".join([*_lines(found), *written]))


def _lines(found: OtherFile) -> list[str]:
    """What was found, in the order in which one asks."""
    match = found.match
    lines = [f"matched: {match.found} of {len(match.file.activations)} rounded tensors"]
    lines += [f"note: {note}" for note in found.like.notes]
    lines += [f"doubt: {doubt.text}" for doubt in found.doubts]
    for name, error in found.file.outputs.items():
        own = found.recipe.outputs.get(name)
        like = f", the recipe like it {decibels(own.sqnr_db)}" if own else ""
        lines.append(f"{name}: sqnr {decibels(error.sqnr_db)}{like}")
    lines += top1_lines(found.file)
    falls = [
        f"{name} by {fall:.1f} dB to {decibels(error.sqnr_db)}"
        for name, error, fall in found.falls[:SHOWN]
    ]
    if falls:
        lines.append(f"sqnr falls most at {'; '.join(falls)}")
    return lines


def _rows(found: OtherFile) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    falls = {name: fall for name, _, fall in found.falls}
    for name, error in found.file.tensors.items():
        codes = found.match.activations.get(name)
        low, high = codes.range if codes else (None, None)
        rows.append(
            {
                "tensor": name,
                "type": codes.dtype.name if codes else "",
                "rmin": low,
                "rmax": high,
                "fall_db": falls.get(name),
                **dataclasses.asdict(error),
            }
        )
    return rows


def _document(found: OtherFile) -> dict[str, object]:
    return {
        "samples": found.file.samples,
        "matched": found.match.found,
        "unmatched": list(found.match.unmatched),
        "notes": list(found.like.notes),
        "doubts": [dataclasses.asdict(doubt) for doubt in found.doubts],
        "float_top1": found.file.float_top1,
        "int8_top1": found.file.int8_top1,
        "outputs": {n: dataclasses.asdict(e) for n, e in found.file.outputs.items()},
        "recipe_outputs": {n: dataclasses.asdict(e) for n, e in found.recipe.outputs.items()},
    }
