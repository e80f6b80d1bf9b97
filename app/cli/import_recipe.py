"""``quantlens import``: a recipe out of another tool's int8 model, parameters or configuration."""

import argparse
import json
import shlex
from pathlib import Path

import quant
from app.cli.arguments import for_machines
from app.cli.output import report, tell
from quant.foreign.configs.base import Feeding
from quant.foreign.opening import open_foreign
from quant.io.atomic import write_file
from quant.io.codec import to_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument("model", type=Path, help="float .onnx file")
    parser.add_argument(
        "file",
        type=Path,
        help="an int8 .onnx that was made of it, a calibration cache of TensorRT or ONNX Runtime, "
        "TensorQuantOverrides, AIMET encodings, Paddle thresholds, or a configuration: MindSpore "
        "Lite's INI, or JSON or TOML with arguments of ONNX Runtime's or Paddle's quantizer",
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
    data = "" if found.feeding is None else _data_words(found.feeding, options.out)
    if data:
        tell(f"data: {data}")
    count = len(found.recipe.rules)
    report(
        options,
        {"recipe": str(options.out), "rules": count, "notes": list(found.notes), "data": data},
        f"{options.out}: the recipe like {options.file.name}, {count} rules",
    )


def _data_words(feeding: Feeding, out: Path) -> str:
    """The words that feed what a configuration names; its preprocessing is written beside."""
    words = ["--data", feeding.words]
    if feeding.samples is not None:
        words += ["--samples", str(feeding.samples)]
    if feeding.preprocessing is not None:
        path = out.with_suffix(".preprocess.json")
        text = json.dumps(to_json(feeding.preprocessing), indent=2)
        write_file(path, f"{text}\n".encode())
        words += ["--preprocess", str(path)]
    return shlex.join(words)
