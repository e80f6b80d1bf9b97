"""Constants and batch normalization folded, and what changes nothing removed, by onnxscript.

What stands behind a Conv channel by channel is joined to it on the way, so that a norm behind that
is found as well; see :mod:`quant.model.join_affine`. Onnxscript's own choice of rules holds one,
that turns slices into a Split, which looks at all nodes for each node; without it the time grows as
the graph does.
"""

from typing import Any, Final, cast

import onnx_ir as ir
from onnx_ir.passes import common
from onnxscript import optimizer, rewriter
from onnxscript.rewriter.rules import common as rules

from quant.model.join_affine import join_affine
from quant.model.no_ops import NO_OPS

_LIMIT_BYTES: Final = 64 << 20
"""Larger constants are neither read nor made."""

_GROWING: Final = frozenset(
    {"ConstantOfShape", "Expand", "EyeLike", "OneHot", "Pad", "Range", "Resize", "Tile"}
)
"""Operators that make a large tensor of a few numbers."""

_GROWN_BYTES: Final = 1 << 20
"""Larger results of those stay for the runtime to make; many would fill the memory."""

_ROUNDS: Final = 2
"""A second round finds what the first has laid bare."""

RULES: Final[tuple[Any, ...]] = (
    *NO_OPS,
    rules.dropout_zero_rule,
    rules.dropout_inference_rule,
    rules.two_reshapes_matmul_reshape_rule,
    rules.one_reshape_matmul_reshape_rule,
    rules.cast_constant_of_shape_rule,
    rules.cast_constant_of_shape_without_value_rule,
    rules.collapse_slice_rule,
    rules.collapse_slice2_rule,
    rules.materialize_reshape_shape_rule,
    rules.min_min_rule,
    rules.max_max_rule,
    rules.min_max_rule,
    rules.max_min_rule,
    rules.successive_clip_relu_rule,
    rules.successive_relu_clip_rule,
    rules.successive_relu_rule,
    rules.successive_clip_rule,
    rules.cast_cast_rule,
    rules.no_op_cast_rule,
    rules.no_op_expand_rule,
    rules.flatten_to_reshape_rule,
    rules.reshape_reshape_rule,
    rules.no_op_transpose_rule,
    rules.transpose_transpose_rule,
    rules.unsqueeze_unsqueeze_rule,
    rules.squeeze_reshape_1d_rule,
    rules.no_op_dynamic_scatter_nd_rule,
    rules.no_op_static_scatter_nd_rule,
    rules.normalize_pad_format_conv_rule,
    rules.fuse_pad_into_conv_rule,
    rules.fuse_batchnorm_into_conv_rule,
    rules.fuse_batchnorm_into_conv_transpose_rule,
    rules.fuse_batchnorm_into_gemm_rule,
    rules.remove_optional_bias_from_conv_rule,
    rules.remove_optional_bias_from_conv_transpose_rule,
    rules.remove_optional_bias_from_gemm_rule,
)
"""What is rewritten, in the order in which it is tried at each node."""

_FINISH: Final = ir.passes.Sequential(
    common.RemoveUnusedNodesPass(),
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
    common.LiftSubgraphInitializersToMainGraphPass(),
    common.DeduplicateInitializersPass(),
    common.CommonSubexpressionEliminationPass(),
    common.OutputFixPass(),
    common.NameFixPass(),
)


def fold(model: ir.Model) -> int | None:
    """Fold constants and batch normalization in place.

    Args:
        model: The model, its functions inlined.

    Returns:
        How many nodes were joined to the Conv before them; None where the optimizer cannot read
        the model, which then stays as it was.
    """
    kept = model.clone()
    joined = 0
    try:
        for _ in range(_ROUNDS):
            folded = _fold_constants(model)
            rewritten = _rewrite(model).modified
            found = join_affine(model.graph)
            joined += found
            if not (folded or rewritten or found):
                break
        _FINISH(model)
    except Exception:
        model.graph = kept.graph
        return None
    return joined


def _fold_constants(model: ir.Model) -> bool:
    """Weights that are moved or computed, whatever they take; what grows from little, if small."""
    large = _folded(model, _LIMIT_BYTES, _GROWING)
    return _folded(model, _GROWN_BYTES, frozenset()) or large


def _folded(model: ir.Model, limit: int, left: frozenset[str]) -> bool:
    """Fold constants up to so many bytes, but for the operators that are left.

    Returns:
        Whether there were any.
    """

    def should_fold(node: ir.Node) -> bool | None:
        return False if node.op_type in left else None

    found = cast("Any", optimizer).fold_constants(
        model,
        onnx_shape_inference=True,
        input_size_limit=limit,
        output_size_limit=limit,
        should_fold=should_fold,
    )
    return bool(found.modified)


def _rewrite(model: ir.Model) -> ir.passes.PassResult:
    return ir.passes.Sequential(
        rewriter.RewritePass(RULES),
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedFunctionsPass(),
        common.RemoveUnusedOpsetsPass(),
    )(model)
