"""``quantlens convert``: ranges and scales as a file that another tool reads."""

import argparse
from pathlib import Path

import quant
from app.cli.arguments import (
    for_machines,
    model_and_statistics,
    recipe_of,
    recipe_or_preset,
    statistics_of,
)
from app.cli.output import report, tell
from quant.io.atomic import write_file
from quant.parameter_files import PARAMETER_FILES, written
from quant.parameter_files.base import activations


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    model_and_statistics(parser)
    recipe_or_preset(parser)
    parser.add_argument(
        "--to",
        required=True,
        metavar="FORMAT",
        choices=PARAMETER_FILES.names(),
        help="; ".join(
            f"{name}: {PARAMETER_FILES[name].title}" for name in PARAMETER_FILES.names()
        ),
    )
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    for_machines(parser)


def run(options: argparse.Namespace) -> None:
    """Quantize by the recipe and write its parameters."""
    recipe = recipe_of(options.recipe, options.preset)
    model = quant.load(options.model)
    quantized = quant.quantize(model, statistics_of(options, model), recipe)
    text, lost = written(options.to, quantized)
    write_file(options.out, text.encode())
    for note in lost:
        tell(f"note: {note}")
    count = len(activations(quantized))
    report(
        options,
        {"path": str(options.out), "format": options.to, "activations": count, "notes": list(lost)},
        f"{options.out}: {PARAMETER_FILES[options.to].title}, {count} activations",
    )
