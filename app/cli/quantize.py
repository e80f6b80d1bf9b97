"""``quantlens quantize``: an int8 model and the recipe that made it."""

import argparse
from dataclasses import asdict, replace
from pathlib import Path

import quant
from app.cli.arguments import (
    data_axes,
    data_of,
    for_machines,
    positive,
    recipe_of,
    recipe_or_preset,
)
from app.cli.output import report, tell
from app.cli.progress_line import Meter
from quant.calibrators import calibrator_named, own_calibrators
from quant.error_model.sqnr import decibels
from quant.io.show import size
from quant.passes import PASSES
from quant.recipe.edits import with_defaults
from quant.tool_rules import TOOL_RULES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument("model", type=Path, help="float .onnx file")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="data to calibrate on")
    source.add_argument("--calibration", type=Path, help="file written by quantlens calibrate")
    data_axes(parser)
    recipe_or_preset(parser)
    names = [*own_calibrators(), *TOOL_RULES]
    parser.add_argument(
        "--calibrator",
        metavar="NAME",
        choices=names,
        help="what turns statistics into ranges where no rule of the recipe says another: "
        + ", ".join(names),
    )
    parser.add_argument(
        "--pass",
        dest="passes",
        metavar="NAME",
        action="append",
        choices=PASSES.names(),
        default=[],
        help="one more pass over the finished graph; may be given again: "
        + ", ".join(PASSES.names()),
    )
    parser.add_argument("--samples", type=positive, help="calibrate on the first N samples only")
    parser.add_argument("--out", type=Path, required=True, help="int8 .onnx file to write")
    for_machines(parser)


def run(options: argparse.Namespace) -> None:
    """Quantize, verify and write both files, or none."""
    recipe = recipe_of(options.recipe, options.preset)
    if options.calibrator:
        recipe = with_defaults(recipe, calibrator=calibrator_named(options.calibrator))
    recipe = replace(recipe, passes=(*recipe.passes, *options.passes))
    model = quant.load(options.model)
    quant.plan(model, recipe)  # a mistake in the recipe is told before the long work
    if options.calibration:
        calibration = quant.Calibration.load(options.calibration)
    else:
        data = data_of(options.data, model, options)
        with Meter("calibrating") as meter:
            calibration = quant.calibrate(model, data, samples=options.samples, progress=meter)
    quantized = quant.quantize(model, calibration, recipe)
    saved = quantized.save(options.out)
    warnings = [*model.warnings, *quantized.plan.warnings, *quantized.notes]
    for warning in warnings:
        tell(f"warning: {warning}")
    count = sum(item.quantized for item in quantized.plan.nodes.values())
    exact = saved.checks[0]
    report(
        options,
        {
            "model": str(saved.path),
            "recipe": str(saved.recipe_path),
            "size_bytes": saved.size_bytes,
            "quantized_nodes": count,
            "nodes": len(model.nodes),
            "checks": [asdict(check) for check in saved.checks],
            "warnings": warnings,
        },
        f"{saved.path}: {count} of {len(model.nodes)} nodes quantized, "
        f"{size(saved.size_bytes)}; passes onnx.checker and runs at every optimization "
        f"level; against the simulation sqnr {decibels(exact.sqnr_db)}, largest difference "
        f"{exact.max_abs:.3g}\n{saved.recipe_path}: the recipe that makes it again",
    )
