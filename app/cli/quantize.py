"""``quantlens quantize``: an int8 model and the recipe that made it."""

import argparse
from dataclasses import asdict, replace
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
from quant.calibrators import calibrator_named, own_calibrators
from quant.error_model.sqnr import decibels
from quant.io.show import size
from quant.passes import PASSES
from quant.recipe.edits import with_defaults
from quant.tool_rules import TOOL_RULES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    model_and_statistics(parser)
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
    quantized = quant.quantize(model, statistics_of(options, model), recipe)
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
