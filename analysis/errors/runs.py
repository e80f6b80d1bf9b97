"""What the measured errors look at: models run in several ways over the same samples.

What a user gets and what a tensor holds are measured on different sessions. A tapped tensor must be
computed as written, so ONNX Runtime cannot fuse across it: an int8 model with taps does not run the
integer kernels of the plain one. Outputs, predictions and top-1 therefore come from sessions
without taps at ONNX Runtime's default settings, and the error at each tensor from tapped ones at
the level "basic", where every QuantizeLinear and DequantizeLinear is computed as it is defined.
"""

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from analysis.errors.local_graph import local_graph
from quant.ablation import activations_only, weights_only
from quant.data.dataset import Batch
from quant.errors import ModelError
from quant.model.model import Model
from quant.model.read import read_model
from quant.pipeline import QuantizedModel
from quant.runtime.run import Results
from quant.runtime.session import InferenceSession


class Run(enum.Enum):
    """One way to run a model; each is run once a batch, whoever observes it.

    The ablations are computed as they are defined: by default ONNX Runtime stores a float weight
    of a Conv or Gemm that reads a quantized tensor as int8 of its own accord, with one scale, so
    activations alone would never be measured.
    """

    FLOAT = "the float model as a user runs it"
    WEIGHTS_ONLY = "the int8 model with float activations"
    ACTIVATIONS_ONLY = "the int8 model with float weights"
    INT8 = "the int8 model as a user runs it"
    FLOAT_TENSORS = "the float model, tapped"
    INT8_TENSORS = "the int8 model, tapped"
    LOCAL = "every unit alone, tapped"


TAPPED = frozenset({Run.FLOAT_TENSORS, Run.INT8_TENSORS, Run.LOCAL})
"""The runs that give tensors by name; the others give the outputs of the model."""

Needs = Mapping[Run, Sequence[str]]
"""What an observer needs: a run -> the tensors to tap; of a run without taps, the outputs."""

RunResults = Mapping[Run, Results]
"""What the runs that were asked for gave for a batch."""


class Quantized(Protocol):
    """What is needed of an int8 model in memory to compare it with its float model."""

    @property
    def tensor_map(self) -> Mapping[str, str]:
        """Float tensor -> the tensor of the int8 graph that stands for it."""
        ...

    def to_bytes(self) -> bytes:
        """The content of the ``.onnx`` file."""
        ...

    def tapped_bytes(self) -> bytes:
        """The same with every tensor of ``tensor_map`` in it."""
        ...


class Models(ABC):
    """Where the runs come from."""

    @cached_property
    def uncompared(self) -> dict[str, str]:
        """Outputs that cannot be compared -> why, of the models opened so far."""
        return {}

    @cached_property
    @abstractmethod
    def float_content(self) -> bytes:
        """Content of the float model's file."""

    @property
    @abstractmethod
    def float_file(self) -> bytes | Path | None:
        """The user's own float file, unprepared; None where it is not to be had."""

    @cached_property
    @abstractmethod
    def int8_content(self) -> bytes:
        """Content of the int8 model's file."""

    @property
    def tapped_content(self) -> bytes:
        """The same with every tensor of :attr:`tensor_map` in it."""
        return self.int8_content

    @property
    @abstractmethod
    def tensor_map(self) -> Mapping[str, str]:
        """Float tensor -> the tensor of the int8 graph that stands for it, where that is known."""

    def open(self, run: Run, taps: Sequence[str]) -> InferenceSession:
        """A session for ``run``.

        Args:
            run: How to run which model.
            taps: Tensors to give; nothing for a run without taps.

        Raises:
            ModelError: If ONNX Runtime cannot load it.
        """
        if run is Run.FLOAT and (file := self.float_file) is not None:
            with suppress(ModelError):
                return self._noted(InferenceSession(file))
        if run in _FLOAT:
            content = self.float_content
        else:
            content = self.tapped_content if run in TAPPED else self.int8_content
        session = InferenceSession(content, taps=taps, level="basic" if run in TAPPED else "all")
        return self._noted(session)

    def _noted(self, session: InferenceSession) -> InferenceSession:
        self.uncompared.update(session.uncompared)
        return session


