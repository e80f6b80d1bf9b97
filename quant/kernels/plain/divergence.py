"""The divergences of every window, in NumPy; see :mod:`quant.kernels.compiled.divergence`."""

import math

import numpy as np
from numpy.typing import NDArray

from quant.kernels.plain.ordered import logs, total

_ROWS, _LANES = 32, 16

_LOG_2 = np.float32(math.log(2.0))
_ROOT_HALF = np.int32(0x3F3504F3)  # the bits of sqrt(1/2)
_MANTISSA = np.int32(0x007FFFFF)
_HALF, _ONE, _TWO = np.float32(0.5), np.float32(1.0), np.float32(2.0)
_THIRD, _FIFTH, _SEVENTH = np.float32(1 / 3), np.float32(1 / 5), np.float32(1 / 7)


def divergences(
    bins: NDArray[np.float64],
    totals: NDArray[np.float64],
    windows: NDArray[np.int64],
    levels: int,
    out: NDArray[np.float64],
) -> None:
    """KL(P||Q), KL(Q||P) and Jensen-Shannon of each window, in nats."""
    below, filled = totals[0], totals[1].astype(np.intp)
    everything = float(below[-1])
    packed = bins[bins > 0]
    half = (0.5 * everything / packed).astype(np.float32)
    weight = (2 * packed / everything if packed.size else packed).astype(np.float32)
    for w, (first, last) in enumerate(windows.tolist()):
        left, right = float(below[first]), everything - float(below[last])
        inside = float(below[last] - below[first])
        if inside < left + right or inside <= 0:
            out[:, w] = 0.0 if everything <= 0 else np.inf
            continue
        edges = first + -(-np.arange(levels + 1) * (last - first) // levels)
        used = np.diff(filled[edges])
        mass = np.diff(below[edges])
        q = np.divide(mass, used, out=np.zeros(levels), where=used > 0)
        g_log_q = float(total(mass * logs(np.where(q > 0, q, 1.0))))
        q_log_p = float(total(q * np.diff(totals[2, edges])))
        forward = float(totals[3, last] - totals[3, first]) - g_log_q
        terms = 0.0
        start, stop = 0, int(used.sum())
        if left > 0:
            gained, reverse, term, spoken = _end(
                float(bins[first]), left, float(q[0]), everything, inside
            )
            forward, q_log_p, terms = forward + gained, q_log_p + reverse, terms + term
            start += spoken
        if right > 0:
            gained, reverse, term, spoken = _end(
                float(bins[last - 1]), right, float(q[-1]), everything, inside
            )
            forward, q_log_p, terms = forward + gained, q_log_p + reverse, terms + term
            stop -= spoken
        log_share = math.log(inside / everything)
        out[0, w] = max(forward / everything + log_share, 0.0)
        out[1, w] = max((g_log_q - q_log_p) / inside - log_share, 0.0)
        if len(out) > 2:
            mine = slice(filled[first] + start, filled[first] + stop)
            share = np.repeat((q / inside).astype(np.float32), used)[start:stop]
            terms += _t_log_t(share, half[mine], weight[mine])
            out[2, w] = max((out[1, w] - terms) / 2, 0.0)


def _end(
    bin_: float, tail: float, q: float, everything: float, inside: float
) -> tuple[float, float, float, int]:
    """What a tail changes at the bin that it is added to; see the compiled one."""
    whole = bin_ + tail
    if bin_ <= 0:
        return math.inf, 0.0, whole / everything * math.log(0.5), 0
    forward = whole * math.log(whole) - bin_ * math.log(bin_) - tail * math.log(q)
    t = 0.5 + 0.5 * (q / inside) * (everything / whole)
    return forward, q * math.log(whole / bin_), 2 * whole / everything * t * math.log(t), 1


def _t_log_t(
    q: NDArray[np.float32], half: NDArray[np.float32], weight: NDArray[np.float32]
) -> float:
    """Sum of ``weight * t * log t`` with ``t = 1/2 + q * half``, lane by lane; see the compiled."""
    t = _HALF + q * half
    bits = t.view(np.int32) - _ROOT_HALF
    exponent = (bits >> 23).astype(np.float32)
    m = ((bits & _MANTISSA) + _ROOT_HALF).view(np.float32)
    z = (m - _ONE) / (m + _ONE)
    s = z * z
    series = _ONE + s * (_THIRD + s * (_FIFTH + s * _SEVENTH))
    terms = np.zeros(-(-q.size // (_ROWS * _LANES)) * _ROWS * _LANES, np.float32)
    terms[: q.size] = weight * t * (exponent * _LOG_2 + _TWO * z * series)
    lanes = np.cumsum(terms.reshape(-1, _ROWS, _LANES), axis=1)[:, -1]
    return float(total(lanes.astype(np.float64).reshape(-1)))
