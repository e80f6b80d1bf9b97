"""The time of each node of the float model, as float and as int8, by ONNX Runtime's profiler."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from analysis.runtime.flow import CONVERSIONS, Flow, flow
from quant.model.model import Model
from quant.pipeline import QuantizedModel
from quant.runtime.profiling import Profile, profile

_ADDED: Final = re.compile(r"(_nchwc|_token_\d+|_transpose|/duplicated\w*)+$")
"""What ONNX Runtime adds to the name of a node that it rewrites."""


@dataclass(frozen=True)
class Times:
    """Where the time of one model goes, in microseconds.

    Attributes:
        of_node: Node of the float model -> its time, with what is computed in the same kernel.
        conversions: Between float and integers.
        rearranging: Moving values for kernels that want them in another order.
        other: Nodes that are none of the float model's, such as those of repairs.
        framework: What a run takes beside its nodes.
        run: The whole run: the sum of all these, or more where nodes run at the same time.
    """

    of_node: Mapping[str, float]
    conversions: float
    rearranging: float
    other: float
    framework: float
    run: float


@dataclass(frozen=True)
class BothTimes:
    """The same of both models.

    Attributes:
        of_float: The float model.
        of_int8: The int8 model.
    """

    of_float: Times
    of_int8: Times


def times(
    quantized: QuantizedModel,
    of_int8: Flow,
    *,
    runs: int = 20,
    threads: int = 1,
    heartbeat: Callable[[], None] | None = None,
) -> BothTimes:
    """Profile float and int8 on one real sample.

    Args:
        quantized: The int8 model, with the sample to run.
        of_int8: The graph that runs of it.
        runs: How often each runs; medians are taken.
        threads: Threads that work on one run.
        heartbeat: Called between runs; it may raise to stop.

    Raises:
        ModelError: If one of them cannot be run.
    """
    plain = quantized.float_model.to_bytes()
    found: list[Times] = []
    for content, running in ((plain, flow(plain)), (quantized.to_bytes(), of_int8)):
        taken = profile(content, quantized.probe, runs=runs, threads=threads, heartbeat=heartbeat)
        found.append(_split(taken, running, quantized.float_model))
    return BothTimes(*found)


def _split(taken: Profile, found: Flow, model: Model) -> Times:
    """Which node of the float model each running one belongs to."""
    own = {node.name for node in model.nodes}
    producers = {name: node.name for node in found.file.node for name in node.output}
    producers |= {name: node.name for name, node in model.producers.items()}
    of_node: dict[str, float] = {}
    sums = {"conversions": 0.0, "rearranging": 0.0, "other": 0.0}
    for node in taken.nodes:
        name = _ADDED.sub("", node.name)
        # A rewritten Conv is called after what it gives.
        name = name if name in own else producers.get(name, name)
        if node.op_type in CONVERSIONS:
            sums["conversions"] += node.us
        elif name in own:
            name = found.anchors.get(name, name)
            of_node[name] = of_node.get(name, 0.0) + node.us
        elif node.op_type in {"ReorderInput", "ReorderOutput", "Transpose"}:
            sums["rearranging"] += node.us
        else:
            sums["other"] += node.us
    return Times(of_node, **sums, framework=taken.framework_us, run=taken.run_us)
