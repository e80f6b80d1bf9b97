"""What a recovery tried, in which order, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.recovery.target import Target
from quant.io.show import card, counted, one_line, table
from quant.pipeline import QuantizedModel
from quant.recipe.recipe import Recipe


@dataclass(frozen=True)
class Attempt:
    """One thing that was really applied and measured.

    Attributes:
        step: What kind of thing it is.
        what: What was done, in words.
        promised_db: Output sqnr that was expected, in dB; None where nothing was.
        delivered_db: Output sqnr that was measured, in dB.
        gain_db: What it gained over what was kept before, in dB.
        kept: Whether it was kept.
        why: Why it was kept or not.
    """

    step: str
    what: str
    promised_db: float | None
    delivered_db: float
    gain_db: float
    kept: bool
    why: str


@dataclass(frozen=True)
class Scored:
    """A way to trade accuracy for integers, scored on the samples that choose.

    Attributes:
        name: What it is, in words.
        sqnr_db: Output sqnr in dB.
        sqnr_low_db: Lower end of its 95 % interval.
        sqnr_high_db: Upper end.
        int8_share: Share of multiply-adds of 8-bit weight and data, as asked.
    """

    name: str
    sqnr_db: float
    sqnr_low_db: float
    sqnr_high_db: float
    int8_share: float


@dataclass(frozen=True)
class Point:
    """One way to trade accuracy for integers, measured on samples that chose nothing.

    Attributes:
        name: What it is, in words.
        chosen: Whether it is the one that is written.
        sqnr_db: Output sqnr in dB.
        sqnr_low_db: Lower end of its 95 % interval.
        sqnr_high_db: Upper end.
        agreement: Share of samples predicted as float does; None without rows of scores.
        agreement_low: Lower end of its 95 % interval.
        agreement_high: Upper end.
        loss: How much worse the metric is than float's; None without a metric.
        expected_db: Output sqnr on the samples that it was chosen by, in dB.
        int8_share: Share of multiply-adds of 8-bit weight and data, as asked.
        int8_share_real: Share of multiply-adds that ONNX Runtime's CPU provider runs on integers.
        latency: Time of an inference over float's, medians, one thread.
        size: Bytes of the file.
        float_nodes: Nodes that could be quantized and are not.
        crossings: Conversions between float and integers that are left when it runs.
    """

    name: str
    chosen: bool
    sqnr_db: float
    sqnr_low_db: float
    sqnr_high_db: float
    agreement: float | None
    agreement_low: float | None
    agreement_high: float | None
    loss: float | None
    expected_db: float
    int8_share: float
    int8_share_real: float
    latency: float
    size: int
    float_nodes: int
    crossings: int


@dataclass(frozen=True, eq=False)
class Recovery:
    """What was won back, and how.

    Attributes:
        quantized: The int8 model that was chosen.
        before: What it began with, judged like the others.
        target: What was asked.
        reached: Whether the chosen model reaches it on the judging samples.
        ended: Why the search ended, as a sentence.
        attempts: What was tried, in order.
        points: The ways to trade accuracy for integers that were judged, most integers first.
        recipes: Point's name -> its recipe.
        samples: Samples that were fitted to and chosen by, and samples that judged.
        floor_db: What the last digits of the inputs change, in dB: less is no difference.
        notes: What to know about the target and the data, as sentences.
        seconds: What the search took.
    """

    quantized: QuantizedModel
    before: Point
    target: Target
    reached: bool
    ended: str
    attempts: tuple[Attempt, ...]
    points: tuple[Point, ...]
    recipes: Mapping[str, Recipe]
    samples: tuple[int, int]
    floor_db: float
    notes: tuple[str, ...]
    seconds: float

    @property
    def point(self) -> Point:
        """The chosen one."""
        return next(point for point in self.points if point.chosen)

    def __repr__(self) -> str:
        """Model, result and effort, in one line."""
        name = one_line(self.quantized.float_model.name)
        return (
            f"<Recovery of {name}: {self.point.sqnr_db:.1f} dB with {self.point.int8_share:.1%} in "
            f"int8, target {self.target} {'reached' if self.reached else 'not reached'}, "
            f"{counted(len(self.attempts), 'attempt')}>"
        )

    def _repr_html_(self) -> str:
        """The points, for a notebook."""
        rows = [
            (p.name, f"{p.sqnr_db:.1f}", f"{p.int8_share:.1%}", f"{p.latency:.2f}")
            for p in self.points
        ]
        head = ("Way", "Output sqnr, dB", "In int8", "Latency over float")
        return card(repr(self), table(head, rows, len(rows)))
