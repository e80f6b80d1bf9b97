"""The compiled part of the divergences: every window of a histogram against its coarse copy.

Jensen-Shannon takes a logarithm for each bin of each window, two million for a curve. They are
taken of float32 eight or sixteen at a time: the number is split into ``m * 2**e`` with m from
``sqrt(1/2)`` to ``sqrt(2)``, and ``log m = 2 artanh((m - 1) / (m + 1))`` is summed up to the
seventh power, which is off by less than 3e-8.
"""

import math

import numpy as np
from numpy.typing import NDArray

from quant.kernels.compiled.jit import compiled
from quant.kernels.compiled.logarithm import take_logs

_ROWS, _LANES = 32, 16
"""Bins whose terms are added up in float32, lane by lane, before float64 takes over."""

_LOG_2 = np.float32(math.log(2.0))
_ROOT_HALF = np.int32(0x3F3504F3)  # the bits of sqrt(1/2)
_MANTISSA = np.int32(0x007FFFFF)
_HALF, _ONE, _TWO = np.float32(0.5), np.float32(1.0), np.float32(2.0)
_THIRD, _FIFTH, _SEVENTH = np.float32(1 / 3), np.float32(1 / 5), np.float32(1 / 7)


@compiled("float32(float32, float32, float32)")
def _term(q: np.float32, half: np.float32, weight: np.float32) -> np.float32:
    """``weight * t * log t`` with ``t = 1/2 + q * half``, in float32."""
    t = np.float32(_HALF + q * half)
    bits = np.int32(t.view(np.int32) - _ROOT_HALF)
    exponent = np.int32(bits >> np.int32(23))
    m = np.int32(np.int32(bits & _MANTISSA) + _ROOT_HALF).view(np.float32)
    # NumPy's division does not look for a zero below, which would keep it from vectors.
    z = np.float32(np.divide(m - _ONE, m + _ONE))
    s = np.float32(z * z)
    series = np.float32(_ONE + s * (_THIRD + s * (_FIFTH + s * _SEVENTH)))
    log = np.float32(np.float32(exponent) * _LOG_2 + _TWO * z * series)
    return np.float32(weight * t * log)


