"""``quantlens open``: the app in a browser."""

import argparse
from pathlib import Path

from app.server import serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument("model", nargs="?", type=Path, help="float .onnx file; a sample without it")
    parser.add_argument("--data", help="calibration and evaluation data")
    parser.add_argument(
        "--int8",
        type=Path,
        metavar="FILE",
        help="what another tool made of the model, to start from: an int8 .onnx, or a parameter "
        "file as `quantlens import` reads it",
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 picks a free one")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument(
        "--no-token",
        action="store_true",
        help="answer every user and program of this machine, not only the browser that opens the "
        "printed address",
    )
    parser.add_argument(
        "--no-measure",
        action="store_true",
        help="measure what is open when Measure is pressed, not at once",
    )


def run(options: argparse.Namespace) -> None:
    """Serve the app until it is stopped."""
    serve(
        model=str(options.model) if options.model else None,
        data=str(options.data) if options.data else None,
        int8=str(options.int8) if options.int8 else None,
        port=options.port,
        open_browser=not options.no_browser,
        token=not options.no_token,
        measure=not options.no_measure,
    )
