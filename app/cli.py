"""The command line: the calls of a notebook, without the web."""

import argparse
import csv
import dataclasses
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from quant.errors import Cancelled, QuantError
from quant.progress import Progress


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
    except (KeyboardInterrupt, Cancelled):
        print("quantlens: cancelled", file=sys.stderr)
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

    for item in (calibrate, quantize, measure, curves):
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
        model=options.model,
        data=options.data,
        port=options.port,
        open_browser=not options.no_browser,
    )
