"""``quantlens calibrate``: statistics of every tensor, into a file."""

import argparse
from pathlib import Path

import quant
from app.cli.arguments import data_of, for_machines, model_and_data, positive
from app.cli.output import report
from app.cli.progress_line import Meter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    model_and_data(parser)
    parser.add_argument("--samples", type=positive, help="use only the first N samples")
    parser.add_argument("--out", type=Path, required=True, help="calibration file to write")
    for_machines(parser)


def run(options: argparse.Namespace) -> None:
    """Calibrate and write the file."""
    model = quant.load(options.model)
    data = data_of(options.data, model, options)
    with Meter("calibrating") as meter:
        calibration = quant.calibrate(model, data, samples=options.samples, progress=meter)
    calibration.save(options.out)
    report(
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
