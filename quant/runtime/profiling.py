"""How long each node takes as ONNX Runtime runs it, by its own profiler.

Source: ONNX Runtime's documentation, "Profiling tools": a trace with an event for each node of the
optimized graph and one for each whole run.
"""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quant.runtime.session import FATAL_ONLY, attempted, ort

Array = NDArray[np.generic]

WARM_UP: Final = 3
"""Runs that come before those that are timed."""

_END: Final = "_kernel_time"


@dataclass(frozen=True)
class NodeTime:
    """One node of the graph that really runs.

    Attributes:
        name: Its name there.
        op_type: Its operator there, such as ``QLinearConv``.
        us: The median over the runs, in microseconds.
        reads: Element types of its inputs, such as ``uint8``.
        gives: Element types of its outputs.
    """

    name: str
    op_type: str
    us: float
    reads: tuple[str, ...]
    gives: tuple[str, ...]


@dataclass(frozen=True)
class Profile:
    """Where the time of an inference goes.

    Attributes:
        nodes: The nodes, in the order in which they ran.
        run_us: The median time of a whole run in microseconds, with the profiler on.
        runs: How many runs were looked at.
    """

    nodes: tuple[NodeTime, ...]
    run_us: float
    runs: int

    @property
    def framework_us(self) -> float:
        """What a run takes beside its nodes."""
        return max(0.0, self.run_us - sum(node.us for node in self.nodes))


def profile(
    model: bytes | str | Path,
    feeds: Mapping[str, Array],
    *,
    runs: int = 20,
    threads: int = 1,
    heartbeat: Callable[[], None] | None = None,
) -> Profile:
    """Run a model some times and take the time of each of its nodes.

    Args:
        model: Content of an ``.onnx`` file, or its path.
        feeds: Its inputs.
        runs: How often; :data:`WARM_UP` more come before and do not count.
        threads: Threads that work on one run.
        heartbeat: Called between runs; it may raise to stop.

    Raises:
        ModelError: If it cannot be loaded or run.
    """
    options = ort.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    options.intra_op_num_threads = threads
    options.enable_profiling = True
    source = model if isinstance(model, bytes) else str(model)
    with tempfile.TemporaryDirectory(prefix="quantlens-") as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = attempted(
            "the model",
            "load",
            lambda: ort.InferenceSession(source, options, providers=["CPUExecutionProvider"]),
        )
        for _ in range(WARM_UP + runs):
            if heartbeat is not None:
                heartbeat()
            attempted("the model", "run", lambda: session.run(None, dict(feeds)))
        trace = Path(session.end_profiling())
        events: list[Any] = json.loads(trace.read_text(encoding="utf-8"))
    return _read(events, runs)


def _read(events: list[Any], runs: int) -> Profile:
    """The medians over the last runs of a trace."""
    times: dict[str, list[float]] = {}
    about: dict[str, Any] = {}
    whole: list[float] = []
    for event in events:
        name = str(event.get("name", ""))
        if name == "model_run":
            whole.append(float(event["dur"]))
        elif event.get("cat") == "Node" and name.endswith(_END):
            # Two nodes may share a name; their places in the graph tell them apart.
            key = f"{event['args'].get('node_index', '')} {name.removesuffix(_END)}"
            times.setdefault(key, []).append(float(event["dur"]))
            about[key] = event["args"]
    nodes = tuple(
        NodeTime(
            key.partition(" ")[2],
            str(about[key]["op_name"]),
            float(np.median(found[-runs:])),
            _types(about[key].get("input_type_shape")),
            _types(about[key].get("output_type_shape")),
        )
        for key, found in times.items()
    )
    return Profile(nodes, float(np.median(whole[-runs:])), runs)


def _types(listed: Any) -> tuple[str, ...]:
    return tuple(next(iter(item), "") for item in listed or ())
