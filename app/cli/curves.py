"""``quantlens curves``: the divergence of a tensor over all candidate thresholds."""

import argparse
from pathlib import Path

import quant
from analysis.ranges.cost_curves import divergence_curves
from app.cli.arguments import for_machines, recipe_of
from app.cli.output import report, write_csv
from quant.errors import did_you_mean
from quant.planning.resolve import tensor_spec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument("model", type=Path, help="float .onnx file")
    parser.add_argument("--calibration", type=Path, required=True, help="calibration file")
    parser.add_argument("--tensor", required=True, help="name of the tensor")
    parser.add_argument("--recipe", type=Path, help="recipe that says how it is quantized")
    parser.add_argument("--csv", type=Path, help="write the curves to this file")
    for_machines(parser)


def run(options: argparse.Namespace) -> None:
    """Print where each curve is least."""
    recipe = recipe_of(options.recipe, None)
    model = quant.load(options.model)
    calibration = quant.Calibration.load(options.calibration)
    calibration.check(model)
    stats = calibration.tensors.get(options.tensor)
    if stats is None:
        raise quant.DataError(
            f"{options.calibration}: no tensor is called {options.tensor!r}"
            f"{did_you_mean(options.tensor, calibration.tensors)}; calibrated tensors are listed "
            "by quantlens calibrate --json"
        )
    curves = divergence_curves(stats, tensor_spec(model, recipe, options.tensor))
    rows = [
        {"curve": curve.name, "threshold": float(threshold), "cost": float(cost)}
        for curve in curves
        for threshold, cost in zip(curve.thresholds, curve.cost, strict=True)
    ]
    if options.csv:
        write_csv(options.csv, rows)
    best = {curve.name: curve.best for curve in curves}
    report(
        options,
        {
            "tensor": options.tensor,
            "min": stats.min,
            "max": stats.max,
            "best": best,
            "curves": {
                c.name: {"thresholds": c.thresholds.tolist(), "cost": c.cost.tolist()}
                for c in curves
            },
        },
        "\n".join(
            [f"{options.tensor}: observed {stats.min:.6g} to {stats.max:.6g}"]
            + [f"{name}: least at threshold {threshold:.6g}" for name, threshold in best.items()]
        ),
    )
