"""What a quantization tool's choice is, and how it is found by name.

A rule is split in two. The *arithmetic* goes from the tool's own statistics (its histogram on its
own grid, or whatever else it keeps) to its choice, exactly as the tool does, known faults included.
The statistics come either from the batches themselves, as the tool gathers them, or from the
streamed statistics of a calibration, as closely as those allow.
"""

import enum
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from quant.cost_curve import CostCurve
from quant.errors import QuantError
from quant.registry import Registry
from quant.statistics.tensor_stats import TensorStats

Batches = Sequence[NDArray[np.float32]]
"""The batches of one tensor in their order: axis 0 of each holds its samples."""

Range = tuple[float, float]
"""The least and the greatest of some values, or the ends of a range."""

G = TypeVar("G")


TOOLS = {
    "onnxruntime": "ONNX Runtime",
    "modelopt": "TensorRT",
    "paddle": "Paddle",
    "ppq": "PPQ",
    "mindspore": "MindSpore Lite",
    "aimet": "AIMET",
}
"""What a person reads for a tool's key."""


class RuleFails(QuantError):
    """The tool itself fails on these batches; the message says on what."""


class ResultForm(enum.Enum):
    """In what terms a tool states its choice, in real units."""

    RANGE = "[rmin, rmax]"
    THRESHOLD = "threshold"
    AMAX = "amax"
    SCALE_OFFSET = "[scale, offset]"


@dataclass(frozen=True)
class RuleResult:
    """What a tool chose.

    Attributes:
        form: What the values are.
        values: One number (threshold, amax) or two (rmin and rmax, or scale and offset).
        codes: The least and the greatest code of the type the tool chose for.
    """

    form: ResultForm
    values: tuple[float, ...]
    codes: tuple[int, int] = (-127, 127)

    def to_json(self) -> float | list[float]:
        """The number, or the list of two."""
        return self.values[0] if len(self.values) == 1 else list(self.values)

    def range(self) -> tuple[float, float]:
        """The ends of the range in real units: the choice itself, widened by nothing."""
        if self.form is ResultForm.RANGE:
            return self.values[0], self.values[1]
        if self.form is ResultForm.SCALE_OFFSET:
            scale, offset = self.values
            return (self.codes[0] - offset) * scale, (self.codes[1] - offset) * scale
        return -self.values[0], self.values[0]


class ToolRule(Generic[G]):
    """One rule of one tool.

    Attributes:
        tool: The tool's key, for instance ``"onnxruntime"``.
        key: The rule's key within the tool, for instance ``"entropy_2048"``.
        label: What a person reads.
        summary: What the rule does, with its source and its known faults, in sentences.
    """

    tool: ClassVar[str]
    key: ClassVar[str]
    label: ClassVar[str]
    summary: ClassVar[str]

    @property
    def name(self) -> str:
        """Tool and rule, as ``"onnxruntime.entropy_2048"``."""
        return f"{self.tool}.{self.key}"

    def from_batches(self, batches: Batches) -> G:
        """The tool's own statistics of the batches."""
        raise NotImplementedError

    def from_stats(self, stats: TensorStats) -> G:
        """The same from streamed statistics; a batch of the tool is one sample of ours."""
        raise NotImplementedError

    def pick(self, gathered: G) -> RuleResult:
        """The arithmetic: the tool's statistics in, its choice out."""
        raise NotImplementedError

    def curve(self, gathered: G) -> CostCurve | None:
        """The tool's own objective over its candidates, in the order it tries them.

        Thresholds are the numbers that tell candidates apart (a threshold, or a scale). None for a
        rule that minimises nothing.
        """
        del gathered
        return None

    def cost(self, gathered: G, pick: RuleResult) -> float | None:
        """The tool's own objective for a pick, at the nearest candidate that is not infinite.

        None for a rule that minimises nothing.
        """
        curve = self.curve(gathered)
        if curve is None:
            return None
        apart = np.abs(curve.thresholds - pick.values[-1])
        apart[np.isinf(curve.cost)] = np.inf
        return float(curve.cost[int(np.argmin(apart))])

    def exact(self, batches: Batches) -> RuleResult:
        """What the tool chooses for these batches.

        Args:
            batches: float32, at least one, each with at least one value and one axis, all finite.

        Raises:
            RuleFails: The tool fails on these batches.
        """
        with _float_trouble_is_no_pick():
            return self.pick(self.from_batches(batches))

    def streamed(self, stats: TensorStats) -> RuleResult:
        """What the tool would choose, from streamed statistics.

        Args:
            stats: Statistics of the tensor.

        Raises:
            RuleFails: The tool fails on such batches.
        """
        with _float_trouble_is_no_pick():
            return self.pick(self.from_stats(stats))


@contextmanager
def _float_trouble_is_no_pick() -> Generator[None]:
    """What follows an overflow (a mask of the least float32) or a division by 0 is no choice."""
    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            yield
    except FloatingPointError as error:
        if "overflow" in str(error):
            told = "The values are so large that the tool's arithmetic overflows."
        else:
            told = "The values are so near a limit of float32 that the tool's arithmetic fails."
        raise RuleFails(told) from None


TOOL_RULES: Registry[ToolRule[Any]] = Registry("tool rule", "tool_rules")
"""Every rule of every tool, by ``tool.key``, in the order of registration."""

_C = TypeVar("_C", bound=ToolRule[Any])


def register(cls: type[_C]) -> type[_C]:
    """Class decorator: make a rule known by its name.

    Raises:
        ValueError: Another rule has that name.
    """
    rule = cls()
    TOOL_RULES.add(rule.name, rule)
    return cls