FOUND_IN = {Run.FLOAT_TENSORS: Run.LOCAL}
"""Where the tensors of a run are found too: beside the units alone stands the float model."""

_FLOAT = frozenset({Run.FLOAT, Run.FLOAT_TENSORS})


class FileRuns(Models):
    """A float and an int8 model, each in memory or in a file: what any pair can be asked."""

    def __init__(self, float_model: Model | str | Path, int8: Quantized | str | Path) -> None:
        self._float, self._int8 = float_model, int8

    @cached_property
    def float_content(self) -> bytes:
        """Content of the float model's file."""
        return self._float.to_bytes() if isinstance(self._float, Model) else _content(self._float)

    @property
    def float_file(self) -> bytes | Path | None:
        """The user's own float file; None where the float model was given as a file itself."""
        return self._float.original() if isinstance(self._float, Model) else None

    @cached_property
    def int8_content(self) -> bytes:
        """Content of the int8 model's file."""
        if isinstance(self._int8, str | Path):
            return _content(self._int8)
        return self._int8.to_bytes()

    @property
    def tapped_content(self) -> bytes:
        """The same with every tensor of :attr:`tensor_map` in it."""
        if isinstance(self._int8, str | Path):
            return self.int8_content
        return self._int8.tapped_bytes()

    @property
    def tensor_map(self) -> Mapping[str, str]:
        """Float tensor -> the tensor of the int8 graph that stands for it; empty for a file."""
        return {} if isinstance(self._int8, str | Path) else self._int8.tensor_map


class QuantizedRuns(Models):
    """An int8 model of ours, which can also be taken apart.

    Attributes:
        quantized: The int8 model.
    """

    def __init__(self, quantized: QuantizedModel) -> None:
        self.quantized = quantized

    @cached_property
    def float_content(self) -> bytes:
        """Content of the float model's file."""
        return self.quantized.float_model.to_bytes()

    @property
    def float_file(self) -> bytes | Path | None:
        """The user's own float file, unprepared; None where it is gone or has changed."""
        return self.quantized.float_model.original()

    @cached_property
    def int8_content(self) -> bytes:
        """Content of the int8 model's file."""
        return self.quantized.to_bytes()

    @property
    def tapped_content(self) -> bytes:
        """The same with every tensor of :attr:`tensor_map` in it."""
        return self.quantized.tapped_bytes()

    @property
    def tensor_map(self) -> Mapping[str, str]:
        """Float tensor -> the tensor of the int8 graph that stands for it."""
        return self.quantized.tensor_map

    @cached_property
    def local(self) -> tuple[bytes, Mapping[str, str]]:
        """The graph of :func:`analysis.errors.local_graph.local_graph`."""
        return local_graph(self.quantized)

    def open(self, run: Run, taps: Sequence[str]) -> InferenceSession:
        """A session for ``run``; see :meth:`Models.open`."""
        if run is Run.LOCAL:
            content = self.local[0]
            return InferenceSession(content, taps=taps, level="basic", integer_kernels=False)
        if run in _ABLATIONS:
            part = self.quantized.with_recipe(_ABLATIONS[run](self.quantized.recipe))
            return InferenceSession(part.to_bytes(), integer_kernels=False)
        return super().open(run, taps)


_ABLATIONS = {Run.WEIGHTS_ONLY: weights_only, Run.ACTIVATIONS_ONLY: activations_only}

M_contra = TypeVar("M_contra", bound=Models, contravariant=True)
T_co = TypeVar("T_co", covariant=True)


class Observer(ABC, Generic[M_contra, T_co]):
    """Observes batches and adds up; every measured error is one."""

    @abstractmethod
    def needs(self, models: M_contra) -> Needs:
        """Which runs to make for it. Called once, before the first batch.

        Args:
            models: What will be run.
        """

    @abstractmethod
    def add(self, batch: Batch, results: RunResults) -> None:
        """Add a batch.

        Args:
            batch: What was fed.
            results: What the runs gave, those of :meth:`needs` among them.
        """

    @abstractmethod
    def result(self) -> T_co:
        """What all batches together gave."""


def _content(path: str | Path) -> bytes:
    return read_model(path).content()
