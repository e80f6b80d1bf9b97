"""Paddle, in an environment of its own under ``.bench``: nothing of it reaches ours."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.bench.fetch import FOLDER

PACKAGE = "paddlepaddle==3.3.1"
_PROBE = Path(__file__).with_name("paddle_probe.py")


class NotThereError(Exception):
    """Paddle cannot be installed or run here; the message says why, in a line."""


@dataclass(frozen=True)
class Found:
    """What Paddle's own code found for one histogram.

    Attributes:
        threshold: Its threshold, in real units.
        seconds: Processor time of the search, the best of some runs.
    """

    threshold: float
    seconds: float


def search(
    histograms: Sequence[tuple[NDArray[np.int64], float]], repeats: int
) -> tuple[Found, ...]:
    """Search KL thresholds with the code of the package.

    Args:
        histograms: Counts of 2,048 bins and their width in real units.
        repeats: How often to search each; the best time counts.

    Raises:
        NotThereError: It cannot be installed or run.
    """
    python = _installed()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "histograms.npz"
        arrays: dict[str, NDArray[np.generic]] = {}
        for index, (counts, width) in enumerate(histograms):
            arrays |= {f"counts{index}": counts, f"width{index}": np.float64(width)}
        np.savez(path, **arrays)
        printed = _run([str(python), "-I", str(_PROBE), str(path), str(repeats)])
    return tuple(Found(**item) for item in json.loads(printed.splitlines()[-1]))


def _installed() -> Path:
    """The Python of an environment that has Paddle; made the first time."""
    folder = FOLDER.absolute() / "paddle"
    done, python = folder / ".installed", folder / "bin" / "python"
    if not done.exists():
        print(f"installing {PACKAGE} into {folder} ...", flush=True)
        _run([sys.executable, "-m", "venv", str(folder)])
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "setuptools", PACKAGE])
        done.touch()
    return python


def _run(command: list[str]) -> str:
    """What a command prints.

    Raises:
        NotThereError: It fails.
    """
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise NotThereError(said[-1] if said else str(error)) from error
    return done.stdout
