"""The command line: the calls of a notebook, without the web."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from app.cli.progress_line import Meter
from quant.errors import Cancelled, QuantError, did_you_mean


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Words of the command line; those of the process by default.

    Returns:
        0 when done, 1 when the input was at fault (one line on stderr says what), 130 when
        interrupted. Wrong usage exits with 2.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    known = set(_COMMANDS) | {"-h", "--help", "--version"}
    if not words or words[0] not in known:
        words = ["open", *words]
    options = parser.parse_args(words)
    try:
        _COMMANDS[options.command](options)
    except (KeyboardInterrupt, Cancelled) as stopped:
        print(f"quantlens: {str(stopped) or 'cancelled'}", file=sys.stderr)
        return 130
    except QuantError as error:
        print(f"quantlens: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quantlens",
        description="See why an int8 ONNX model lost accuracy, fix it, and export it.",
    )
    parser.add_argument("--version", action="version", version=f"quantlens {version('quantlens')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, summary: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=summary, description=summary)

    open_ = command("open", "open the app (the default command)")
    open_.add_argument("model", nargs="?", type=Path, help="float .onnx file; a sample without it")
    open_.add_argument("--data", type=Path, help="calibration and evaluation data")
    open_.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 picks a free one")
    open_.add_argument("--no-browser", action="store_true", help="only print the address")

    calibrate = command("calibrate", "gather statistics of every tensor on real data")
    _model_and_data(calibrate)
    calibrate.add_argument("--samples", type=_positive, help="use only the first N samples")
    calibrate.add_argument("--out", type=Path, required=True, help="calibration file to write")

    quantize = command("quantize", "write an int8 model and the recipe that made it")
    quantize.add_argument("model", type=Path, help="float .onnx file")
    source = quantize.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="data to calibrate on")
    source.add_argument("--calibration", type=Path, help="file written by quantlens calibrate")
    quantize.add_argument("--recipe", type=Path, help="recipe file; the recommended preset without")
    quantize.add_argument("--preset", help="a preset's name instead of a recipe file")
    quantize.add_argument("--samples", type=_positive, help="calibrate on the first N samples only")
    quantize.add_argument("--out", type=Path, required=True, help="int8 .onnx file to write")

    measure = command("measure", "compare a float model and an int8 model on the same samples")
    measure.add_argument("float_model", type=Path, metavar="FLOAT.onnx", help="float model")
    measure.add_argument("int8_model", type=Path, metavar="INT8.onnx", help="int8 model")
    measure.add_argument("--data", type=Path, required=True, help="evaluation data")
    measure.add_argument("--labels", action="store_true", help="require labels and report top-1")
    measure.add_argument("--samples", type=_positive, help="use only the first N samples")
    measure.add_argument("--csv", type=Path, help="write the errors of every tensor to this file")

    curves = command("curves", "divergence of a tensor over all candidate thresholds")
    curves.add_argument("model", type=Path, help="float .onnx file")
    curves.add_argument("--calibration", type=Path, required=True, help="calibration file")
    curves.add_argument("--tensor", required=True, help="name of the tensor")
    curves.add_argument("--recipe", type=Path, help="recipe that says how it is quantized")
    curves.add_argument("--csv", type=Path, help="write the curves to this file")

    picks = command("picks", "what every known tool would choose for a tensor")
    picks.add_argument("tensor", type=Path, metavar="TENSOR.npz", help="its batches, one an array")

    analyze = command("analyze", "find out where the accuracy goes, and why")
    _model_and_data(analyze)
    analyze.add_argument("--calibration", type=Path, help="calibration file; DATA without it")
    analyze.add_argument("--recipe", type=Path, help="recipe file; the recommended preset without")
    analyze.add_argument("--preset", help="a preset's name instead of a recipe file")
    analyze.add_argument(
        "--metric", help="a Python file with metric(outputs, labels), or top1, top5, mse, cosine"
    )
    analyze.add_argument(
        "--errors",
        default="local,cumulative,sensitivity,benefit",
        help="which errors to measure (default: %(default)s)",
    )
    analyze.add_argument("--samples", type=_positive, help="measure on the first N samples only")
    analyze.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to write, and to resume in"
    )

    for item in (calibrate, quantize, measure, curves, picks, analyze):
        item.add_argument("--json", action="store_true", help="print one JSON object for machines")
    return parser


def _model_and_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help="float .onnx file")
    parser.add_argument("--data", type=Path, required=True, help="a .npz file or a folder of them")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("expected a whole number of at least 1")
    return value


def _open(options: argparse.Namespace) -> None:
    from app.server import serve

    serve(
        model=str(options.model) if options.model else None,
        data=str(options.data) if options.data else None,
        port=options.port,
        open_browser=not options.no_browser,
    )


def _calibrate(options: argparse.Namespace) -> None:
    import quant

    model = quant.load(options.model)
    with Meter("calibrating") as meter:
        calibration = quant.calibrate(
            model, quant.open_data(options.data), samples=options.samples, progress=meter
        )
    calibration.save(options.out)
    _report(
        options,
        {
            "calibration": str(options.out),
            "samples": calibration.samples,
            "tensors": len(calibration.tensors),
            "seconds": round(meter.seconds, 3),
        },
        f"{options.out}: {len(calibration.tensors)} tensors from {calibration.samples} samples "
        f"in {meter.seconds:.1f} s",
    )


def _quantize(options: argparse.Namespace) -> None:
    import quant
    from quant.error_model.sqnr import decibels

    recipe = _recipe(options.recipe, options.preset)
    model = quant.load(options.model)
    quant.plan(model, recipe)  # a mistake in the recipe is told before the long work
    if options.calibration:
        calibration = quant.Calibration.load(options.calibration)
    else:
        with Meter("calibrating") as meter:
            calibration = quant.calibrate(
                model, quant.open_data(options.data), samples=options.samples, progress=meter
            )
    quantized = quant.quantize(model, calibration, recipe)
    saved = quantized.save(options.out)
    warnings = [*quantized.plan.warnings, *quantized.notes]
    for warning in warnings:
        print(f"quantlens: warning: {warning}", file=sys.stderr)
    count = sum(item.quantized for item in quantized.plan.nodes.values())
    exact = saved.checks[0]
    _report(
        options,
        {
            "model": str(saved.path),
            "recipe": str(saved.recipe_path),
            "size_bytes": saved.size_bytes,
            "quantized_nodes": count,
            "nodes": len(model.nodes),
            "checks": [dataclasses.asdict(check) for check in saved.checks],
            "warnings": warnings,
        },
        f"{saved.path}: {count} of {len(model.nodes)} nodes quantized, "
        f"{saved.size_bytes / 1e6:.2f} MB; passes onnx.checker and runs at every optimization "
        f"level; against the simulation sqnr {decibels(exact.sqnr_db)}, largest difference "
        f"{exact.max_abs:.3g}\n{saved.recipe_path}: the recipe that makes it again",
    )


def _measure(options: argparse.Namespace) -> None:
    import quant
    from analysis.errors.cumulative import compare
    from quant.error_model.sqnr import decibels

    data = quant.open_data(options.data)
    if options.labels and data.labels is None:
        raise quant.DataError(
            f"{options.data}: expected an array 'labels', found {', '.join(data.names)}; add it "
            "or leave --labels out"
        )
    with Meter("measuring") as meter:
        comparison = compare(
            quant.load(options.float_model),
            options.int8_model,
            data,
            samples=options.samples,
            tensors="all" if options.csv else "outputs",
            progress=meter,
        )
    lines = [
        f"{name}: sqnr {decibels(error.sqnr_db)}, cosine {error.cosine:.6f}, mse {error.mse:.4g}, "
        f"largest difference {error.max_abs:.4g}"
        for name, error in comparison.outputs.items()
    ]
    if comparison.float_top1 is not None and comparison.int8_top1 is not None:
        lines.append(
            f"top-1: float {comparison.float_top1:.2%}, int8 {comparison.int8_top1:.2%} "
            f"on {comparison.samples} samples"
        )
    if options.csv:
        rows = [
            {"tensor": name, **dataclasses.asdict(error)}
            for name, error in comparison.tensors.items()
        ]
        _write_csv(options.csv, rows)
        lines.append(f"{options.csv}: cumulative errors of {len(rows)} tensors")
    _report(
        options,
        {
            "samples": comparison.samples,
            "float_top1": comparison.float_top1,
            "int8_top1": comparison.int8_top1,
            "outputs": {n: dataclasses.asdict(e) for n, e in comparison.outputs.items()},
        },
        "\n".join(lines),
    )


def _curves(options: argparse.Namespace) -> None:
    import quant
    from analysis.ranges.cost_curves import divergence_curves
    from quant.planning.resolve import tensor_spec

    recipe = _recipe(options.recipe, None)
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
        _write_csv(options.csv, rows)
    best = {curve.name: curve.best for curve in curves}
    _report(
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


def _picks(options: argparse.Namespace) -> None:
    from quant.tool_rules.report import picks, read_batches

    found = picks(read_batches(options.tensor))
    _report(options, found.to_json(), "\n".join(found.lines()))


def _analyze(options: argparse.Namespace) -> None:
    from app.cli.analysis import run

    values, text = run(options, _recipe(options.recipe, options.preset))
    _report(options, values, text)


def _recipe(path: Path | None, preset: str | None) -> Any:
    import quant

    if path is not None and preset is not None:
        raise quant.RecipeError("expected --recipe or --preset, found both; choose one")
    if path is None:
        return quant.preset(preset or "recommended")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise quant.RecipeError(f"{path}: the recipe cannot be read ({error})") from error
    return quant.Recipe.loads(text, path.name)


def _report(options: argparse.Namespace, values: dict[str, Any], text: str) -> None:
    """Print ``values`` as JSON (infinite numbers as null) or the text."""
    from quant.io.tables import finite

    print(json.dumps(finite(values), allow_nan=False) if options.json else text)


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    from quant.io.atomic import write_file
    from quant.io.tables import table_csv

    write_file(path, table_csv(rows).encode())


_COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "open": _open,
    "calibrate": _calibrate,
    "quantize": _quantize,
    "measure": _measure,
    "curves": _curves,
    "picks": _picks,
    "analyze": _analyze,
}
