"""ONNX Runtime's own static quantization, driven the way its documentation says."""

import contextlib
import importlib
import io
import logging
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationMethod, quantize_static
from onnxruntime.quantization.calibrate import EntropyCalibrater, create_calibrator
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry
from onnxruntime.quantization.shape_inference import quant_pre_process

from quant.data.dataset import Dataset

Array = NDArray[np.generic]

BINS = 2048
"""Bins of its histograms. Entropy's default of 128 leaves it a single candidate."""

METHODS = ("MinMax", "Percentile", "Entropy")


class Reader:
    """A CalibrationDataReader that streams our data in batches."""

    def __init__(self, data: Dataset, batch: int, limit: int | None = None) -> None:
        self._batches = data.batches(batch, limit)

    def get_next(self) -> dict[str, Array] | None:
        """The next batch, or None at the end."""
        batch = next(self._batches, None)
        return None if batch is None else dict(batch.feeds)


def preprocess(model: Path, out: Path) -> str:
    """Its preparation of a model: shape inference, then its basic graph optimizations.

    Symbolic shape inference is left out where it fails. It drops a file where the process works
    when it does, so it works beside ``out``.

    Args:
        model: The float model.
        out: Where to write the prepared one.

    Returns:
        What went wrong with symbolic shape inference, or an empty text.
    """
    model, out = model.absolute(), out.absolute()
    with quiet(), contextlib.chdir(out.parent):
        try:
            quant_pre_process(str(model), str(out))
        except Exception as error:  # what it raises has no common class
            quant_pre_process(str(model), str(out), skip_symbolic_shape=True)
            return f"{type(error).__name__}: {error}"
    return ""


def quantize(model: Path, out: Path, reader: Reader, **options: Any) -> None:
    """Quantize a prepared model with ``quantize_static``; see there for the options."""
    with quiet():
        quantize_static(str(model), str(out), reader, **options)


def quantize_with(method: str, model: Path, out: Path, reader: Reader) -> None:
    """Quantize a prepared model with one of :data:`METHODS` and histograms of 2048 bins.

    ``quantize_static`` hands the number of bins to its calibrator under no option, so it is put in
    on the way. All else is at its defaults.
    """
    # The package's attribute of that name is the function, not the module.
    module = importlib.import_module("onnxruntime.quantization.quantize")
    finer = partial(_create_with_bins, create_calibrator)
    with mock.patch.object(module, "create_calibrator", finer):
        quantize(model, out, reader, calibrate_method=CalibrationMethod[method])


def _create_with_bins(
    create: Any, *args: Any, extra_options: Mapping[str, Any], **rest: Any
) -> Any:
    return create(*args, extra_options={**extra_options, "num_bins": BINS}, **rest)


def tensor_count(model: Path) -> int:
    """How many tensors its calibrators look at in a prepared model."""
    operators = sorted({*QLinearOpsRegistry, *QDQRegistry})
    calibrator = EntropyCalibrater(model, operators)
    return len(calibrator.select_tensors_to_calibrate(calibrator.model)[0])


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep its prints and log lines off the screen."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
