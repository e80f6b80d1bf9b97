"""``quantlens import``: a recipe out of another tool's int8 model or parameter file."""

import argparse
from pathlib import Path

import quant
from app.cli.arguments import for_machines
from app.cli.output import report, tell
from quant.foreign.opening import open_foreign
from quant.io.atomic import write_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument("model", type=Path, help="float .onnx file")
    parser.add_argument(
        "file",
        type=Path,
        help="an int8 .onnx that was made of it, a calibration cache of TensorRT or ONNX Runtime, "
        "TensorQuantOverrides, AIMET encodings, or Paddle thresholds",
    )
    parser.add_argument("--out", type=Path, required=True, help="recipe file to write")
    for_machines(parser)


def run(options: argparse.Namespace) -> None:
    """Read the file, match it with the model, and write the recipe."""
    model = quant.load(options.model)
    _, found = open_foreign(options.file, model)
    write_file(options.out, found.recipe.dumps().encode())
    for note in found.notes:
        tell(f"note: {note}")
    count = len(found.recipe.rules)
    report(
        options,
        {"recipe": str(options.out), "rules": count, "notes": list(found.notes)},
        f"{options.out}: the recipe like {options.file.name}, {count} rules",
    )
