"""The divergences of every window, in NumPy; see :mod:`quant.kernels.compiled.divergence`."""

import math

import numpy as np
from numpy.typing import NDArray

from quant.kernels.plain.ordered import logs, total


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
    half, weight = 0.5 * everything / packed, 2 * packed / everything if packed.size else packed
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
            t = 0.5 + np.repeat(q / inside, used)[start:stop] * half[mine]
            terms += float(np.sum(weight[mine] * t * np.log(t)))
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
