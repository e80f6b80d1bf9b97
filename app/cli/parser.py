"""The words of the command line: a module a command, imported when its command is given.

So ``quantlens --help`` is quick, and a command's help names what plug-ins bring.
"""

import argparse
import importlib
import os
from collections.abc import Sequence
from importlib.metadata import version
from types import ModuleType
from typing import Final, NoReturn

from quant.errors import did_you_mean
from quant.io.show import one_line

FIRST: Final = "open"
"""The command where none is named."""

COMMANDS = {
    "open": ("open_app", "open the app (the default command)"),
    "calibrate": ("calibrate", "gather statistics of every tensor on real data"),
    "quantize": ("quantize", "write an int8 model and the recipe that made it"),
    "measure": ("measure", "compare a float model and an int8 model on the same samples"),
    "compare": ("compare", "see what another tool's int8 model does, and start a recipe from it"),
    "import": ("import_recipe", "make a recipe of another tool's int8 model or parameter file"),
    "convert": ("convert", "write ranges and scales as a file that another tool reads"),
    "curves": ("curves", "divergence of a tensor over all candidate thresholds"),
    "picks": ("picks", "what every known tool would choose for a tensor"),
    "analyze": ("analyze", "find out where the accuracy goes, and why"),
    "runtime": ("runtime", "see what ONNX Runtime really runs, and the time of each node"),
    "integers": ("integers", "compute as an integer-only chip would; write its multipliers"),
    "recover": ("recover", "win the accuracy back, each step measured"),
}
"""Command -> its module in this folder, and what it does."""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors hold no control characters, whatever words it was given."""

    def error(self, message: str) -> NoReturn:
        super().error(one_line(message, 300))


def command_module(name: str) -> ModuleType:
    """The module of a command: ``add_arguments(parser)`` and ``run(options)``."""
    return importlib.import_module(f"{__package__}.{COMMANDS[name][0]}")


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """What the words ask for; ``command`` names the command. Exits with 2 where they are wrong."""
    parser = _Parser(
        prog="quantlens",
        description="See why an int8 ONNX model lost accuracy, fix it, and export it.",
    )
    if not words or words[0] not in {*COMMANDS, "-h", "--help", "--version"}:
        _refuse_unless_a_model(parser, words)
        words = [FIRST, *words]
    parser.add_argument("--version", action="version", version=f"quantlens {version('quantlens')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (_, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        command.add_argument(
            "--debug",
            action="store_true",
            help="behind the sentence of an error, print what raised it",
        )
        if name == words[0]:
            command_module(name).add_arguments(command)
    return parser.parse_args(words)


def _refuse_unless_a_model(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """A first word that is neither a command nor looks like a model is a slip of the hand."""
    word = words[0] if words else "-"
    if word.startswith("-") or "." in word or "/" in word or os.path.exists(word):  # noqa: PTH110
        return
    parser.error(
        f"expected a command or the path of a float .onnx file, found {word!r}"
        f"{did_you_mean(word, COMMANDS)}; the commands are {', '.join(COMMANDS)}"
    )
