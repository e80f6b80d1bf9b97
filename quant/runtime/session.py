"""The one place that runs models: sessions of ONNX Runtime on the CPU, with tensors tapped.

Source: ONNX Runtime's Python API (``InferenceSession``, ``SessionOptions``, ``RunOptions``).
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import numpy as np
import onnx
from numpy.typing import NDArray

from quant.errors import ModelError
from quant.model.read import read_model
from quant.model.serialize import serialized
from quant.model.weights_beside import folder_of
from quant.runtime.engine import onnxruntime
from quant.runtime.randomness import dropped_outputs, may_draw, seeded
from quant.types import ONNX_DTYPES, TensorInfo

ort: Any = onnxruntime()

Level = Literal["all", "extended", "basic", "disabled"]
"""How far ONNX Runtime may rewrite the graph."""

LEVELS: tuple[Level, ...] = ("all", "extended", "basic", "disabled")
"""Every level, the default of ONNX Runtime first."""

_ORT_LEVELS: dict[Level, Any] = {
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "disabled": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
_ONNX_TYPES = {"float": "FLOAT", "double": "DOUBLE"}
_WORDS = {"STRING": "strings", "seq": "a sequence", "map": "a map", "optional": "an optional"}
"""What a type is called among outputs that are not compared, by its name or its beginning."""
_FOLDER_OF_WEIGHTS = "session.model_external_initializers_file_folder_path"
FATAL_ONLY = 4

Array = NDArray[np.generic]
T = TypeVar("T")


class InferenceSession:
    """A model that is ready to run. Threads may share it.

    Attributes:
        inputs: What it takes.
        outputs: What the model gives and can be compared: tensors of numbers. Tapped tensors are
            left out.
        uncompared: Its other outputs -> why they cannot be, such as ``strings``.
        taps: The tapped tensors.
        tapped: What is known of them.
        random: Whether the model draws random numbers.
    """

    def __init__(
        self,
        model: bytes | str | Path,
        *,
        taps: Sequence[str] = (),
        level: Level = "all",
        threads: int | None = None,
        arena: bool = True,
        integer_kernels: bool = True,
        lean: bool = False,
        draws: bool | None = None,
    ) -> None:
        """Load a model.

        Args:
            model: Content of an ``.onnx`` file, or its path.
            taps: Inner tensors to give out beside the outputs.
            level: How far the graph may be optimized; what is tapped cannot be fused away.
            threads: Threads that work on one run; None leaves it to ONNX Runtime.
            arena: Keep freed memory for the next run.
            integer_kernels: Join nodes between DequantizeLinear and QuantizeLinear into kernels
                that compute on integers; otherwise every one of them is computed as it is
                defined, and what is between them in float.
            lean: Take less memory and more time: kernels keep no copy of the weights in an order
                of their own, none is computed from integers ahead of its use, and each node runs
                as late as its result is read. Always so where weights stay in files.
            draws: Whether it may hold random operators; None to look for them in all its bytes.

        Raises:
            ModelError: If the model cannot be read or loaded, or has no such tensor.
        """
        self._name = "the model" if isinstance(model, bytes) else Path(model).name
        source = str(model) if isinstance(model, Path) else model
        folder = folder_of(source)
        self.random, dropped = False, frozenset[str]()
        draws = _may_draw(source) if draws is None else draws
        if taps or draws:
            proto, folder = _read(source)
            if draws:
                self.random, dropped = seeded(proto), dropped_outputs(proto.graph)
            tap(proto, taps, self._name)
            source = serialized(proto, self._name)
        options = ort.SessionOptions()
        options.log_severity_level = FATAL_ONLY
        options.graph_optimization_level = _ORT_LEVELS[level]
        options.enable_cpu_mem_arena = arena and not (lean or folder)
        # Between two runs the cores have other work, so idle threads must not spin.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if not integer_kernels:
            options.add_session_config_entry("session.disable_quant_qdq", "1")
        if threads is not None:
            options.intra_op_num_threads = threads
        if folder is not None:
            options.add_session_config_entry(_FOLDER_OF_WEIGHTS, str(folder))
        unused: list[str] = []
        if lean or folder is not None:
            unused.append("ConstantFolding")
            options.add_session_config_entry("session.disable_prepacking", "1")
            options.execution_order = ort.ExecutionOrder.PRIORITY_BASED
        self._options = ort.RunOptions()
        self._options.log_severity_level = FATAL_ONLY
        self._session = attempted(
            self._name,
            "load",
            lambda: ort.InferenceSession(
                source,
                options,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=unused or None,
            ),
        )
        self.taps = tuple(taps)
        self.inputs = tuple(_info(arg) for arg in self._session.get_inputs())
        given = {arg.name: _info(arg) for arg in self._session.get_outputs()}
        self.tapped = tuple(given[name] for name in dict.fromkeys(taps))
        given = {name: info for name, info in given.items() if name not in set(taps)}
        self.uncompared = {
            name: "random" if name in dropped else _word(info.dtype)
            for name, info in given.items()
            if name in dropped or info.dtype not in ONNX_DTYPES
        }
        self.outputs = tuple(i for name, i in given.items() if name not in self.uncompared)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run the model once.

        Args:
            feeds: Input name -> array.

        Returns:
            The tapped tensors by name, or :attr:`outputs` where nothing is tapped.

        Raises:
            ModelError: If ONNX Runtime fails, or :meth:`stop` was called.
        """
        return self._run(self.taps or tuple(info.name for info in self.outputs), feeds)

    def run_all(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Like :meth:`run`, but give the tapped tensors and :attr:`outputs`."""
        return self._run((*self.taps, *(info.name for info in self.outputs)), feeds)

    def _run(self, names: Sequence[str], feeds: Mapping[str, Array]) -> dict[str, Array]:
        # Asked for nothing, ONNX Runtime gives everything.
        found = attempted(
            self._name, "run", lambda: self._session.run(list(names), dict(feeds), self._options)
        )
        return dict(zip(names, cast("list[Array]", found), strict=True)) if names else {}

    def bound(self, results: Mapping[str, Array]) -> Callable[[Mapping[str, Array]], None]:
        """Prepare runs that write into given memory.

        Args:
            results: Tensor name -> C-contiguous array of its type and shape.

        Returns:
            What runs the model once on feeds. It raises :class:`ModelError` like :meth:`run`, and
            also when a result has another shape.
        """
        binding = self._session.io_binding()
        for name, array in results.items():
            binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)

        def run(feeds: Mapping[str, Array]) -> None:
            kept = {name: np.ascontiguousarray(array) for name, array in feeds.items()}
            for name, array in kept.items():
                binding.bind_cpu_input(name, array)
            attempted(
                self._name,
                "run",
                lambda: self._session.run_with_iobinding(binding, self._options),
            )

        return run

    def stop(self) -> None:
        """Make runs in progress and later ones fail soon. Any thread may call it."""
        self._options.terminate = True


def attempted(name: str, what: str, call: Callable[[], T]) -> T:
    """What ``call`` gives.

    Args:
        name: What to call the model.
        what: What the call does to it: "load" or "run".
        call: Calls ONNX Runtime.

    Raises:
        ModelError: If it fails, in a sentence.
    """
    try:
        return call()
    except Exception as error:  # its exception classes share no base but Exception
        reason = str(error).strip().split("\n")[0].rstrip(".")
        reason = reason.split(" : ", 3)[-1]
        raise ModelError(
            f"{name}: ONNX Runtime {ort.__version__} cannot {what} it ({reason}); check that the "
            "model runs there on its own"
        ) from error


def tap(proto: onnx.ModelProto, names: Sequence[str], name: str) -> None:
    """Let a model also give out inner tensors, in place.

    Args:
        proto: The model.
        names: Tensors of the main graph.
        name: What to call the model.

    Raises:
        ModelError: If it has no such tensor.
    """
    outputs = {value.name for value in proto.graph.output}
    known = {value.name: value for value in proto.graph.value_info}
    produced = {output for node in proto.graph.node for output in node.output}
    for tensor in names:
        if tensor in outputs:
            continue
        if tensor not in produced:
            raise ModelError(f"{name}: there is no tensor {tensor!r} to look at")
        # Without a known type ONNX Runtime infers it.
        proto.graph.output.append(known.get(tensor, onnx.ValueInfoProto(name=tensor)))


def _read(model: bytes | str) -> tuple[onnx.ModelProto, Path | None]:
    """The model, and the folder of weights that stay in files."""
    if not isinstance(model, bytes):
        read = read_model(model)
        return read.proto, read.folder
    return onnx.load_model_from_string(model), folder_of(model)


def _may_draw(model: bytes | str) -> bool:
    try:
        return may_draw(model if isinstance(model, bytes) else Path(model).read_bytes())
    except OSError:
        return False  # loading it says why


def holds_numbers(value: object) -> bool:
    """Whether what a model gave is a tensor of numbers; sequences and maps come as they are."""
    return isinstance(value, np.ndarray) and cast("Array", value).dtype.kind in "biuf"


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _word(dtype: str) -> str:
    return _WORDS.get(dtype.partition("(")[0], dtype.lower())


def _info(arg: Any) -> TensorInfo:
    element = str(arg.type)
    if element.startswith("tensor("):
        element = element.removeprefix("tensor(").removesuffix(")")
        element = _ONNX_TYPES.get(element, element.upper())
    shape = tuple(
        d if isinstance(d, str) or (isinstance(d, int) and d >= 0) else None for d in arg.shape
    )
    return TensorInfo(str(arg.name), element, shape)
