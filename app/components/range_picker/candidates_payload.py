"""What every tool would choose for a tensor, as the range picker marks and lists it."""

import json
import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Literal

Scope = Literal["tensor", "op_type", "model"]
"""What a choice is taken for."""


@dataclass(frozen=True)
class Row:
    """One rule of one tool.

    Attributes:
        name: What a commit calls it.
        tool: The tool, which decides the style of its mark.
        label: What a person reads.
        summary: What it does, known faults included, in sentences.
        rmin: Lower end of its range in real units; None where it has no choice.
        rmax: Upper end.
        clip_rate: Share of the values outside what the codes can represent, 0 to 1.
        sqnr_db: Predicted local signal to error ratio in dB.
        weighted_sqnr_db: The same behind the tensor's consumers; None where
            undefined. kl: Divergence in nats at that range. js: Jensen-Shannon divergence in nats
            at that range. why: Why it has no choice, or empty.
    """

    name: str
    tool: str
    label: str
    summary: str = ""
    rmin: float | None = None
    rmax: float | None = None
    clip_rate: float | None = None
    sqnr_db: float | None = None
    weighted_sqnr_db: float | None = None
    kl: float | None = None
    js: float | None = None
    why: str = ""


@dataclass(frozen=True)
class Table:
    """The rows for one tensor.

    Attributes:
        tensor: The name of the tensor.
        rows: One a rule; None while they are being computed.
        consumer_ops: The consumers of the tensor, as words that go on after "behind".
    """

    tensor: str
    rows: tuple[Row, ...] | None = None
    consumer_ops: str = "the next layer"

    @cached_property
    def text(self) -> str:
        """This table as JSON; numbers that JSON cannot hold are words that JavaScript reads."""
        rows = None if self.rows is None else [_strict(asdict(row)) for row in self.rows]
        return json.dumps(
            {"tensor": self.tensor, "rows": rows, "readBy": self.consumer_ops}, allow_nan=False
        )


@dataclass(frozen=True)
class Target:
    """What a row can be taken for.

    Attributes:
        scope: What a commit calls it.
        word: What its button says.
        title: What it does, in words that go on after "Use this choice".
    """

    scope: Scope
    word: str
    title: str


TENSOR_ONLY = (Target("tensor", "tensor", "for this tensor"),)
"""The target of a picker that knows of nothing but its tensor."""


def _strict(row: dict[str, object]) -> dict[str, object]:
    """The row without NaN and infinities."""
    return {name: _number(x) if isinstance(x, float) else x for name, x in row.items()}


def _number(x: float) -> float | str | None:
    if math.isnan(x):
        return None
    return x if math.isfinite(x) else ("Infinity" if x > 0 else "-Infinity")
