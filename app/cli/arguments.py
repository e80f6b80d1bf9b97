"""Words that several commands take, and what they stand for."""

import argparse
import math
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import quant
from app.cli.output import tell
from app.cli.progress_line import Meter
from quant.data.images.preprocessing import Preprocessing, read_preprocessing
from quant.data.images.presets import PRESETS
from quant.data.opening import match_inputs
from quant.data.python_file import open_python
from quant.errors import DataError
from quant.io.one_at_a_time import alone_in

DATA = (
    "a .npz file or a folder of them; pictures, recordings, .txt, .jsonl, .parquet, .bin, "
    "test_data_set_* folders; a .py file with samples(); or INPUT:PATH,INPUT:PATH"
)

_AXES = ("--batch-axis", "--feed-back")
_READING = (
    "--preprocess",
    "--image-size",
    "--skip-damaged",
    "--tokenizer",
    "--audio-rate",
    "--audio-seconds",
)
"""What says how files become arrays."""


def model_and_data(parser: argparse.ArgumentParser) -> None:
    """A float model and the data to feed it."""
    parser.add_argument("model", type=Path, help="float .onnx file")
    parser.add_argument("--data", required=True, help=DATA)
    data_axes(parser)


def model_and_statistics(parser: argparse.ArgumentParser) -> None:
    """A float model, and the data to calibrate it on or the statistics that were kept."""
    parser.add_argument("model", type=Path, help="float .onnx file")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", help="data to calibrate on")
    source.add_argument("--calibration", type=Path, help="file written by quantlens calibrate")
    parser.add_argument("--samples", type=positive, help="calibrate on the first N samples only")
    data_axes(parser)


def statistics_of(options: argparse.Namespace, model: quant.Model) -> quant.Calibration:
    """What :func:`model_and_statistics` asks for.

    Raises:
        DataError: The data or the file cannot be read or does not fit.
    """
    if options.calibration:
        return quant.Calibration.load(options.calibration)
    data = data_of(options.data, model, options)
    with Meter("calibrating") as meter:
        return quant.calibrate(model, data, samples=options.samples, progress=meter)


def data_axes(parser: argparse.ArgumentParser) -> None:
    """How the data feeds a model whose inputs do not all begin with the samples."""
    parser.add_argument(
        "--batch-axis",
        type=_axis,
        action="append",
        default=[],
        metavar="NAME=AXIS",
        help="the axis of an input, and of its array, that counts the samples, where it is not the "
        "first; may be given again",
    )
    parser.add_argument(
        "--feed-back",
        type=_pair,
        action="append",
        default=[],
        metavar="OUT=IN",
        help="feed an output to an input with the next sample, zeros at first; may be given again",
    )
    pictures(parser)
    recordings_and_text(parser)


def pictures(parser: argparse.ArgumentParser) -> None:
    """How pictures become what the model takes."""
    parser.add_argument(
        "--preprocess",
        metavar="PRESET|FILE.json",
        help=f"how pictures are fed: {', '.join(PRESETS)}, or a file that describes it; guessed "
        "from the model and told without",
    )
    parser.add_argument(
        "--image-size",
        type=_size,
        metavar="WxH",
        help="width and height of pictures, where the model leaves them open",
    )
    parser.add_argument(
        "--skip-damaged", action="store_true", help="leave pictures out that cannot be read"
    )


def recordings_and_text(parser: argparse.ArgumentParser) -> None:
    """How recordings and text become what the model takes."""
    parser.add_argument(
        "--tokenizer",
        type=Path,
        metavar="FILE.json",
        help="what text is cut by; the tokenizer.json beside the text or the model without",
    )
    parser.add_argument(
        "--audio-rate",
        type=positive,
        metavar="HZ",
        help="rate that recordings are resampled to; their own without",
    )
    parser.add_argument(
        "--audio-seconds",
        type=positive_seconds,
        metavar="S",
        help="seconds of each recording that are fed, where the model leaves them open",
    )


