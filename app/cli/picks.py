"""``quantlens picks``: what every known tool would choose for a tensor."""

import argparse
from pathlib import Path

from app.cli.arguments import for_machines
from app.cli.output import report
from quant.tool_rules.report import picks, read_batches


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument("tensor", type=Path, metavar="TENSOR.npz", help="its batches, one an array")
    for_machines(parser)


def run(options: argparse.Namespace) -> None:
    """Print every choice, and why there is none where a tool fails."""
    found = picks(read_batches(options.tensor))
    report(options, found.to_json(), "\n".join(found.lines()))
