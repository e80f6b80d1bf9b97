"""The file is the truth: what the prepared model computes is compared with the user's own file."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quant.errors import ModelError
from quant.model.model import Model
from quant.model.prepare import FOLDING, prepare
from quant.model.read import read_model
from quant.model.serialize import to_bytes, to_graph
from quant.runtime.session import InferenceSession

Array = NDArray[np.generic]

LEAST_DB: Final = 60.0
"""Float sums in another order stay above it; another meaning of an operator falls far below."""

LEAST_HALF_DB: Final = 30.0
"""The same where the file rounds to half precision at every step, as the prepared one does not."""

LEAST_EQUAL: Final = 0.99
"""The share of integers that must be equal: a class may change where two scores are as good."""


class TruthCheck:
    """Runs the file on a real sample, beside other work, and compares every output.

    What the prepared model gives is known from that other work. Only where it seems to differ, and
    optimization could be the reason, the prepared model is run once more without any.
    """

    def __init__(self, model: Model, feeds: Mapping[str, Array]) -> None:
        """Begin to run the file. Where ONNX Runtime cannot, or there is none, nothing is compared.

        Args:
            model: The model as it was loaded.
            feeds: One sample, or one group where the model takes several.
        """
        self._model, self._feeds = model, feeds
        self._stopped = False
        self._running: InferenceSession | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="quantlens-truth")
        self._truth = self._pool.submit(self._of_file)
        if model.mapped_bytes:  # the same weights need not be in memory twice
            self._truth.exception()

    @property
    def ready(self) -> bool:
        """Whether the file has been run, so that :meth:`judge` does not wait."""
        return self._truth.done()

    def stop(self) -> None:
        """End without a verdict, and wait for it."""
        self._stopped = True
        if (running := self._running) is not None:
            running.stop()
        self._pool.shutdown(wait=True)

    def judge(self, found: Mapping[str, Array]) -> None:
        """Compare.

        Args:
            found: What the prepared model gave for the same sample, its outputs among it.

        Raises:
            ModelError: If they differ; it names the step of the preparation that changed the model.
        """
        truth = self._truth.result()
        if truth is None or self._differing(truth, found) is None:
            return
        model = self._model
        output = self._differing(truth, self._outputs(model.to_bytes()))
        if output is None:
            return
        raise ModelError(
            f"{model.name}: the output {output!r} of the prepared model differs from the file's on "
            f"the first sample, because of {self._culprit(truth)}; export the model again with "
            "another opset, or simplify it first"
        )

    def _of_file(self) -> Mapping[str, Array] | None:
        content = self._model.original()
        try:
            return self._outputs(content) if content is not None else None
        except ModelError:
            return None

    def _outputs(self, content: bytes | Path) -> Mapping[str, Array]:
        running = self._running = InferenceSession(
            content, level="disabled", threads=1, lean=True, draws=self._model.draws
        )
        if self._stopped:
            running.stop()
        try:
            return running.run(self._feeds)
        finally:
            self._running = None

    def _culprit(self, truth: Mapping[str, Array]) -> str:
        """The step that changed the model, found by leaving steps out."""
        assert self._model.source is not None
        read = read_model(self._model.source)
        graph = to_graph(read.proto, read.folder)
        prepare(graph, self._model.name, without={FOLDING})
        if self._differing(truth, self._outputs(to_bytes(graph))) is None:
            return "the folding of constants and batch normalization"
        raised = next((note for note in self._model.notes if "opset" in note.lower()), "")
        return f"a change of opset ({raised.rstrip('.')})" if raised else "a step before folding"

    def _differing(self, truth: Mapping[str, Array], found: Mapping[str, Array]) -> str | None:
        """The first output that differs; None where all are equal but for float noise."""
        half = any("float32" in note for note in self._model.notes)
        least = LEAST_HALF_DB if half else LEAST_DB
        for name, expected in truth.items():
            if name not in found or not _alike(expected, found[name], least):
                return name
        return None


def _alike(expected: Array, found: Array, least: float) -> bool:
    if found.shape != expected.shape:
        return False
    if not expected.size:
        return True
    a, b = expected.astype(np.float64), found.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if expected.dtype.kind != "f":
        return bool(same.mean() >= LEAST_EQUAL)
    with np.errstate(invalid="ignore"):
        noise = float(np.square(np.where(same, 0.0, b - a)).sum())
    signal = float(np.square(np.where(np.isfinite(a), a, 0.0)).sum())
    return noise <= signal * 10 ** (-least / 10)
