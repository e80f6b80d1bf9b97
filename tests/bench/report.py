"""The measurements of one subject, as rows of the printed tables."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import quant
from tests.bench import peer
from tests.bench.full_table import THREADS, full_table
from tests.bench.measure import (
    NODES,
    Entropy,
    curves,
    edits,
    entropy,
    overhead,
)
from tests.bench.probe import OURS, Cost, cost
from tests.bench.searches import Search, searches
from tests.bench.subjects import Subject
from tests.bench.table import Table


@dataclass(frozen=True)
class Effort:
    """How much to measure.

    Attributes:
        timed: Samples of the comparison with plain inference.
        repeats: Turns of calibration and inference.
        samples: Samples for everything else, the peer included.
        many: Samples for the second reading of calibration's memory.
        searched: Tensors on which both threshold searches run.
        edited: Nodes whose settings are edited.
        tabled: Tensors of the full tool table.
        entropy_in_full: Whether ``quantize_static`` with Entropy runs to its end.
    """

    timed: int
    repeats: int
    samples: int
    many: int
    searched: int
    edited: int
    tabled: int
    entropy_in_full: bool


@dataclass(frozen=True)
class Goal:
    """A number with what it should be.

    Attributes:
        what: What was measured.
        subject: On which model.
        value: The number.
        target: The most it may be.
        shown: The number as text.
        note: What it is made of.
    """

    what: str
    subject: str
    value: float
    target: float
    shown: str
    note: str


@dataclass(frozen=True)
class Report:
    """All numbers of one subject.

    Attributes:
        goals: The numbers that have targets.
        searched: Rows of the searches of a threshold.
        peers: Rows of the comparison with ``quantize_static``.
    """

    goals: tuple[Goal, ...]
    searched: tuple[tuple[str, ...], ...]
    peers: tuple[tuple[str, ...], ...]


def measured(subject: Subject, effort: Effort) -> Report:
    """Measure a subject; everything of a row is read in this one run."""
    model = quant.load(subject.model_path)
    data = quant.open_data(subject.calibration_path, model)
    beside = overhead(model, data, effort.timed, effort.repeats)
    calibration = quant.calibrate(model, data, samples=effort.samples)
    values = sum(stats.count for stats in calibration.tensors.values()) / calibration.samples
    drawn = curves(model, calibration)
    search = entropy(model, data, calibration, effort.samples, effort.searched)
    edit = edits(quant.load(subject.model_path), calibration, effort.edited)
    table = full_table(model, calibration, effort.tabled)
    timed = searches(model, calibration, effort.searched, effort.repeats)
    few, many = (
        cost(OURS, subject.model_path, subject.calibration_path, count, beside.batch)
        for count in (effort.samples, effort.many)
    )
    goals = (
        Goal(
            "calibration / plain inference",
            subject.name,
            beside.ratio,
            2.0,
            f"{beside.ratio:.2f}",
            f"{beside.calibration_s:.2f} s / {beside.inference_s:.2f} s, {effort.timed} samples, "
            f"batches of {beside.batch}; {values / 1e6:.1f} M values a sample",
        ),
        Goal(
            f"peak memory, {effort.many} / {effort.samples} samples",
            subject.name,
            many.peak_mb / few.peak_mb,
            1.05,
            f"{many.peak_mb / few.peak_mb:.3f}",
            f"{many.peak_mb:.0f} MB / {few.peak_mb:.0f} MB; net of imports {many.net_mb:.0f} MB / "
            f"{few.net_mb:.0f} MB",
        ),
        Goal(
            "four divergence curves of a tensor",
            subject.name,
            drawn.median_ms,
            15.0,
            f"{drawn.median_ms:.1f} ms",
            f"median of {drawn.tensors} tensors on one core; worst {drawn.worst_ms:.1f} ms",
        ),
        Goal(
            "our KL / its entropy at 2048 bins",
            subject.name,
            search.ratio,
            0.01,
            f"1/{1 / search.ratio:.0f}",
            f"{1e3 * search.ours_s:.2f} ms / {1e3 * search.theirs_s:.0f} ms a tensor, on "
            f"{search.compared}; ours on all {drawn.tensors}: {search.all_ours_s:.2f} s",
        ),
        Goal(
            f"recipe edit -> int8 model, {NODES} nodes",
            subject.name,
            edit.scaled_s,
            0.5,
            f"{edit.scaled_s:.3f} s",
            f"{1e3 * edit.median_s:.0f} ms at {edit.nodes} nodes, worst "
            f"{1e3 * edit.worst_s:.0f} ms; the first time {1e3 * edit.first_s:.0f} ms",
        ),
        Goal(
            f"full tool table, {table.tensors} tensors",
            subject.name,
            table.seconds,
            5.0,
            f"{table.seconds:.1f} s",
            f"{table.rows} rows a tensor on {THREADS} threads; processor time "
            f"{table.processor_s:.1f} s",
        ),
    )
    peers = _peers(subject, effort, beside.batch, few, search)
    return Report(goals, tuple(_searched(subject, timed)), tuple(peers))


def _searched(subject: Subject, timed: tuple[Search, ...]) -> list[tuple[str, ...]]:
    """Each search with its time over that of our KL."""
    (unit,) = (found.median_ms for found in timed if found.name == "ours: kl")
    rows: list[tuple[str, ...]] = []
    for found in timed:
        if found.note:
            rows.append((subject.name, found.name, "", "", "", "", found.note))
            continue
        rows.append(
            (
                subject.name,
                found.name,
                f"{found.candidates:,}" if found.candidates else "",
                f"{found.median_ms:.2f} ms",
                f"{found.worst_ms:.2f} ms",
                f"{found.median_ms / unit:.2f}",
                "" if found.off is None else f"{found.off:.1e}",
            )
        )
    return rows


def _peers(
    subject: Subject, effort: Effort, batch: int, ours: Cost, search: Entropy
) -> list[tuple[str, ...]]:
    """What each tool takes from a float model to an int8 one, on the same samples."""
    rows = [(OURS, f"{ours.seconds:.2f} s", "1.0", f"{ours.peak_mb:.0f} MB", "1.0")]
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        peer.preprocess(subject.model_path, prepared)
        methods = [m for m in peer.METHODS if m != "Entropy" or effort.entropy_in_full]
        found = {
            method: cost(method, prepared, subject.calibration_path, effort.samples, batch)
            for method in methods
        }
        rows += [_row(method, took, ours) for method, took in found.items()]
        if not effort.entropy_in_full:
            # Both methods collect the same histograms; only the search of thresholds is added.
            collecting = found["Percentile"]
            seconds = collecting.seconds + peer.tensor_count(prepared) * search.theirs_s
            rows.append(_row("Entropy", replace(collecting, seconds=seconds), ours, "~"))
    return [(subject.name, *row) for row in rows]


def _row(method: str, took: Cost, ours: Cost, about: str = "") -> tuple[str, ...]:
    return (
        f"quantize_static, {method}",
        f"{about}{took.seconds:.2f} s",
        f"{about}{took.seconds / ours.seconds:.1f}",
        f"{about}{took.peak_mb:.0f} MB",
        f"{about}{took.net_mb / ours.net_mb:.1f}",
    )


def tables(reports: list[Report]) -> tuple[Table, ...]:
    """The numbers with their targets, the searches, the comparison with ``quantize_static``."""
    goals = [goal for group in zip(*(r.goals for r in reports), strict=True) for goal in group]
    return (
        Table(
            "QuantLens",
            ("measured", "model", "value", "target", "reached", "made of"),
            tuple(
                (
                    goal.what,
                    goal.subject,
                    goal.shown,
                    f"<= {goal.target:g}",
                    "yes" if goal.value <= goal.target else "NO",
                    goal.note,
                )
                for goal in goals
            ),
            left=(0, 1, 5),
        ),
        Table(
            "Search of one tensor's threshold on the same statistics, processor time on one core; "
            "other tools by their real code (off: largest relative difference from our rule of "
            "that name)",
            ("model", "search", "candidates", "median", "worst", "x our KL", "off"),
            tuple(row for report in reports for row in report.searched),
            left=(0, 1),
        ),
        Table(
            "From a float model and data to an int8 model (histograms of 2048 bins; ~ estimated)",
            ("model", "tool", "time", "x ours", "peak memory", "x ours, net of imports"),
            tuple(row for report in reports for row in report.peers),
            left=(0, 1),
        ),
    )
