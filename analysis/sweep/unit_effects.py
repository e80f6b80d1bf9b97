"""What each unit of a quantized model does to the model's outputs.

*Sensitivity*: only this unit is quantized, everything else is float. *Benefit*: everything is
quantized but this unit. Both are errors at the model's outputs against the float model. Brute
force runs the recipes of :mod:`quant.ablation` whole; here only what differs is run, see
:mod:`analysis.sweep.runner`.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypedDict, Unpack

import onnx_ir as ir

from analysis.errors.output_scores import OutputScores
from analysis.metrics import Metric
from analysis.sweep.runner import sweep
from analysis.sweep.subject import Subject
from quant.ablation import only_unit, units, without_unit
from quant.data.dataset import Dataset
from quant.data.opening import match_inputs
from quant.errors import DataError
from quant.execution.progress import OnProgress
from quant.model.opset import raise_opset
from quant.pipeline import QuantizedModel, quantize
from quant.runtime.session import Level
from quant.statistics.calibration import Calibration

BUDGET_BYTES = 1 << 30
"""Memory for tensors and sessions, unless the caller says otherwise."""


@dataclass(frozen=True)
class UnitEffect:
    """What a unit does to the outputs.

    Attributes:
        unit: The unit's name.
        nodes: Its nodes.
        scores: The variant's outputs against the float model's.
    """

    unit: str
    nodes: tuple[str, ...]
    scores: OutputScores

    @property
    def sqnr_db(self) -> float:
        """The least over the outputs in dB."""
        return self.scores.sqnr_db


OnEffect = Callable[[UnitEffect], None]
"""Called with each unit's effect once it is final."""

Kind = Literal["sensitivity", "benefit"]
KINDS: Final[tuple[Kind, ...]] = ("sensitivity", "benefit")

_NOTHING: Mapping[str, UnitEffect] = MappingProxyType({})


class SweepOptions(TypedDict, total=False):
    """What both sweeps may be told; see :func:`unit_effects`."""

    samples: int | None
    metric: Metric | None
    budget_bytes: int
    known: Mapping[str, UnitEffect]
    on_effect: OnEffect | None
    progress: OnProgress | None
    level: Level


def sensitivity(
    quantized: QuantizedModel,
    calibration: Calibration,
    data: Dataset,
    **options: Unpack[SweepOptions],
) -> dict[str, UnitEffect]:
    """Measure the outputs with only one unit quantized, for every unit.

    Args:
        quantized: The int8 model whose units are meant.
        calibration: The statistics that it was made with.
        data: What to feed.
        options: As for :func:`unit_effects`, which says what is returned and raised.
    """
    return unit_effects("sensitivity", quantized, calibration, data, **options)


def benefit(
    quantized: QuantizedModel,
    calibration: Calibration,
    data: Dataset,
    **options: Unpack[SweepOptions],
) -> dict[str, UnitEffect]:
    """Measure the outputs with everything quantized but one unit, for every unit.

    The benefit is what these scores gain over those of the whole int8 model.

    Args:
        quantized: The int8 model whose units are meant.
        calibration: The statistics that it was made with.
        data: What to feed.
        options: As for :func:`unit_effects`, which says what is returned and raised.
    """
    return unit_effects("benefit", quantized, calibration, data, **options)


def unit_effects(
    kind: Kind,
    quantized: QuantizedModel,
    calibration: Calibration,
    data: Dataset,
    *,
    samples: int | None = None,
    metric: Metric | None = None,
    budget_bytes: int = BUDGET_BYTES,
    known: Mapping[str, UnitEffect] = _NOTHING,
    on_effect: OnEffect | None = None,
    progress: OnProgress | None = None,
    level: Level = "all",
) -> dict[str, UnitEffect]:
    """Measure what each unit does to the outputs.

    Args:
        kind: With only the unit quantized, or with everything quantized but it.
        quantized: The int8 model whose units are meant.
        calibration: The statistics that it was made with.
        data: What to feed.
        samples: Use the first so many samples; None for all.
        metric: The user's metric, or None.
        budget_bytes: Memory for kept tensors and sessions, roughly.
        known: Effects from an earlier call with the same arguments; they are not measured again.
        on_effect: Called with each new effect as soon as it is final.
        progress: Called with the samples of units done, after every unit and at least every
            quarter of a second; it may raise :class:`quant.errors.Cancelled` to stop within a
            second.
        level: How far ONNX Runtime may optimize. Kernels that depend on what surrounds a node
            differ in the last digit, which tips a rounding over now and then; at "basic" the
            numbers are exactly those of the variant run whole.

    Returns:
        The effect of every unit by its name, in topological order.

    Raises:
        DataError: If the data does not fit the model.
        ModelError: If ONNX Runtime cannot run it.
        Cancelled: If ``progress`` raised it.
    """
    ablate = only_unit if kind == "sensitivity" else without_unit
    subject = Subject(
        base=float_base(quantized) if kind == "sensitivity" else quantized.graph,
        variant=lambda unit: (
            quantize(quantized.float_model, calibration, ablate(quantized.recipe, unit)).graph
        ),
        float_model=quantized.float_model.to_bytes(),
        float_base=kind == "sensitivity",
        level=level,
    )
    total = len(data) if samples is None else min(samples, len(data))
    if total < 1:
        raise DataError(f"a sweep needs at least 1 sample, found {total} asked for")
    every = units(quantized)
    found = dict(known)
    run = sweep(
        subject,
        every,
        match_inputs(data, quantized.float_model.inputs),
        total=total,
        metric=metric,
        budget_bytes=budget_bytes,
        skip=tuple(known),
        progress=progress,
    )
    with closing(run) as results:
        for unit, scores in results:
            effect = found[unit.name] = UnitEffect(unit.name, unit.nodes, scores)
            if on_effect is not None:
                on_effect(effect)
    return {unit.name: found[unit.name] for unit in every}


def float_base(quantized: QuantizedModel) -> ir.Model:
    """The float graph of an int8 model, in the opset that quantized parts of it need."""
    model = quantized.float_model
    needed = quantized.plan.min_opset
    if needed <= model.graph.opset_imports.get("", 0):
        return model.graph
    raised = model.graph.clone()
    raise_opset(raised, needed, model.name)
    return raised
