"""Arithmetic that changes nothing: adding 0, multiplying by 1 and their inverses.

Onnxscript's own rules take a constant within 1e-8 of 0 for 0 and one within 1e-5 of 1 for 1. The
first is what keeps a logarithm or a square root from 0 in many a model, so here the constant is
equal or the node stays.
"""

from typing import Any, Final, cast

from onnxscript.rewriter import pattern


def _exactly(value: float) -> Any:
    return cast("Any", pattern).Constant(value, rel_tol=0.0, abs_tol=0.0)


def _add(op: Any, x: Any) -> Any:
    return op.Add(x, _exactly(0.0))


def _subtract(op: Any, x: Any) -> Any:
    return op.Sub(x, _exactly(0.0))


def _multiply(op: Any, x: Any) -> Any:
    return op.Mul(x, _exactly(1.0))


def _divide(op: Any, x: Any) -> Any:
    return op.Div(x, _exactly(1.0))


def _same(op: Any, x: Any, **_: Any) -> Any:
    return op.Identity(x)


def _rule(shape: Any) -> Any:
    return cast("Any", pattern).RewriteRule(shape, _same)


NO_OPS: Final[tuple[Any, ...]] = (
    *_rule(_multiply).commute(),
    *_rule(_add).commute(),
    _rule(_subtract),
    _rule(_divide),
)
"""Rules that replace such a node by what it is given."""
