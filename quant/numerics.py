"""The affine arithmetic of ONNX: real = scale * (code - zero_point).

Source: the ONNX operators QuantizeLinear and DequantizeLinear; the results equal those of ONNX
Runtime's CPU kernels bit for bit, with one exception: for four-bit codes ONNX Runtime 1.31 wraps
a value that is 2**31 steps or more above zero to the lowest code, where ONNX, and this, saturate.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quant.types import PerChannel, QType, QuantParams, QuantSpec

T = TypeVar("T", bound=np.generic)

_LARGEST = float(np.finfo(np.float32).max)
_LEAST_SCALE = float(np.finfo(np.float32).tiny)


def params_from_range(rmin: ArrayLike, rmax: ArrayLike, spec: QuantSpec) -> QuantParams:
    """Scale and zero point that cover a range of real numbers.

    The range is widened to hold zero, which a code then stands for exactly. Symmetric and signed:
    zero point 0 and ``scale = max(|rmin|, |rmax|) / qmax``, so that +-T become +-qmax. Symmetric
    and unsigned: the lowest code is zero where ``rmin >= 0``, else the middle code is, with as
    many codes in use below as above. Asymmetric: ``scale = (rmax - rmin) / (qmax - qmin)`` and
    ``zero_point = qmin - rmin / scale``, rounded half to even.

    Scales are computed in float64 and rounded to float32 once. They are kept from becoming
    subnormal, and small enough that no code dequantizes to infinity. A range of zero width has
    scale 1.

    Args:
        rmin: Lower ends in real units, scalar or shape (C,).
        rmax: Upper ends, same shape.
        spec: What to make; its granularity must fit the shape.

    Returns:
        Parameters of shape () per tensor, (C,) per channel.

    Raises:
        ValueError: An end is not finite, or ``rmin > rmax``.
    """
    low, high = np.broadcast_arrays(np.asarray(rmin, np.float64), np.asarray(rmax, np.float64))
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low <= high).all()):
        raise ValueError(f"a range needs finite ends with rmin <= rmax, found {rmin} to {rmax}")
    low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    qmin, qmax = spec.qmin, spec.qmax
    # Where zero sits on the lowest or the middle code, it is known before the scale is.
    lowest = np.full(low.shape, qmin)
    middle = np.full(low.shape, 0 if spec.qtype.signed else spec.qtype.levels // 2)
    fixed = np.where((low < 0) | spec.qtype.signed, middle, lowest)
    if spec.symmetric:
        width, steps = np.maximum(-low, high), qmax - fixed
    else:
        width, steps = high - low, np.asarray(qmax - qmin)
    scale = np.maximum(width / steps, _LEAST_SCALE).astype(np.float32)
    if spec.symmetric:
        zero_point = fixed
    else:
        zero_point = np.rint(np.clip(qmin - low / scale.astype(np.float64), qmin, qmax))
    farthest = np.maximum(zero_point - qmin, qmax - zero_point).astype(np.float64)
    scale = np.minimum(scale, _rounded_down(_LARGEST / farthest))
    scale = np.where(width > 0, scale, np.float32(1))
    return QuantParams(np.asarray(scale), np.asarray(zero_point, np.int32), spec)


def quantize_linear(x: NDArray[np.floating], params: QuantParams) -> NDArray[np.generic]:
    """Codes of real numbers, as ONNX QuantizeLinear makes them: divide, round half to even, clamp.

    Codes for INT32 (a bias; ONNX has no QuantizeLinear to it) are computed in float64. With
    ``narrow_range`` the lowest code is left out, which a QuantizeLinear node cannot do: use it for
    stored weights.

    Args:
        x: Real numbers, taken as float32, any shape; infinities saturate.
        params: Parameters; a ``PerChannel`` axis must have as many entries as ``scale``.

    Returns:
        Codes of type ``params.spec.qtype.dtype``, the shape of ``x``.

    Raises:
        ValueError: The axis or the number of channels does not fit ``x``.
    """
    steps = _steps(x, params)
    _, zero_point = _broadcast(params, np.ndim(x))
    qtype = params.spec.qtype
    wide = (steps + zero_point).astype(np.int64 if qtype is QType.INT32 else np.int32)
    # ml_dtypes converts to its four-bit types from int8, not from every wider type.
    return wide.astype(np.int8).astype(qtype.dtype) if qtype.bits == 4 else wide.astype(qtype.dtype)


def dequantize_linear(q: NDArray[np.generic], params: QuantParams) -> NDArray[np.float32]:
    """Real numbers that codes stand for, as ONNX DequantizeLinear makes them.

    Args:
        q: Codes of any integer type, any shape.
        params: Parameters; a ``PerChannel`` axis must have as many entries as ``scale``.

    Returns:
        float32, the shape of ``q``.

    Raises:
        ValueError: The axis or the number of channels does not fit ``q``.
    """
    scale, zero_point = _broadcast(params, np.ndim(q))
    _fits(np.shape(q), params)
    steps = np.asarray(q).astype(np.int32) - zero_point
    with np.errstate(over="ignore"):  # a scale near the largest float32: infinity, as in ONNX
        return np.asarray(steps.astype(np.float32) * scale)


def fake_quantize(x: NDArray[np.floating], params: QuantParams) -> NDArray[np.float32]:
    """``dequantize_linear(quantize_linear(x, params), params)``, bit for bit, without the codes.

    Args:
        x: Real numbers, taken as float32, any shape; infinities saturate.
        params: Parameters; a ``PerChannel`` axis must have as many entries as ``scale``.

    Returns:
        float32, the shape of ``x``.

    Raises:
        ValueError: The axis or the number of channels does not fit ``x``.
    """
    scale, _ = _broadcast(params, np.ndim(x))
    steps = _steps(x, params).astype(np.float32, copy=False)
    steps += np.float32(0)  # a code has no -0
    with np.errstate(over="ignore"):
        steps *= scale
    return steps


def along(values: NDArray[T], axis: int, ndim: int) -> NDArray[T]:
    """One value for each channel, shaped to meet an array of ``ndim`` dimensions.

    Args:
        values: Any type, shape (C,).
        axis: The axis of the channels in that array.
        ndim: How many axes it has.
    """
    shape = [1] * ndim
    shape[axis] = -1
    return values.reshape(shape)


def _steps(x: NDArray[np.floating], params: QuantParams) -> NDArray[np.floating]:
    """``code - zero_point`` of each element as a float: float64 for INT32, else float32."""
    _fits(np.shape(x), params)
    spec = params.spec
    scale, zero_point = _broadcast(params, np.ndim(x))
    real = np.asarray(x, np.float32)
    kind = np.float64 if spec.qtype is QType.INT32 else np.float32
    with np.errstate(over="ignore"):
        steps = np.asarray(np.divide(real, scale, dtype=kind))
    np.rint(steps, out=steps)
    low, high = spec.qmin - zero_point.astype(np.int64), spec.qmax - zero_point.astype(np.int64)
    return np.asarray(np.clip(steps, low.astype(kind), high.astype(kind), out=steps))


def _broadcast(params: QuantParams, ndim: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Scale and zero point, shaped to meet an array of ``ndim`` dimensions."""
    granularity = params.spec.granularity
    if not isinstance(granularity, PerChannel):
        return params.scale, params.zero_point
    if not -ndim <= granularity.axis < ndim:
        raise ValueError(f"axis {granularity.axis} is outside an array of {ndim} dimensions")
    axis = granularity.axis
    return along(params.scale, axis, ndim), along(params.zero_point, axis, ndim)


def _fits(shape: tuple[int, ...], params: QuantParams) -> None:
    """Refuse an array whose channels are not those of the parameters."""
    granularity = params.spec.granularity
    if not isinstance(granularity, PerChannel):
        return
    _broadcast(params, len(shape))
    if shape[granularity.axis] != params.scale.size:
        raise ValueError(
            f"axis {granularity.axis} of shape {shape} has {shape[granularity.axis]} channels, "
            f"but there are {params.scale.size} scales"
        )


def _rounded_down(value: NDArray[np.float64]) -> NDArray[np.float32]:
    """The greatest float32 not above each value."""
    nearest = np.asarray(value, np.float64).astype(np.float32)
    return np.where(nearest > value, np.nextafter(nearest, np.float32(0)), nearest)
