"""The file is the truth: what the prepared model computes is compared with the user's own file."""

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(eq=False)
class TruthCheck:
    """Runs the file and the prepared model on a real sample, and compares every output.

    Attributes:
        model: The model as it was loaded.
        feeds: One sample, or one group where the model takes several.
    """

    model: Model
    feeds: Mapping[str, Array]
    _stopped: bool = False
    _running: InferenceSession | None = None

    def stop(self) -> None:
        """Make it end soon, without a verdict. Any thread may call it."""
        self._stopped = True
        if self._running is not None:
            self._running.stop()

    def run(self) -> None:
        """Compare. Without a source, or where ONNX Runtime cannot run the file, nothing is done.

        Raises:
            ModelError: If they differ; it names the step of the preparation that changed the model.
        """
        model = self.model
        if model.source is None:
            return
        try:
            truth = self._outputs(model.source)
        except ModelError:
            return
        output = self._differing(truth, model.to_bytes())
        if output is None:
            return
        raise ModelError(
            f"{model.name}: the output {output!r} of the prepared model differs from the file's on "
            f"the first sample, because of {self._culprit(truth)}; export the model again with "
            "another opset, or simplify it first"
        )

    def _outputs(self, content: bytes | Path) -> Mapping[str, Array]:
        self._running = InferenceSession(content, level="disabled")
        if self._stopped:
            self._running.stop()
        return self._running.run(self.feeds)

    def _culprit(self, truth: Mapping[str, Array]) -> str:
        """The step that changed the model, found by leaving steps out."""
        assert self.model.source is not None
        graph = to_graph(read_model(self.model.source).proto)
        prepare(graph, self.model.name, without={FOLDING})
        if self._differing(truth, to_bytes(graph)) is None:
            return "the folding of constants and batch normalization"
        raised = next((note for note in self.model.notes if "opset" in note), "")
        return f"a change of opset ({raised.rstrip('.')})" if raised else "a step before folding"

    def _differing(self, truth: Mapping[str, Array], content: bytes) -> str | None:
        """The first output that differs; None where all are equal but for float noise."""
        half = any("float32" in note for note in self.model.notes)
        least = LEAST_HALF_DB if half else LEAST_DB
        found = self._outputs(content)
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
