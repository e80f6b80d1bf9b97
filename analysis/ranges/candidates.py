"""What every calibrator of ours and every rule of every tool would choose for one tensor."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from quant.calibrators import Tool, calibrator_named, chosen_range, own_calibrators
from quant.calibrators.base import shared_candidates
from quant.calibrators.search.divergence import Candidates
from quant.calibrators.tool_rule import Found
from quant.error_model.context import NO_CONTEXT, TensorContext
from quant.error_model.local_error import LocalError, local_error
from quant.error_model.weighted_sqnr import weighted_sqnrs_db
from quant.numerics import params_from_range
from quant.pipeline import QuantizedModel
from quant.statistics.tensor_stats import TensorStats
from quant.tool_rules import TOOL_RULES, TOOLS
from quant.types import QuantParams, QuantSpec

OURS = "QuantLens"
"""The tool of our own rows."""


@dataclass(frozen=True)
class RangeCandidate:
    """One rule's choice for a tensor, and what it does to it.

    Attributes:
        name: ``"kl"`` (ours) or ``"paddle.kl"``; ``calibrator_named`` makes a calibrator of it.
        tool: ``"QuantLens"``, ``"ONNX Runtime"``, ...
        label: What a person reads for the rule.
        summary: What it does, known faults included, in sentences.
        rmin: Lower end in real units, cut to the observed range; None where there is no choice.
        rmax: Upper end.
        local: The predicted local error of that range; None where there is no choice.
        weighted_sqnr_db: The predicted sqnr of that range behind the tensor's consumers,
            in dB (see :mod:`quant.error_model.weighted_sqnr`); None where it is undefined.
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
    weighted_sqnr_db: float | None
    kl: float | None
    js: float | None
    why: str

    @property
    def rated_db(self) -> float | None:
        """What choices are compared by, in dB: weighted sqnr, or where undefined the local one."""
        return None if self.local is None else _rated_db(self.local, self.weighted_sqnr_db)


def range_candidates(quantized: QuantizedModel, tensor: str) -> tuple[RangeCandidate, ...]:
    """Every choice for a quantized tensor of a model: ours first, then tool by tool.

    Args:
        quantized: The int8 model; the tensor's codes are those it has there.
        tensor: Name of a tensor that its plan quantizes.

    Raises:
        DataError: If the tensor is not quantized.
    """
    quantized.range_of(tensor)  # refuses what is not quantized
    spec = quantized.plan.tensors[tensor].spec
    return candidates_from_stats(
        quantized.calibration.tensors[tensor], spec, quantized.contexts[tensor]
    )


def candidates_from_stats(
    stats: TensorStats, spec: QuantSpec, context: TensorContext = NO_CONTEXT
) -> tuple[RangeCandidate, ...]:
    """Every choice for statistics: ours first, then tool by tool.

    Any thread may ask; most of the work is done without holding up others.

    Args:
        stats: What calibration saw of the tensor.
        spec: The type and symmetry of its codes, per tensor.
        context: Its consumers and the noise gain of its channels; without knowledge for an array
            outside a model.
    """
    candidates = shared_candidates(stats, spec)
    chosen = list(_ranges(candidates, context))
    ends = [found for _, found in chosen if not found.why]
    # Several rules often choose the same range.
    pairs = list(dict.fromkeys((found.rmin, found.rmax) for found in ends))
    params = [params_from_range(*pair, spec) for pair in pairs]
    errors = [local_error(stats, found) for found in params]
    weighted = weighted_sqnrs_db(stats, context, params, errors)
    predicted = dict(zip(pairs, zip(errors, weighted, strict=True), strict=True))
    kl, _, js = candidates.near([max(-found.rmin, found.rmax) for found in ends])
    divergences = zip(kl.tolist(), js.tolist(), strict=True)
    rows: list[RangeCandidate] = []
    for rule, found in chosen:
        if found.why:
            rows.append(RangeCandidate(*rule, None, None, None, None, None, None, found.why))
            continue
        kl_there, js_there = map(_defined, next(divergences))
        errors_there = predicted[found.rmin, found.rmax]
        rows.append(
            RangeCandidate(*rule, found.rmin, found.rmax, *errors_there, kl_there, js_there, "")
        )
    return tuple(rows)


def _defined(divergence: float) -> float | None:
    return divergence if math.isfinite(divergence) else None


_Rule = tuple[str, str, str, str]
"""Name, tool, label and summary of a row."""


def _ranges(candidates: Candidates, context: TensorContext) -> Iterator[tuple[_Rule, Found]]:
    """What each rule chooses."""
    stats, spec = candidates.stats, candidates.spec
    if spec.symmetric or stats.low == 0 or stats.high == 0:
        _ = candidates.js  # it computes what KL needs, so it goes first
    for name in own_calibrators():
        own = calibrator_named(name)
        found = Found(*chosen_range(own, stats, spec, context))
        yield (name, OURS, own.label, own.summary), found
    for key in dict.fromkeys([*TOOLS, *(rule.tool for rule in TOOL_RULES.values())]):
        for name, choice in TOOL_RULES.items():
            if choice.tool == key:
                rule = name, TOOLS.get(key, key), choice.label, choice.summary
                yield rule, Tool(choice=name).find(stats)


def rated_db(stats: TensorStats, params: QuantParams, context: TensorContext = NO_CONTEXT) -> float:
    """What :attr:`RangeCandidate.rated_db` is for a range that no rule chose, in dB."""
    local = local_error(stats, params)
    return _rated_db(local, weighted_sqnrs_db(stats, context, [params], [local])[0])


def _rated_db(local: LocalError, weighted_sqnr_db: float | None) -> float:
    return local.sqnr_db if weighted_sqnr_db is None else weighted_sqnr_db


def median_db(rows: Sequence[RangeCandidate]) -> float | None:
    """The median of what the choices are compared by, in dB; None without a finite one.

    A choice without error counts as the best that has one.
    """
    found = [row.rated_db for row in rows if row.rated_db is not None]
    finite = [value for value in found if math.isfinite(value)]
    if not finite:
        return None
    return median(min(value, max(finite)) for value in found)


def range_disagreement_db(rows: Sequence[RangeCandidate]) -> float:
    """What the right choice is worth: the best weighted sqnr less the median, in dB.

    The median, because a rule or two that clip nearly everything say little of a tensor. 0 for
    fewer than two choices; a choice without error counts as the best that has one.
    """
    middle = median_db(rows)
    if middle is None:
        return 0.0
    found = [row.rated_db for row in rows if row.rated_db is not None]
    return max(value for value in found if math.isfinite(value)) - middle