def data_of(path: str, model: quant.Model, options: argparse.Namespace) -> quant.Dataset:
    """The data at a path, or at one for each input; what was guessed of it is told on stderr.

    Raises:
        DataError: It cannot be read or does not fit.
    """
    axes = dict(options.batch_axis)
    if path.endswith(".py"):
        _refuse(options, (*_AXES, *_READING), f"{path} yields samples as the model takes them")
        data = match_inputs(open_python(Path(path)), model.inputs)
    elif options.feed_back:
        pairs = dict(options.feed_back)
        _refuse(options, _READING, "with --feed-back files are read as they are")
        data = quant.open_sequence(path, model, pairs, batch_axes=axes)
    else:
        data = quant.open_data(
            path,
            model,
            batch_axes=axes,
            preprocessing=_preprocessing(options.preprocess),
            image_size=options.image_size,
            skip_damaged=options.skip_damaged,
            tokenizer=options.tokenizer,
            audio_rate=options.audio_rate,
            audio_seconds=options.audio_seconds,
        )
    for note in data.notes:
        tell(f"note: {note}")
    return data


def _refuse(options: argparse.Namespace, names: tuple[str, ...], reason: str) -> None:
    """Refuse options that would change nothing.

    Raises:
        DataError: One of them is given.
    """
    given = [name for name in names if getattr(options, name.lstrip("-").replace("-", "_"))]
    if given:
        raise DataError(f"{reason}, so {' and '.join(given)} would change nothing; leave it out")


def _preprocessing(asked: str | None) -> Preprocessing | str | None:
    """What ``--preprocess`` asks for: a preset's name, or what a file describes."""
    return read_preprocessing(Path(asked)) if asked and asked.endswith(".json") else asked


def _size(text: str) -> tuple[int, int]:
    """Height and width of ``WxH``, or of one number for both."""
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and (height or width).isdecimal() and int(width)):
        raise argparse.ArgumentTypeError(f"expected WxH such as 640x480, found {text!r}")
    return int(height or width), int(width)


def _pair(text: str) -> tuple[str, str]:
    left, found, right = text.partition("=")
    if not (left and found and right):
        raise argparse.ArgumentTypeError(f"expected two names as OUT=IN, found {text!r}")
    return left, right


def _axis(text: str) -> tuple[str, int]:
    name, found, axis = text.rpartition("=")
    if not (name and found and axis.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected NAME=AXIS such as x=1, found {text!r}")
    return name, int(axis)


def recipe_or_preset(parser: argparse.ArgumentParser) -> None:
    """What to quantize with."""
    parser.add_argument("--recipe", type=Path, help="recipe file; the recommended preset without")
    parser.add_argument("--preset", help="a preset's name instead of a recipe file")


def named_recipe(name: str) -> quant.Recipe:
    """The recipe of a ``.json`` file or of a preset.

    Raises:
        RecipeError: The file is no recipe, or there is no such preset.
    """
    return recipe_of(Path(name), None) if name.endswith(".json") else recipe_of(None, name)


def for_machines(parser: argparse.ArgumentParser) -> None:
    """Results as JSON."""
    parser.add_argument("--json", action="store_true", help="print one JSON object for machines")


def positive(text: str) -> int:
    """A count of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise _unexpected("a whole number of at least 1", text)
    return int(text)


def positive_seconds(text: str) -> float:
    """A time above 0."""
    value = _number(text)
    if not 0 < value < math.inf:
        raise _unexpected("a number of seconds above 0", text)
    return value


def fraction(text: str) -> float:
    """A share of 0 to 1."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise _unexpected("a share of 0 to 1", text)
    return value


def _number(text: str) -> float:
    """The number that a text is; not one, which is in no range, where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _unexpected(expected: str, text: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"expected {expected}, found {text!r}")


@contextmanager
def working_in(folder: Path) -> Generator[None]:
    """Make a folder to write, unless it is there; no other command works in it meanwhile.

    Raises:
        ExportError: It cannot be made, or another command is at work there.
    """
    try:
        folder.mkdir(exist_ok=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no folder can have this name"
        raise quant.ExportError(
            f"{folder}: expected a folder, or a name for a new one in a folder that exists, and it "
            f"cannot be made ({reason}); choose another"
        ) from error
    with alone_in(folder):
        yield


def recipe_of(path: Path | None, preset: str | None) -> quant.Recipe:
    """The recipe of a file, a preset, or the recommended preset where neither is given.

    Raises:
        RecipeError: Both are given, or the file is no recipe.
    """
    if path is not None and preset is not None:
        raise quant.RecipeError("expected --recipe or --preset, found both; choose one")
    if path is None:
        return quant.preset(preset or "recommended")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise quant.RecipeError(f"{path}: the recipe cannot be read ({error})") from error
    return quant.Recipe.loads(text, path.name)