@compiled("float64(float32[::1], float32[::1], float32[::1], int64, int64, float32[::1])")
def _t_log_t(
    q: NDArray[np.float32],
    half: NDArray[np.float32],
    weight: NDArray[np.float32],
    first: int,
    last: int,
    lanes: NDArray[np.float32],
) -> float:
    """Sum of ``weight * t * log t`` with ``t = 1/2 + q * half`` over bins first to last.

    Every lane adds up its own terms of a block, in their order: NumPy can do the same.

    Args:
        q: As for :func:`divergences`, as are the next two.
        half: Half the total over the count of each bin.
        weight: Twice the share of each bin.
        first: The first bin.
        last: The bin after the last.
        lanes: Room, shape (_LANES,).
    """
    total = 0.0
    for start in range(first, last, _ROWS * _LANES):
        size = min(_ROWS * _LANES, last - start)
        for lane in range(_LANES):
            lanes[lane] = np.float32(0)
        for row in range(size // _LANES):
            base = np.uint64(start + row * _LANES)
            for lane in range(np.uint64(_LANES)):
                at = base + lane
                lanes[lane] += _term(q[at], half[at], weight[at])
        base = np.uint64(start + size // _LANES * _LANES)
        for lane in range(np.uint64(size % _LANES)):
            at = base + lane
            lanes[lane] += _term(q[at], half[at], weight[at])
        for lane in range(_LANES):
            total += np.float64(lanes[lane])
    return total


@compiled("UniTuple(float64, 4)(float64[:, ::1], int64, int64, int64, float32[::1])")
def _level_sums(
    totals: NDArray[np.float64], first: int, last: int, levels: int, q_of: NDArray[np.float32]
) -> tuple[float, float, float, float]:
    """What the levels of a window add up to.

    G is the number of values in a level, q that number for each of its bins that is not empty.

    Returns:
        The sum of G log q; the sum of q log(count) over the bins that are not empty; q of the
        first and of the last level. Where there is room, ``q_of`` becomes q by the share kept for
        each bin of the window that is not empty.
    """
    below, filled = totals[0], totals[1]
    inside = below[last] - below[first]
    size = last - first
    mass, q, log_p = np.empty(levels), np.empty(levels), np.empty(levels)
    at = first
    for level in range(levels):
        # Bin k of the window belongs to level floor(k * levels / size).
        end = first + ((level + 1) * size + levels - 1) // levels
        bins = filled[end] - filled[at]
        mass[level] = below[end] - below[at]
        q[level] = mass[level] / bins if bins > 0 else 0.0
        log_p[level] = totals[2, end] - totals[2, at]
        if q_of.size > 0:
            share = np.float32(q[level] / inside)
            for k in range(np.int64(filled[at]), np.int64(filled[end])):
                q_of[k] = share
        at = end
    log_q = np.where(q > 0, q, 1.0)
    take_logs(log_q)
    g_log_q = q_log_p = 0.0
    for level in range(levels):
        g_log_q += mass[level] * log_q[level]
        q_log_p += q[level] * log_p[level]
    return g_log_q, q_log_p, q[0], q[levels - 1]


@compiled("UniTuple(float64, 4)(float64, float64, float64, float64, float64)")
def _end(
    bin_: float, tail: float, q: float, total: float, inside: float
) -> tuple[float, float, float, float]:
    """What a tail changes at the bin that it is added to.

    Args:
        bin_: Count of that bin.
        tail: Count of what lies beyond, above zero.
        q: Count of that bin in the coarse copy.
        total: Count of everything.
        inside: Count of what is kept.

    Returns:
        What it adds to the sums of P log P less P log Q (times ``total``; infinite where Q is
        zero), of Q log P (times ``inside``), and ``2 P t log t`` of that bin; and how many bins
        that are not empty the last speaks for, 0 or 1.
    """
    whole = bin_ + tail
    if bin_ <= 0:
        return np.inf, 0.0, whole / total * math.log(0.5), 0.0
    forward = whole * math.log(whole) - bin_ * math.log(bin_) - tail * math.log(q)
    t = 0.5 + 0.5 * (q / inside) * (total / whole)
    return forward, q * math.log(whole / bin_), 2 * whole / total * t * math.log(t), 1.0


@compiled("void(float64[::1], float64[:, ::1], int64[:, ::1], int64, float64[:, ::1])")
def divergences(
    bins: NDArray[np.float64],
    totals: NDArray[np.float64],
    windows: NDArray[np.int64],
    levels: int,
    out: NDArray[np.float64],
) -> None:
    """KL(P||Q), KL(Q||P) and Jensen-Shannon of each window, in nats.

    Args:
        bins: Counts, shape (n,).
        totals: Running totals, shape (4, n + 1): of the counts, of the number of bins that are not
            empty, of the logarithms of the counts, of ``count * log(count)``.
        windows: First bin kept and the bin after the last, shape (w, 2).
        levels: Levels that a window is merged into: at least 2, at most its bins.
        out: Out, shape (3, w), or (2, w) without Jensen-Shannon; infinite where undefined.
    """
    n = bins.size
    below, filled = totals[0], totals[1]
    total = below[n]
    with_js = out.shape[0] > 2
    # Only bins that are not empty matter: as neighbours in memory they are looped over in vectors.
    packed = np.int64(filled[n]) if with_js else 0
    half, weight = np.empty(packed, np.float32), np.empty(packed, np.float32)
    q_of, lanes = np.empty(packed, np.float32), np.empty(_LANES, np.float32)
    if with_js:
        for k in range(n):
            if bins[k] > 0:
                half[np.int64(filled[k])] = np.float32(0.5 * total / bins[k])
                weight[np.int64(filled[k])] = np.float32(2 * bins[k] / total)
    for w in range(windows.shape[0]):
        first, last = int(windows[w, 0]), int(windows[w, 1])
        left, inside, right = below[first], below[last] - below[first], total - below[last]
        if inside < left + right or inside <= 0:
            out[:, w] = 0.0 if total <= 0 else np.inf
            continue
        g_log_q, q_log_p, q_first, q_last = _level_sums(totals, first, last, levels, q_of)
        forward = totals[3, last] - totals[3, first] - g_log_q
        terms = 0.0
        start, stop = int(filled[first]), int(filled[last])
        if left > 0:
            gained, reverse, term, spoken = _end(bins[first], left, q_first, total, inside)
            forward, q_log_p, terms = forward + gained, q_log_p + reverse, terms + term
            start += int(spoken)
        if right > 0:
            gained, reverse, term, spoken = _end(bins[last - 1], right, q_last, total, inside)
            forward, q_log_p, terms = forward + gained, q_log_p + reverse, terms + term
            stop -= int(spoken)
        log_share = math.log(inside / total)
        out[0, w] = max(forward / total + log_share, 0.0)
        out[1, w] = max((g_log_q - q_log_p) / inside - log_share, 0.0)
        if with_js:
            # With t = (1 + Q/P) / 2 it is (KL(Q||P) - sum 2 P t log t) / 2.
            terms += _t_log_t(q_of, half, weight, start, stop, lanes)
            out[2, w] = max((out[1, w] - terms) / 2, 0.0)
