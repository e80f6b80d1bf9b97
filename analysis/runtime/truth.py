"""What runs of an int8 model: node by node, on integers or not, why, and what it takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import onnx

from analysis.runtime.flow import CONVERSIONS, TO_CODES, TO_REAL, Conversion, Flow, flow
from analysis.runtime.multiply_adds import multiply_adds
from analysis.runtime.times import BothTimes, times
from quant.io.show import card, counted, one_line, table
from quant.model.model import Node
from quant.pipeline import QuantizedModel
from quant.planning.integer_kernels import KERNELS, Kernel
from quant.planning.plan import NodePlan

Runs = Literal["integers", "float", "inside", "ahead"]
"""How a node runs: on integers, on floats, inside of another node's kernel, or ahead of time."""

WORDS: Final[Mapping[Runs, str]] = {
    "integers": "on integers",
    "float": "in float",
    "inside": "inside another kernel",
    "ahead": "ahead of time",
}


@dataclass(frozen=True)
class RuntimeRow:
    """One node of the float model as it runs in the int8 one.

    Attributes:
        name: The node.
        op_type: Its operator.
        runs: How it runs.
        kernel: The running operator that computes it, such as ``QLinearConv``; "" without one.
        why: Why it does not run on integers; "" where it does.
        asked: Whether the recipe wants it in integers.
        multiply_adds: Its multiply-adds on one sample.
        float_us: Its time in the float model, in microseconds, with what shares its kernel; None
            where it is part of another kernel, or nothing was timed.
        int8_us: The same in the int8 model.
    """

    name: str
    op_type: str
    runs: Runs
    kernel: str
    why: str
    asked: bool
    multiply_adds: int
    float_us: float | None
    int8_us: float | None

    @property
    def lost_us(self) -> float | None:
        """By how much int8 takes longer than float; below 0 where it is quicker."""
        if self.float_us is None and self.int8_us is None:
            return None
        return (self.int8_us or 0.0) - (self.float_us or 0.0)


@dataclass(frozen=True, eq=False)
class RuntimeTruth:
    """What ONNX Runtime's CPU provider makes of an int8 model.

    Attributes:
        quantized: The int8 model.
        rows: The nodes of the float model, in order.
        times: Where the time goes; None where it was not taken.
        flow: The running graph over the file.
    """

    quantized: QuantizedModel
    rows: tuple[RuntimeRow, ...]
    times: BothTimes | None
    flow: Flow

    @property
    def conversions(self) -> tuple[Conversion, ...]:
        """The changes between float and integers that are left."""
        return self.flow.conversions

    @property
    def by_time_lost(self) -> tuple[RuntimeRow, ...]:
        """The nodes, the one first that loses most time."""
        return tuple(sorted(self.rows, key=lambda row: -(row.lost_us or 0.0)))

    @property
    def integer_share(self) -> float:
        """Share of the multiply-adds that run on integers; 1 of a model without any."""
        total = sum(row.multiply_adds for row in self.rows)
        done = sum(row.multiply_adds for row in self.rows if row.runs == "integers")
        return done / total if total else 1.0

    @property
    def broken_promises(self) -> tuple[RuntimeRow, ...]:
        """Nodes that the recipe wants in integers and that run in float."""
        return tuple(row for row in self.rows if row.asked and row.runs == "float")

    @cached_property
    def edge_types(self) -> Mapping[tuple[str, str], str]:
        """What flows from a node to one that reads it: an element type, or "" inside a kernel."""
        model = self.quantized.float_model
        inputs = {info.name: info.name for info in model.inputs}
        sources = inputs | {name: node.name for name, node in model.producers.items()}
        found: dict[tuple[str, str], str] = {}
        for node in model.nodes:
            for name in node.inputs:
                if name in sources:
                    found[sources[name], node.name] = self.flow.type_between(name, node.name)
        return found

    def __repr__(self) -> str:
        """Share on integers and conversions, in one line."""
        name = one_line(self.quantized.float_model.name)
        return (
            f"<RuntimeTruth of {name}: {self.integer_share:.1%} of the multiply-adds on integers, "
            f"{counted(len(self.conversions), 'conversion')} left>"
        )

    def _repr_html_(self) -> str:
        """The nodes that lose most time, for a notebook."""
        lost = self.by_time_lost
        rows = (
            (
                row.name,
                row.op_type,
                row.kernel,
                WORDS[row.runs],
                _us(row.float_us),
                _us(row.int8_us),
            )
            for row in lost
        )
        head = ("Node", "Operator", "Kernel", "Runs", "Float, µs", "Int8, µs")
        return card(repr(self), table(head, rows, len(lost)))


