"""What every calibrator of ours and every rule of every tool would choose for one tensor."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analysis.clipping import LocalError, local_error
from quant.calibrators import Tool, calibrator_named, chosen_range, own_calibrators
from quant.calibrators.base import shared_candidates
from quant.calibrators.tool import Found
from quant.divergence import Candidates
from quant.numerics import params_from_range
from quant.stats import TensorStats
from quant.tools import CHOICES, TOOLS
from quant.types import QuantSpec

OURS = "QuantLens"
"""The tool of our own rows."""


@dataclass(frozen=True)
class ChoiceRow:
    """One rule's choice for a tensor, and what it does to it.

    Attributes:
        name: ``"kl"`` (ours) or ``"paddle.kl"``; ``calibrator_named`` makes a calibrator of it.
        tool: ``"QuantLens"``, ``"ONNX Runtime"``, ...
        label: What a person reads for the rule.
        summary: What it does, known faults included, in sentences.
        rmin: Lower end in real units, cut to the observed range; None where there is no choice.
        rmax: Upper end.
        local: The predicted local error of that range; None where there is no choice.
        kl: KL(P||Q) in nats of the threshold nearest to the larger end, by our definition and on
            the same grid for every row; None where it is undefined.
        js: The Jensen-Shannon divergence likewise.
        why: Why there is no choice, as a sentence; else empty. The calibrator of that name then
            takes the observed range.
    """

    name: str
    tool: str
    label: str
    summary: str
    rmin: float | None
    rmax: float | None
    local: LocalError | None
    kl: float | None
    js: float | None
    why: str


def choice_rows(stats: TensorStats, spec: QuantSpec) -> tuple[ChoiceRow, ...]:
    """Every choice for a tensor: ours first, then tool by tool.

    Any thread may ask; most of the work is done without holding up others.

    Args:
        stats: What calibration saw of the tensor.
        spec: The type and symmetry of its codes, per tensor.
    """
    candidates = shared_candidates(stats, spec)
    chosen = list(_ranges(candidates))
    ends = [found for _, found in chosen if not found.why]
    # Several rules often choose the same range.
    errors = {
        pair: local_error(stats, params_from_range(*pair, spec))
        for pair in dict.fromkeys((found.rmin, found.rmax) for found in ends)
    }
    kl, _, js = candidates.near([max(-found.rmin, found.rmax) for found in ends])
    divergences = zip(kl.tolist(), js.tolist(), strict=True)
    rows: list[ChoiceRow] = []
    for rule, found in chosen:
        if found.why:
            rows.append(ChoiceRow(*rule, None, None, None, None, None, found.why))
            continue
        kl_there, js_there = map(_defined, next(divergences))
        local = errors[found.rmin, found.rmax]
        rows.append(ChoiceRow(*rule, found.rmin, found.rmax, local, kl_there, js_there, ""))
    return tuple(rows)


def _defined(divergence: float) -> float | None:
    return divergence if math.isfinite(divergence) else None


_Rule = tuple[str, str, str, str]
"""Name, tool, label and summary of a row."""


def _ranges(candidates: Candidates) -> Iterator[tuple[_Rule, Found]]:
    """What each rule chooses."""
    stats, spec = candidates.stats, candidates.spec
    if spec.symmetric or stats.low == 0 or stats.high == 0:
        _ = candidates.js  # it computes what KL needs, so it goes first
    for name in own_calibrators():
        own = calibrator_named(name)
        yield (name, OURS, own.label, own.summary), Found(*chosen_range(own, stats, spec))
    for key, title in TOOLS.items():
        for name, choice in CHOICES.items():
            if choice.tool == key:
                rule = name, title, choice.label, choice.summary
                yield rule, Tool(choice=name).find(stats)


def disagreement_db(rows: Sequence[ChoiceRow]) -> float:
    """How far apart the choices are: the best predicted local sqnr_db less the worst, in dB.

    0 for fewer than two choices; a choice without error counts as the best that has one. A choice
    that keeps nothing of the signal counts as 0 dB, for worse would only say the same.
    """
    found = [row.local.sqnr_db for row in rows if row.local is not None]
    finite = [value for value in found if math.isfinite(value)]
    if not finite:
        return 0.0
    return max(finite) - max(min(finite), 0.0) if max(finite) > 0 else 0.0
