"""Round each weight with regard to the others: what one is rounded up, correlated ones give back.

Rounding to the nearest integer is best for a weight alone. But inputs of a sum are correlated, so
the error of one weight can be made good for by those that are rounded after it. Weights are rounded
one input channel after the other, those of the strongest inputs first; after each, the weights left
are moved to where the error of the sum is least, which the inverse of the inputs' Gram matrix says.

Source: E. Frantar, S. Ashkboos, T. Hoefler, D. Alistarh, "GPTQ: Accurate Post-Training Quantization
for Generative Pre-trained Transformers" (2023), with scales per output channel that stay as they
are; for Conv as E. Frantar, S. P. Singh, D. Alistarh, "Optimal Brain Compression" (2022) do it.

- How much the matrix is damped, and whether a weight stays as it was, is chosen by the error on
  examples that were not fitted to.
- Weights whose input is in parts or whose channels are divided by factors are rounded anew for
  that, and stay; so do those that several nodes share.
- It belongs before ``bias_correction``, and takes seconds, once for each calibration.
"""

import weakref
from collections import Counter
from dataclasses import replace
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from quant.model.attributes import int_attribute
from quant.model.model import Model, Node
from quant.numerics import dequantize_linear
from quant.params.constants import QuantizedConstant
from quant.params.equalized import keeps_codes
from quant.repairs.draft import Draft, register
from quant.repairs.input_products import InputProducts, input_products, sums_of
from quant.statistics.calibration import Calibration
from quant.types import QuantSpec

Real = NDArray[np.float64]

DAMPINGS: Final = (0.01, 0.1)
"""What is added to the matrix's diagonal, over the mean of that."""

_TOGETHER: Final = 64
"""Columns after which the weights left are moved, all at once."""

Key = tuple[str, QuantSpec, bytes]
"""A node, how its weight is stored, and its scales."""

_known: "weakref.WeakKeyDictionary[Calibration, dict[Key, QuantizedConstant]]" = (
    weakref.WeakKeyDictionary()
)
"""The weights that were rounded by the examples of a calibration."""


@register("gptq", slow=True)
def gptq(draft: Draft) -> Draft:
    """Round weights with regard to one another.

    Args:
        draft: What was decided so far.

    Returns:
        The draft with other codes; a note where calibration kept too few examples.
    """
    factors, users = draft.weight_factors, Counter(item.name for item in draft.constants)
    items = {
        item.node: item
        for item in draft.constants
        if users[item.name] == 1
        and _is_a_whole_weight(draft, item)
        and (item.node not in factors or keeps_codes(item, item.codes.ndim, factors[item.node]))
    }
    if len(draft.calibration.examples) < 2:
        note = "gptq: fewer than 2 samples were kept to round weights by; they stay as they are."
        return replace(draft, notes=(*draft.notes, note)) if items else draft
    known = _known.setdefault(draft.calibration, {})
    keys = {
        name: (name, item.params.spec, item.params.scale.tobytes()) for name, item in items.items()
    }
    missing = [draft.plan.nodes[name].node for name in items if keys[name] not in known]
    products = input_products(draft.model, draft.calibration, missing)
    for node in missing:
        item = items[node.name]
        found = products.get(node.name)
        made = item if found is None else _rounded(draft.model, node, item, found)
        known[keys[node.name]] = made
    changed = {name: known[keys[name]] for name in items}
    constants = (
        changed.get(item.node, item) if items.get(item.node) is item else item
        for item in draft.constants
    )
    return replace(draft, constants=tuple(constants))


def _is_a_whole_weight(draft: Draft, item: QuantizedConstant) -> bool:
    """Whether a constant is the weight of a node that reads its input in one part."""
    node = draft.plan.nodes[item.node].node
    if node.weight is None or item.index != node.weight.index or not node.data:
        return False
    return node.inputs[node.data[0]] not in draft.splits


