"""One tensor that joins quantities of very different size, such as a detector's boxes and scores.

Under one scale the small ones share a few codes, and the error of the whole tensor does not show
it. Found from the channels that calibration saw, and proven by errors per slice where measured.
"""

from collections.abc import Iterable

import numpy as np

from analysis.errors.axis_slices import SliceErrors, concat_axes
from analysis.findings.base import Measurements, register
from analysis.findings.finding import Finding, Fix, severity_of
from analysis.findings.words import short
from quant.error_model.channels import channel_widths
from quant.error_model.sqnr import decibels
from quant.model.op_roles import Kind
from quant.types import QType

CODES = 8
"""Small quantities reach at most so many codes: three bits are left."""
RATIO = 16.0
"""The widest input over the narrowest: four of eight bits."""
SLICE_GAP_DB = 15.0
"""A part of a tensor this much worse than the whole is hidden by it."""
SLICE_DB = 20.0
"""A part with a tenth of its amplitude in error; better parts need no help."""


@register("joined_quantities")
def joined_quantities(measurements: Measurements) -> Iterable[Finding]:
    """Parts of a joined tensor, near an output, use few of its codes."""
    model, plan = measurements.quantized.float_model, measurements.quantized.plan
    for name in concat_axes(model):
        node = model.producers[name]
        if name not in plan.tensors or not plan.nodes[node.name].quantized:
            continue
        below = _below(measurements, node.name)
        if below is None:
            continue
        parts = {
            t: measurements.stats(t) for t in node.inputs if t in measurements.calibration.tensors
        }
        scale = float(measurements.quantized.params[name].scale)
        reach = {t: max(stats.abs_max, 1e-300) for t, stats in parts.items()}
        if len(reach) < 2 or measurements.planned(name).spec.qtype.bits > 8:
            continue
        small = min(reach, key=reach.__getitem__)
        codes, ratio = reach[small] / scale, max(reach.values()) / reach[small]
        measured, gap = _measured(measurements, name, small)
        if not (codes <= CODES and ratio >= RATIO) and gap < SLICE_GAP_DB:
            continue
        yield _finding(measurements, (node.name, name, small), (codes, ratio, gap), measured, below)


@register("uneven_output")
def uneven_output(measurements: Measurements) -> Iterable[Finding]:
    """Slices of an output differ so much in size that small ones drown, without a Concat."""
    joined = set(concat_axes(measurements.quantized.float_model))
    plan = measurements.quantized.plan
    for info in measurements.quantized.float_model.outputs:
        name = info.name
        if (
            name not in plan.tensors
            or name not in measurements.calibration.tensors
            or name in joined
        ):
            continue
        spec = measurements.planned(plan.tensors[name].group).spec
        widths = channel_widths(measurements.stats(name))
        live = widths[widths > 0]
        if live.size < 2 or spec.qtype.bits > 8:
            continue
        codes = float(live.min()) / float(measurements.quantized.params[name].scale)
        ratio = float(live.max() / live.min())
        if codes > CODES or ratio < RATIO:
            continue
        wide = QType.INT16 if spec.qtype.signed else QType.UINT16
        gain = _drowned_db(codes)
        found = (measurements.slices or {}).get(name)
        measured, gap = _worst_slice(found) if found is not None else ("", 0.0)
        yield Finding(
            kind="uneven_output",
            # A small slice may be one that hardly matters, unless its error was measured.
            severity=severity_of(gain) if gap >= SLICE_GAP_DB else "info",
            title=f"Slices of the output {short(name)} differ much in size",
            node=measurements.node_of(name),
            tensor=name,
            evidence=(
                f"The largest slice is {ratio:.0f}× as large as the smallest, which reaches "
                f"{codes:.1f} of {spec.qtype.levels} codes.{measured} The error of the whole "
                "output hides that."
            ),
            numbers={"range_ratio": ratio, "small_codes": codes},
            gain_db=gain,
            fix=Fix(
                "Give this output 16 bits",
                measurements.with_tensors([plan.tensors[name].group], activation_type=wide),
                costs=True,
            ),
        )


def _below(measurements: Measurements, node: str) -> tuple[str, ...] | None:
    """The quantized nodes from a node down to the outputs, itself included.

    None where a weight or a sum reads it: then its channels count by what those make of them.
    """
    model, plan = measurements.quantized.float_model, measurements.quantized.plan
    found = [node]
    for name in found:
        for output in plan.nodes[name].node.outputs:
            for consumer in model.consumers.get(output, ()):
                item = plan.nodes.get(consumer)
                if item is None or not item.quantized or consumer in found:
                    continue
                if item.node.kind is Kind.COMPUTE or len(found) > 16:
                    return None
                found.append(consumer)
    return tuple(found)


def _measured(measurements: Measurements, name: str, small: str) -> tuple[str, float]:
    """What errors per slice say of the small part, and how far it is below the whole, in dB."""
    found = (measurements.slices or {}).get(name)
    if found is None:
        return "", 0.0
    span = next(((start, end) for t, start, end in found.parts if t == small), None)
    if span is None:
        return _worst_slice(found)
    part, whole = found.part_db(*span), found.whole_db
    text = f" Measured: the whole tensor has {decibels(whole)}, that part {decibels(part)}."
    return text, whole - part if part <= SLICE_DB else 0.0


def _worst_slice(found: SliceErrors) -> tuple[str, float]:
    worst = int(np.argmin(np.where(found.signal > 0, found.sqnr_db, np.inf)))
    part, whole = float(found.sqnr_db[worst]), found.whole_db
    text = f" Measured: the whole tensor has {decibels(whole)}, slice {worst} {decibels(part)}."
    return text, whole - part if part <= SLICE_DB else 0.0


def _finding(
    measurements: Measurements,
    names: tuple[str, str, str],
    numbers: tuple[float, float, float],
    measured: str,
    below: tuple[str, ...],
) -> Finding:
    node, name, small = names
    codes, ratio, gap = numbers
    gain = max(gap, _drowned_db(codes))
    return Finding(
        kind="joined_quantities",
        severity=severity_of(gain),
        title=f"{short(node)} joins quantities of very different size",
        node=node,
        tensor=name,
        evidence=(
            f"{short(small)} reaches {codes:.1f} codes of the joined tensor, whose largest input "
            f"is {ratio:.0f}× as large.{measured} The error of the whole tensor hides that."
        ),
        numbers={"small_codes": codes, "range_ratio": ratio, "slice_gap_db": gap},
        gain_db=gain,
        fix=Fix(
            "Join in float, each input with its own scale",
            measurements.skipping(*below),
            costs=True,
        ),
    )


def _drowned_db(codes: float) -> float:
    """What small quantities win with a range of their own: the full 256 codes."""
    return float(20 * np.log10(256 / max(codes, 1.0)))
