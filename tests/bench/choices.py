"""Whose ranges keep the output closest to float: each calibrator and each tool's rule, everywhere.

``python -m tests.bench.choices [calibrator ...]`` prints, for every sample and the two third-party
models, the output sqnr_db (and top-1 where there are labels) when one rule's ranges are used for
all activations and everything else is equal: the same statistics, uint8 asymmetric activations,
int8 weights per channel, and the same evaluation samples. What is between the quantizations is
computed in float, as ONNX defines it, so that no kernel's arithmetic has a say.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import quant
from quant.calibrators import (
    Calibrator,
    calibrator_from_json,
    calibrator_named,
    own_calibrators,
)
from quant.error_model.context import NO_CONTEXT, TensorContext
from quant.runtime.session import InferenceSession
from quant.statistics.tensor_stats import TensorStats
from quant.tool_rules import TOOL_RULES
from quant.types import QType, QuantSpec
from tests.bench.parity import Closeness, Study, run, sqnr_db, study, top1
from tests.bench.subjects import detector, orientation, sample
from tests.bench.table import Table

CLOSE_DB = 0.1
"""Closer than this to the first counts as first."""

WIDENED = (1.0, 1.005, 1.01, 1.02, 1.03)
"""Factors of the observed range that hardly change any error that statistics can tell."""


@dataclass(frozen=True)
class Widened(Calibrator):
    """The observed range times a factor."""

    name: ClassVar[str] = "widened"
    label: ClassVar[str] = "Widened"
    summary: ClassVar[str] = "The observed range times a factor."
    factor: float = 1.0

    def range(
        self, stats: TensorStats, spec: QuantSpec, context: TensorContext = NO_CONTEXT
    ) -> tuple[float, float]:
        """The observed range times the factor."""
        del spec, context
        return stats.low * self.factor, stats.high * self.factor


@dataclass(frozen=True)
class Column:
    """What the rules give on one model.

    Attributes:
        subject: The model's name.
        float_top1: Of the float model, or None without labels.
        found: Rule -> closeness of its int8 model.
        widened_db: The output sqnr_db with the observed ranges times each of :data:`WIDENED`.
    """

    subject: str
    float_top1: float | None
    found: dict[str, Closeness]
    widened_db: tuple[float, ...]

    @property
    def first_db(self) -> float:
        """The greatest output sqnr_db."""
        return max(c.sqnr_db for c in self.found.values())


def rules() -> dict[str, Calibrator]:
    """Every calibrator of ours with its defaults, weighted MSE, and every tool's."""
    found = {name: calibrator_named(name) for name in own_calibrators()}
    found["mse, importance weighted"] = calibrator_from_json(
        {"name": "mse", "options": {"importance_weighted": True}}
    )
    return found | {name: calibrator_named(name) for name in TOOL_RULES}


def column(of: Study, calibrators: dict[str, Calibrator]) -> Column:
    """Use each calibrator for all activations of a model."""
    found: dict[str, Closeness] = {}
    for name, calibrator in calibrators.items():
        found[name] = closeness(of, calibrator)
        print(of.subject.name, name, found[name], file=sys.stderr, flush=True)
    widened = tuple(closeness(of, Widened(factor)).sqnr_db for factor in WIDENED)
    return Column(of.subject.name, top1(of.reference, of.evaluation.labels), found, widened)


def closeness(of: Study, calibrator: Calibrator) -> Closeness:
    """How the int8 model does. Where a tool fails on a tensor it gets the observed range."""
    settings = quant.Settings(activation_type=QType.UINT8, per_channel=True, calibrator=calibrator)
    made = quant.quantize(of.model, of.calibration, quant.Recipe("choices", settings))
    session = InferenceSession(made.to_bytes(), integer_kernels=False)
    found = run(session, of.evaluation, of.evaluated)
    return Closeness(sqnr_db(of.reference, found), top1(found, of.evaluation.labels))


def studies() -> list[Study]:
    """Every model, calibrated on all its samples: 512, 512, 256, 64 and 16 pages."""
    subjects = [
        *map(sample, ("fmnist_mobilenet", "fmnist_resnet", "spam_transformer")),
        orientation(64, 200),
        detector(16, 16, least_side=192),
    ]
    return [study(subject, samples=512, evaluated=500) for subject in subjects]


def table(columns: Sequence[Column]) -> Table:
    """One row a rule, two columns a model where it has labels; a star is the model's best."""
    rows = [
        (name, *(cell for column in columns for cell in cells(column, column.found[name])))
        for name in columns[0].found
    ]
    floats = ("float", *(cell for c in columns for cell in ["", *_share(c, c.float_top1)]))
    heading: list[str] = ["rule"]
    for found in columns:
        heading += [found.subject, *(["top-1"] if found.float_top1 is not None else [])]
    return Table(
        "Output sqnr_db and top-1 with one rule's ranges for all activations, all else equal "
        "(uint8 asymmetric activations, int8 weights per channel; * best of the model)",
        tuple(heading),
        (floats, *rows),
    )


def cells(of: Column, found: Closeness) -> list[str]:
    """A rule's sqnr_db on a model, and its top-1 where the model has labels."""
    mark = "*" if found.sqnr_db == of.first_db else " "
    return [f"{found.sqnr_db:.2f} dB{mark}", *_share(of, found.top1)]


def _share(of: Column, share: float | None) -> list[str]:
    if of.float_top1 is None:
        return []
    return ["" if share is None else f"{100 * share:.1f} %"]


def distances(columns: Sequence[Column], name: str = "best") -> list[str]:
    """How far a rule is from the first on each model, a line each."""
    lines: list[str] = []
    for of in columns:
        found = of.found.get(name)
        if found is None:
            continue
        behind = of.first_db - found.sqnr_db
        first = next(n for n, c in of.found.items() if c.sqnr_db == of.first_db)
        verdict = "within" if behind <= CLOSE_DB else "NOT within"
        lines.append(
            f"{of.subject}: {name} is {behind:.2f} dB behind the first ({first}), "
            f"{verdict} {CLOSE_DB} dB; observed ranges widened by 0 to "
            f"{100 * (WIDENED[-1] - 1):.0f} % give {min(of.widened_db):.2f} to "
            f"{max(of.widened_db):.2f} dB: so much is where values happen to fall between codes"
        )
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rules", nargs="*", help="only these; every rule where there is none")
    wanted = parser.parse_args().rules
    chosen = {name: c for name, c in rules().items() if not wanted or name in wanted}
    columns = [column(found, chosen) for found in studies()]
    print(table(columns))
    print(*distances(columns), sep="\n")


if __name__ == "__main__":
    main()