def _us(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def runtime_truth(
    quantized: QuantizedModel,
    *,
    runs: int = 20,
    heartbeat: Callable[[], None] | None = None,
) -> RuntimeTruth:
    """Look at what ONNX Runtime's CPU provider runs of an int8 model.

    Args:
        quantized: The int8 model.
        runs: How often each model runs for its times, on one thread; 0 takes none.
        heartbeat: Called between runs; it may raise to stop.

    Raises:
        ModelError: If it cannot be run.
    """
    found = flow(quantized.to_bytes())
    counts = multiply_adds(quantized.float_model, quantized.probe)
    taken = times(quantized, found, runs=runs, heartbeat=heartbeat) if runs else None
    file = {node.name: node for node in found.file.node}
    rows: list[RuntimeRow] = []
    for name, item in quantized.plan.nodes.items():
        node = item.node
        running = found.covered.get(name)
        how = _how(found, node, running, there=name in file)
        rows.append(
            RuntimeRow(
                name,
                node.op_type,
                how,
                "" if running is None or how == "inside" else running.op_type,
                _why(found, item, running) if how == "float" else "",
                item.quantized,
                counts.of_node.get(name, 0),
                None if taken is None else taken.of_float.of_node.get(name),
                None if taken is None else taken.of_int8.of_node.get(name),
            )
        )
    return RuntimeTruth(quantized, tuple(rows), taken, found)


def _how(found: Flow, node: Node, running: onnx.NodeProto | None, *, there: bool) -> Runs:
    if running is None:
        return "ahead" if there else "inside"
    if found.on_integers(running):
        same = running.name == node.name or node.op_type in running.op_type
        return "integers" if same else "inside"
    if running.op_type in CONVERSIONS:
        return "inside"
    return "float"


def _why(found: Flow, item: NodePlan, running: onnx.NodeProto | None) -> str:
    """Why a node runs in float, as a sentence."""
    op_type = item.node.op_type
    if not item.quantized:
        return f"{item.why[0].upper()}{item.why[1:]}." if item.why else ""
    if op_type not in KERNELS:
        return f"ONNX Runtime's CPU provider has no integer kernel for {op_type}."
    if item.settings.activation_type.bits > 8:
        return "Its activations have 16 bits, for which there is no integer kernel."
    return "" if running is None else _unjoined(found, item.node, running)


def _unjoined(found: Flow, node: Node, running: onnx.NodeProto) -> str:
    """Why ONNX Runtime did not make one kernel of a node and the conversions around it."""
    # What is joined may read less, and in another order.
    data = [running.input[index] for index in node.data if index < len(running.input)]
    reads = [_codes_read(found, name) for name in data]
    gives = [_codes_given(found, name) for name in running.output]
    kinds = sorted({*reads, *gives})
    if not all(reads):
        return "One of its inputs is float as it runs, and its kernel takes integers only."
    if running.op_type != node.op_type and KERNELS[node.op_type] is Kernel.MULTIPLIES_TO_FLOAT:
        return (
            f"ONNX Runtime joined it with what stands behind into one {running.op_type}, and that "
            "runs in float: round what it gives, or put the bias into the node."
        )
    if not all(gives):
        return "Nothing rounds its output, and its kernel gives integers only."
    if len(kinds) > 1:
        return (
            f"Signed on one side and unsigned on the other ({', '.join(kinds)}), because ONNX "
            "Runtime rewrites only some int8 tensors: choose unsigned activations."
        )
    return "What stands around it is no pattern that ONNX Runtime joins."


def _codes_read(found: Flow, name: str) -> str:
    """The type of the codes that a tensor is made of, where it is made of any."""
    producer = found.producers.get(name)
    if producer is None or producer.op_type not in TO_REAL:
        return ""
    return found.type_name(producer.input[0])


def _codes_given(found: Flow, name: str) -> str:
    """The type of the codes that a tensor becomes, where all who read it want codes."""
    consumers = found.consumers.get(name, ())
    if not consumers or any(node.op_type not in TO_CODES for node in consumers):
        return ""
    return found.type_name(consumers[0].output[0])
