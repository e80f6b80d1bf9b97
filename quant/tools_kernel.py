"""The compiled part of the tools' rules: every candidate of a rule in one call.

Only :mod:`quant.tools.compute` imports this, and late: importing it compiles, or reads what was
compiled before from ``__pycache__``.
"""

import math

import numpy as np
from numpy.typing import NDArray

from quant.compiled import compiled
from quant.logarithm_kernel import take_logs

_TENTH = np.float32(0.0001)
_FINE = 0.02


@compiled(
    "void(int64[::1], float64[::1], int64[::1], float64[::1], int64[::1], int64, boolean, "
    "float64[::1])"
)
def spread_kl(
    counts: NDArray[np.int64],
    below: NDArray[np.float64],
    filled: NDArray[np.int64],
    p_log_p: NDArray[np.float64],
    kept: NDArray[np.int64],
    levels: int,
    whole: bool,
    out: NDArray[np.float64],
) -> None:
    """KL of every candidate; see :func:`quant.tools.spread.spread_kl`.

    Args:
        counts: Shape (bins,).
        below: Their running total, shape (bins + 1,), as are the next two.
        filled: Running number of bins that are not empty.
        p_log_p: Running total of ``count * log(count)``.
        kept: How many bins each candidate keeps.
        levels: Number of levels.
        whole: Whether all levels but the last have ``kept // levels`` bins.
        out: Out, of the shape of ``kept``.
    """
    total = below[below.size - 1]
    mass = np.empty(levels)
    log = np.empty(levels)
    for row in range(kept.size):
        size = kept[row]
        inside, last = below[size], float(counts[size - 1])
        tail = total - inside
        if inside == 0:
            out[row] = np.nan
            continue
        if last == 0 and tail > 0:
            out[row] = np.inf
            continue
        at = 0
        for level in range(levels):
            if level == levels - 1:
                end = size
            elif whole:
                end = (level + 1) * (size // levels)
            else:
                end = ((level + 1) * size + levels - 1) // levels
            mass[level] = below[end] - below[at]
            used = filled[end] - filled[at]
            log[level] = mass[level] / used if used else 1.0
            at = end
        take_logs(log)
        cross = tail * log[levels - 1]
        for level in range(levels):
            cross += mass[level] * log[level]
        grown = last + tail
        value = p_log_p[size - 1] + (grown * math.log(grown) if grown > 0 else 0.0) - cross
        out[row] = value / total + math.log(inside / total)


@compiled("void(float64[::1], float64[::1], float64[::1], int64, int64, float64[::1])")
def fractional_kl(
    filled: NDArray[np.float64],
    below: NDArray[np.float64],
    p_log_p: NDArray[np.float64],
    levels: int,
    first: int,
    out: NDArray[np.float64],
) -> None:
    """KL with levels of fractional ends; see :func:`quant.tools.mindspore.kl_curve`.

    Args:
        filled: Counts, none of them 0, shape (bins,).
        below: Their running total, shape (bins + 1,).
        p_log_p: Running total of ``count * log(count)``.
        levels: Number of levels.
        first: How many bins the first candidate keeps; each after it keeps one more.
        out: Out, shape (candidates,).
    """
    total = below[below.size - 1]
    least = filled.min()
    # Of each level: how much lies in it alone, and in the bin that it shares with the one before.
    alone = np.empty(levels)
    shared = np.empty(levels)
    logs = np.empty(2 * levels)
    for row in range(out.size):
        kept = first + row
        inside, last = below[kept], filled[kept - 1]
        grown = last + total - inside
        per_level = levels / kept
        start, part = 0, 0  # a level starts in this bin, after so many parts of it
        mass_before = 0.0
        mean_before = 1.0
        of_last = 0
        for level in range(levels):
            step = (level + 1) * kept
            end, beyond = step // levels, step % levels
            mass = below[end]
            if beyond:
                mass += beyond / levels * filled[end]
            mean = max((mass - mass_before) * per_level, least)  # no bin has less
            logs[level] = mean
            shared[level] = 0.0
            logs[levels + level] = 1.0
            if part:
                share = part / levels
                logs[levels + level] = share * mean_before + (1 - share) * mean
                if start == kept - 1:
                    of_last = levels + level
                else:
                    shared[level] = filled[start]
            whole = start + (1 if part else 0)
            upto = min(end, kept - 1)
            alone[level] = below[upto] - below[whole] if upto > whole else 0.0
            if level == levels - 1 and whole <= kept - 1:
                of_last = level
            start, part = end, beyond
            mass_before, mean_before = mass, mean
        take_logs(logs)
        cross = grown * logs[of_last]
        for level in range(levels):
            cross += alone[level] * logs[level] + shared[level] * logs[levels + level]
        value = p_log_p[kept - 1] + grown * math.log(grown) - cross
        out[row] = value / total + math.log(inside / total)


@compiled("float64(int64[::1], int64, int64, int64, int64, int64, float64)")
def _window(
    counts: NDArray[np.int64],
    start: int,
    end: int,
    left: int,
    right: int,
    levels: int,
    spare: float,
) -> float:
    """One candidate of :func:`entropy`, bin by bin."""
    size = end - start
    width = size // levels
    share_p = np.float32(-spare)
    merged_all = 0.0
    empty_q = size - levels * width
    for level in range(levels):
        merged, used = 0, 0
        for k in range(start + level * width, start + (level + 1) * width):
            merged += counts[k]
            here = counts[k]
            if k == start:
                here += left
            if k == end - 1:
                here += right
            used += int(here > 0)
        if level == levels - 1:
            for k in range(start + levels * width, end):
                merged += counts[k]
        value = int(merged / used) if used else 0
        merged_all += value * width
        if value == 0:
            empty_q += width
    if merged_all == 0:
        return np.inf
    share_q = np.float32(-(0.0001 * empty_q / (size - empty_q)))
    total_p, total_q, cost = 0.0, 0.0, 0.0
    for level in range(levels + 1):
        first = start + level * width
        last = first + width if level < levels else end
        merged, used = 0, 0
        for k in range(first, last):
            merged += counts[k]
            here = counts[k] + (left if k == start else 0) + (right if k == end - 1 else 0)
            used += int(here > 0)
        if level == levels - 1:
            for k in range(start + levels * width, end):
                merged += counts[k]
        value = int(merged / used) if used and level < levels else 0
        q = np.float32(np.float32(value) + share_q) if value else _TENTH
        log_q = math.log(q)
        for k in range(first, last):
            here = counts[k] + (left if k == start else 0) + (right if k == end - 1 else 0)
            p = np.float32(np.float32(here) + share_p) if here else _TENTH
            total_p += float(p)
            total_q += float(q)
            cost += float(p) * (math.log(p) - log_q)
    return cost / total_p + math.log(total_q / total_p)


@compiled("void(int64[::1], int64[::1], int64[::1], float64[:, ::1], int64, int64, float64[::1])")
def entropy(
    counts: NDArray[np.int64],
    below: NDArray[np.int64],
    filled: NDArray[np.int64],
    moments: NDArray[np.float64],
    levels: int,
    narrowest: int,
    out: NDArray[np.float64],
) -> None:
    """Every candidate of ONNX Runtime's entropy, close to what its float32 gives.

    What smoothing takes from a bin is small: the sum of ``(n - s) log(n - s)`` follows from running
    totals of ``n log n``, ``log n``, ``1/n`` and ``1/n**2``. Else bins are taken singly.

    Args:
        counts: Shape (bins,).
        below: Their running total, shape (bins + 1,).
        filled: Running number of bins that are not empty.
        moments: Those running totals over the bins that are not empty, shape (bins + 1, 4).
        levels: Number of levels.
        narrowest: How many bins on either side of the middle the first candidate keeps.
        out: Out, shape (candidates,); infinite where a distribution is empty.
    """
    bins = counts.size
    middle = bins // 2
    total = below[bins]
    masses = np.empty(levels + 1)
    log_q = np.empty(levels + 1)
    means = np.empty(levels, np.int64)
    for row in range(out.size):
        half = narrowest + row
        start, end = middle - half, min(middle + half + 1, bins)
        size = end - start
        width = size // levels
        left, right = below[start], total - below[end]
        first, last = counts[start], counts[end - 1]
        used_all = filled[end] - filled[start]
        used_all += int(first == 0 and left > 0) + int(last == 0 and right > 0)
        empty = size - used_all
        spare = 0.0001 * empty / max(used_all, 1)
        if not total or not used_all:
            out[row] = np.inf
            continue
        if spare > _FINE:
            out[row] = _window(counts, start, end, left, right, levels, spare)
            continue
        # Sum of p log p, with the tails in the end bins.
        plain, logs, inverse, squares = (
            moments[end, 0] - moments[start, 0],
            moments[end, 1] - moments[start, 1],
            moments[end, 2] - moments[start, 2],
            moments[end, 3] - moments[start, 3],
        )
        for edge in range(2):
            old, tail = (first, left) if edge == 0 else (last, right)
            if tail == 0:
                continue
            if old > 0:
                plain -= old * math.log(old)
                logs -= math.log(old)
                inverse -= 1 / old
                squares -= 1 / (old * old)
            new = float(old + tail)
            plain += new * math.log(new)
            logs += math.log(new)
            inverse += 1 / new
            squares += 1 / (new * new)
        p_log_p = plain - spare * (logs + used_all)
        p_log_p += spare * spare * (inverse / 2 + spare * squares / 6)
        p_log_p += empty * 0.0001 * math.log(0.0001)
        # Levels.
        body = start + levels * width
        empty_q, sum_q = size - levels * width, 0
        for level in range(levels):
            at = start + level * width
            merged = below[at + width] - below[at]
            if level == levels - 1:
                merged += below[end] - below[body]
            used = filled[at + width] - filled[at]
            if level == 0 and first == 0 and left > 0:
                used += 1
            if level == levels - 1 and body == end and last == 0 and right > 0:
                used += 1
            mean = int(merged / used) if used else 0
            means[level] = mean
            sum_q += mean * width
            if mean == 0:
                empty_q += width
        if sum_q == 0:
            out[row] = np.inf
            continue
        spare_q = 0.0001 * empty_q / (size - empty_q)
        for level in range(levels + 1):
            at = start + level * width
            upto = at + width if level < levels else end
            mass = float(below[upto] - below[at])
            used = filled[upto] - filled[at]
            if level == 0:
                mass += left
                used += int(first == 0 and left > 0)
            if upto == end:
                mass += right
                used += int(last == 0 and right > 0)
            mass += 0.0001 * (upto - at - used) - spare * used
            mean = means[level] if level < levels else 0
            masses[level] = mass if upto > at else 0.0
            log_q[level] = mean - spare_q if mean else 0.0001
        take_logs(log_q)
        cross = 0.0
        for level in range(levels + 1):
            cross += masses[level] * log_q[level]
        out[row] = (p_log_p - cross) / total + math.log(sum_q / total)


@compiled("void(float64[::1], float64[:, ::1], float64[::1], boolean, float64[::1])")
def grid_mse(
    centres: NDArray[np.float64],
    below: NDArray[np.float64],
    amax: NDArray[np.float64],
    least_only: bool,
    out: NDArray[np.float64],
) -> None:
    """Mean over bins of count times squared error of the bin's centre on 127 steps.

    Args:
        centres: Ascending and even, shape (bins,).
        below: Running totals of count, count times centre, and count times its square, shape
            (bins + 1, 3).
        amax: Candidates, above 0, ascending.
        least_only: Whether only the least matters: one whose clipping alone is more than another
            gets just that.
        out: Out, of the shape of ``amax``.
    """
    bins = centres.size
    start = centres[0]
    width = (centres[bins - 1] - start) / max(bins - 1, 1)
    best = np.inf
    for row in range(amax.size - 1, -1, -1):
        step = amax[row] / 127
        if least_only:
            at = int(min(max((amax[row] - start) / width + 1.0, 0.0), float(bins)))
            n, first = below[bins, 0] - below[at, 0], below[bins, 1] - below[at, 1]
            clipped = below[bins, 2] - below[at, 2] + amax[row] * (amax[row] * n - 2 * first)
            if clipped > best * 1.01:
                out[row] = clipped / bins
                continue
        total = 0.0
        at = 0
        for code in range(128):
            end = bins
            if code < 127:
                border = (code + 0.5) * step
                # The first centre not below the border: nearly there, then exactly.
                end = int(min(max((border - start) / width, 0.0), float(bins)))
                while end > 0 and centres[end - 1] >= border:
                    end -= 1
                while end < bins and centres[end] < border:
                    end += 1
            if end > at:
                back = code * step
                n = below[end, 0] - below[at, 0]
                if n > 0:
                    first = below[end, 1] - below[at, 1]
                    total += below[end, 2] - below[at, 2] - 2 * back * first + back * back * n
                at = end
        best = min(best, max(total, 0.0))
        out[row] = max(total, 0.0) / bins


@compiled(
    "void(float32[::1], float64[::1], float32, float32, float32[::1], float32[::1], float64, "
    "float64[::1])"
)
def encoding_costs(
    middles: NDArray[np.float32],
    shares: NDArray[np.float64],
    start: np.float32,
    width: np.float32,
    scales: NDArray[np.float32],
    offsets: NDArray[np.float32],
    clip_weight: float,
    out: NDArray[np.float64],
) -> None:
    """Rounding and weighted clipping error; see :func:`quant.tools.aimet.costs`.

    Args:
        middles: Middles of the bins in use, ascending.
        shares: Their shares.
        start: Where the first of all 512 bins starts.
        width: The width of a bin.
        scales: Of the candidates.
        offsets: Of the candidates.
        clip_weight: How much clipping counts.
        out: Out, of the shape of ``scales``.
    """
    bins = 512
    most = np.float32(bins - 1)
    half, zero, one = np.float32(0.5), np.float32(0), np.float32(1)
    for row in range(scales.size):
        scale, offset = scales[row], offsets[row]
        low = np.float32(scale * offset)
        high = np.float32(np.float32(scale * np.float32(255)) + low)
        first = int(min(max(np.floor(np.float32(low - start) / width), zero), most))
        last = int(min(max(np.floor(np.float32(high - start) / width), zero), most))
        divisor = one if scale == zero else scale
        total = 0.0
        for k in range(bins):
            if shares[k] == 0:
                continue
            if k >= last:
                error = float(np.float32(middles[k] - middles[last]))
                total += shares[k] * clip_weight * error * error
            elif k < first:
                error = float(np.float32(middles[k] - middles[first]))
                total += shares[k] * clip_weight * error * error
            else:
                ratio = np.float32(np.float32(middles[k] / divisor) - offset)
                code = np.trunc(np.float32(ratio + (half if ratio >= zero else -half)))
                back = np.float32(scale * np.float32(code + offset))
                error = float(np.float32(middles[k] - back))
                total += shares[k] * error * error
        out[row] = total


@compiled("void(float64[:, ::1], float64, float64, float64[::1], int64, float64[:, ::1])")
def side_losses(
    below: NDArray[np.float64],
    width: float,
    end: float,
    scales: NDArray[np.float64],
    most: int,
    out: NDArray[np.float64],
) -> None:
    """What scales make of the magnitudes on one side of zero.

    Args:
        below: Running totals of count, count times magnitude, and count times its square, shape
            (bins + 1, 3); magnitudes are at the middles of the bins, those of the last at ``end``.
        width: The width of a bin, above 0.
        end: The largest magnitude.
        scales: Candidates, above 0.
        most: The largest code.
        out: Out, shape (3, candidates): sums of the squared error, of what comes back, and of its
            square.
    """
    bins = below.shape[0] - 1
    for row in range(scales.size):
        scale = scales[row]
        error = total = square = 0.0
        at = 0
        for code in range(most + 1):
            upto = bins
            border = (code + 0.5) * scale
            if code < most and border <= end:
                upto = min(math.ceil(border / width - 0.5), bins - 1)
            if upto > at:
                n = below[upto, 0] - below[at, 0]
                back = code * scale
                error += below[upto, 2] - below[at, 2]
                error += back * (back * n - 2 * (below[upto, 1] - below[at, 1]))
                total += back * n
                square += back * back * n
                at = upto
            if at == bins:
                break
        out[0, row], out[1, row], out[2, row] = max(error, 0.0), total, square


@compiled("void(int64[::1], int64[::1], int64[::1], float64[::1])")
def step_errors(
    counts: NDArray[np.int64],
    start: NDArray[np.int64],
    step: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """Squared rounding error inside ranges of 256 equal steps, in squared bins.

    Args:
        counts: Shape (bins,).
        start: First bin of each range.
        step: Bins in each of its steps.
        out: They go up; shape of ``start``.
    """
    bins = counts.size
    inside = np.empty(bins, np.float64)
    for size in range(1, bins // 256 + 2):
        for phase in range(size):
            ready = False
            for row in range(start.size):
                if step[row] != size or start[row] % size != phase:
                    continue
                if not ready:
                    total = 0.0
                    for k in range(bins):
                        left = (k - phase) % size
                        right = size - 1 - left
                        error = left + 0.25 if left == right else min(left, right) + 0.5
                        total += counts[k] * error * error
                        inside[k] = total
                    ready = True
                out[row] += inside[min(start[row] + 256 * size, bins - 1)]
                if start[row] > 0:
                    out[row] -= inside[start[row] - 1]
