"""``quantlens compare``: an int8 model that another tool made, and a recipe to go on from."""

import argparse
import dataclasses
from pathlib import Path

import quant
from analysis.errors.cumulative import Comparison, compare
from analysis.other_file import OtherFile, TensorDifference, other_file, side_by_side
from app.cli.arguments import (
    DATA,
    data_axes,
    data_of,
    for_machines,
    named_recipe,
    positive,
    working_in,
)
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
        "--beside",
        metavar="INT8.onnx|R.json|PRESET",
        help="another int8 model, or a recipe or preset to make one by: say at which tensors both "
        "differ, and by how much",
    )
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
    beside = _beside(options, model, data) if options.beside else None
    apart = () if beside is None else side_by_side(found.file, beside)
    written: list[str] = []
    if options.out:
        with working_in(options.out):
            recipe, csv = options.out / "recipe.json", options.out / "tensors.csv"
            write_file(recipe, found.like.recipe.dumps().encode())
            write_csv(csv, _rows(found, apart))
            written = [f"{recipe}: the recipe like the file, for --recipe", str(csv)]
    lines = [*_lines(found), *_beside_lines(options, beside, apart), *written]
    report(options, _document(found), "\n".join(lines))


def _beside(options: argparse.Namespace, model: quant.Model, data: quant.Dataset) -> Comparison:
    """The other int8 model against the float one, on the same samples."""
    name = str(options.beside)
    int8: quant.QuantizedModel | Path = Path(name)
    if not name.endswith(".onnx"):
        asked = named_recipe(name)
        calibration = quant.calibrate(model, data, samples=options.samples)
        int8 = quant.quantize(model, calibration, asked)
    with Meter("comparing the other") as meter:
        return compare(model, int8, data, samples=options.samples, progress=meter)


def _beside_lines(
    options: argparse.Namespace,
    beside: Comparison | None,
    apart: tuple[TensorDifference, ...],
) -> list[str]:
    """How the other one fares, and where both differ most."""
    if beside is None:
        return []
    lines = [
        f"beside, {options.beside}: {name}: sqnr {decibels(error.sqnr_db)}"
        for name, error in beside.outputs.items()
    ]
    lines += [f"beside, {options.beside}: {line}" for line in top1_lines(beside)]
    lines += [
        f"differs at {item.tensor}: {decibels(item.first_db)}, beside {decibels(item.second_db)}"
        for item in apart[:SHOWN]
    ]
    return lines


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


def _rows(found: OtherFile, apart: tuple[TensorDifference, ...]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    beside = {item.tensor: item.second_db for item in apart}
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
                **({"beside_sqnr_db": beside.get(name)} if beside else {}),
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
