"""``quantlens integers``: what an integer-only chip would compute, and the tables that it needs."""

import argparse
from pathlib import Path

import quant
from analysis.report.firmware import firmware_header, firmware_json
from analysis.runtime.integer_layers import integer_layers
from analysis.runtime.integer_run import Agreement, agreements, histogram, kernel_codes
from app.cli.arguments import (
    for_machines,
    model_and_statistics,
    recipe_of,
    recipe_or_preset,
    statistics_of,
    working_in,
)
from app.cli.output import report
from quant.io.atomic import staged
from quant.io.tables import table_csv


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    model_and_statistics(parser)
    recipe_or_preset(parser)
    parser.add_argument(
        "--rounding",
        choices=("double", "single"),
        default="double",
        help="of the multiplication: double as TensorFlow Lite's reference kernels, or single "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write multipliers.h, multipliers.json and layers.csv to this folder",
    )
    for_machines(parser)


def run(options: argparse.Namespace) -> None:
    """Compute each layer in integers beside ONNX Runtime's kernel, and write the tables."""
    recipe = recipe_of(options.recipe, options.preset)
    model = quant.load(options.model)
    quantized = quant.quantize(model, statistics_of(options, model), recipe)
    content = quantized.to_bytes()
    layers = integer_layers(content)
    if not layers:
        raise quant.ModelError(
            f"{model.name}: expected a Conv, Gemm or MatMul with integers in and out and a bias in "
            "integers, found none; choose a recipe that quantizes them, such as the preset "
            "everything"
        )
    codes = kernel_codes(content, quantized.probe, layers)
    found = agreements(layers, codes, options.rounding)
    differences = histogram(found)
    said = ", ".join(_counted(by, count) for by, count in differences.items())
    lines = [
        f"{len(found)} layers in integers, {options.rounding} rounding, beside ONNX Runtime's "
        f"kernels: {said}",
        f"largest accumulator {max(item.layer.accumulator_bits for item in found)} bits; largest "
        f"error of a multiplier {max(item.layer.multiplier_error for item in found):.2g}",
    ]
    if options.out:
        with working_in(options.out):
            texts = {
                "multipliers.h": firmware_header(layers),
                "multipliers.json": firmware_json(layers),
                "layers.csv": table_csv([_row(item) for item in found]),
            }
            files = {options.out / name: text.encode() for name, text in texts.items()}
            with staged(files):
                pass
            lines += map(str, files)
    values = {"layers": [_row(item) for item in found], "differences": differences}
    report(options, values, "\n".join(lines))


def _counted(by: int, count: int) -> str:
    return f"{count:,} codes off by {by:+d}" if by else f"{count:,} codes equal"


def _row(found: Agreement) -> dict[str, object]:
    layer = found.layer
    return {
        "name": layer.name,
        "op_type": layer.op_type,
        "channels": len(layer.multipliers),
        "least_multiplier": min(item.real for item in layer.multipliers),
        "largest_multiplier": max(item.real for item in layer.multipliers),
        "accumulator_bits": layer.accumulator_bits,
        "multiplier_error": layer.multiplier_error,
        "equal_codes": found.equal,
        "largest_difference": found.most,
    }