def _rounded(
    model: Model, node: Node, item: QuantizedConstant, products: InputProducts
) -> QuantizedConstant:
    """A weight rounded so that the error of its sums is least on examples that judge."""
    weight = model.constant(item.name).astype(np.float64)
    rows, scale = _rows(model, node, weight), _rows(model, node, _scale(item, weight))
    ends = item.params.spec.qmin, item.params.spec.qmax
    tried = [np.clip(np.rint(rows / scale), *ends)]
    tried += [compensated(rows, scale, products.fitting, d, ends) for d in DAMPINGS]
    errors = [layer_error(rows - codes * scale, products.judging) for codes in tried]
    best = tried[int(np.argmin(errors))]
    codes = _unrows(model, node, best, weight.shape).astype(item.codes.dtype)
    return replace(item, codes=np.ascontiguousarray(codes))


def compensated(
    rows: Real, scale: Real, products: Real, damping: float, ends: tuple[int, int]
) -> Real:
    """Codes of weights, each rounded with regard to those before it.

    Args:
        rows: The weights, float64 of shape (groups, R, K): R sums over K inputs.
        scale: The step of each, to be broadcast to that.
        products: Mean products of the inputs, float64 of shape (groups, K, K).
        damping: What is added to the diagonal, over its mean.
        ends: The least and the greatest code.

    Returns:
        The codes, float64 of the shape of ``rows``.
    """
    groups, sums, inputs = rows.shape
    diagonal = np.einsum("gkk->gk", products)
    order = np.argsort(-diagonal, axis=1, kind="stable")
    # Along the inputs first: a column of weights then lies in one piece.
    left = _in_order(rows.transpose(0, 2, 1), order)
    steps = _in_order(np.broadcast_to(scale, rows.shape).transpose(0, 2, 1), order)
    ordered = _in_order(_in_order(products, order).transpose(0, 2, 1), order)
    added = damping * diagonal.mean(axis=1) + np.finfo(np.float32).tiny
    ordered += added[:, None, None] * np.eye(inputs)
    inverse = cast("Real", np.linalg.inv(ordered))
    moves = cast("Real", np.linalg.cholesky(inverse)).transpose(0, 2, 1)
    codes = np.empty_like(left)
    for first in range(0, inputs, _TOGETHER):
        behind = min(first + _TOGETHER, inputs)
        errors = np.empty((groups, behind - first, sums))
        for column in range(first, behind):
            wanted, step = left[:, column], steps[:, column]
            codes[:, column] = np.clip(np.rint(wanted / step), *ends)
            error = (wanted - codes[:, column] * step) / moves[:, column, column][:, None]
            errors[:, column - first] = error
            rest = slice(column + 1, behind)
            left[:, rest] -= moves[:, column, rest][:, :, None] * error[:, None, :]
        left[:, behind:] -= moves[:, first:behind, behind:].transpose(0, 2, 1) @ errors
    back = np.argsort(order, axis=1, kind="stable")
    return _in_order(codes, back).transpose(0, 2, 1)


def _in_order(array: Real, order: NDArray[np.int64]) -> Real:
    """The second axis of each group in another order, as a copy."""
    return array[np.arange(len(order))[:, None], order]


def layer_error(errors: Real, products: Real) -> float:
    """Mean power of what errors of weights make of their inputs, over all sums together.

    Args:
        errors: float64 of shape (groups, R, K).
        products: Mean products of the inputs, float64 of shape (groups, K, K).
    """
    return float(((errors @ products) * errors).sum())


def _transposed(model: Model, node: Node) -> bool:
    """Whether a weight has its inputs along the first axis."""
    if node.op_type == "MatMul":
        return True
    return node.op_type == "Gemm" and not int_attribute(model.ir_nodes[node.name], "transB", 0)


def _rows(model: Model, node: Node, array: Real) -> Real:
    """Something of a weight's shape as (groups, R, K)."""
    known = sums_of(model, node)
    assert known is not None
    groups, inputs = known
    whole = array.T if _transposed(model, node) else array
    return whole.reshape(groups, -1, inputs)


def _unrows(model: Model, node: Node, rows: Real, shape: tuple[int, ...]) -> Real:
    """The inverse of :func:`_rows`."""
    return rows.reshape(shape[::-1]).T if _transposed(model, node) else rows.reshape(shape)


def _scale(item: QuantizedConstant, weight: Real) -> Real:
    """The step of every weight, in the weight's shape."""
    ones = np.ones(weight.shape, item.codes.dtype)
    return dequantize_linear(ones, item.params).astype(np.float64)
