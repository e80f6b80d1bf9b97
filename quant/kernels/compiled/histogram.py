"""The compiled part of a scan: everything about one tensor in one pass over its memory.

Floats are looked at as their bits. With the sign and the magnitude of the bits, ``key`` is the
magnitude negated below zero: an int32 that orders as the floats do, is 0 for both zeros, and lies
beyond that of infinity for NaN. Sums of int32 are cast at each step: Numba widens them to int64,
and vectors would hold half as many.
"""

import numpy as np
from numpy.typing import NDArray

from quant.kernels.compiled.jit import compiled

GREATEST = np.int32(0x7FFFFFFF)  # above the key of every value; also the mask of the magnitude
LEAST = np.int32(-0x7FFFFFFF)
_INFINITY = np.int32(0x7F800000)
_ONE = np.uint32(1)
_LOW_BITS = np.uint64(0xFFFF)


@compiled("void(uint32[:, ::1], int64, int64, int64)")
def _double(lanes: NDArray[np.uint32], nearest: int, step: int, doublings: int) -> None:
    """Merge bins of a side, the one next to zero first, so that its grid spans more."""
    bins = lanes.shape[1] // 2
    factor = 1
    while factor < bins and doublings > 0:
        factor *= 2
        doublings -= 1
    for lane in range(lanes.shape[0]):
        for k in range(bins // factor):
            total = np.uint32(0)
            for j in range(k * factor, (k + 1) * factor):
                total += lanes[lane, nearest + step * j]
            lanes[lane, nearest + step * k] = total
        for k in range(bins // factor, bins):
            lanes[lane, nearest + step * k] = 0


@compiled("int64(uint32[:, ::1], int64[::1], int64, int64, int64)")
def _grown(
    lanes: NDArray[np.uint32],
    exponents: NDArray[np.int64],
    side: int,
    largest: int,
    least_exponent: int,
) -> int:
    """The least exponent above the magnitude with these bits, after the grid grew to it."""
    exponent = max((largest >> 23) - 126, least_exponent)
    if exponents[side] >= least_exponent:
        step = 2 * side - 1
        _double(lanes, lanes.shape[1] // 2 - 1 + side, step, exponent - exponents[side])
    exponents[side] = exponent
    return exponent


@compiled("int64(int32[::1], int64, int64)")
def _partition(near: NDArray[np.int32], count: int, k: int) -> int:
    """Move the k+1 least of the first ``count`` to the front, the k-th behind the rest.

    Source: C. A. R. Hoare, "Algorithm 65: FIND", 1961.
    """
    low, high = 0, count - 1
    while low < high:
        pivot = near[(low + high) >> 1]
        i, j = low, high
        while i <= j:
            while near[i] < pivot:
                i += 1
            while near[j] > pivot:
                j -= 1
            if i <= j:
                near[i], near[j] = near[j], near[i]
                i += 1
                j -= 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            break
    return near[k]


@compiled("int64(int32[::1], int64[::1], int32[::1], int64, int64, int32, int32[::1])")
def _order_statistic(
    bits: NDArray[np.int32],
    starts: NDArray[np.int64],
    ends: NDArray[np.int32],
    blocks: int,
    k: int,
    flip: np.int32,
    near: NDArray[np.int32],
) -> int:
    """The key of rank k, of negated keys where flip is -1, from the least of each block.

    At least k+1 blocks reach down to the k-th least of the ends. What lies below it is in the
    blocks that reach below it, at most k; where that is too little, the k-th end is the answer.
    """
    for block in range(blocks):
        near[block] = ends[block]
    limit = np.int32(_partition(near, blocks, k))
    filled = 0
    for block in range(blocks):
        if ends[block] < limit:
            part = bits[starts[block] : starts[block + 1]]
            for j in range(np.uint64(part.size)):
                sign = np.int32(np.int32(part[j] >> np.int32(31)) ^ flip)
                key = np.int32(np.int32(np.int32(part[j] & GREATEST) ^ sign) - sign)
                near[filled] = key
                filled += int(key < limit)
    return _partition(near, filled, k) if filled > k else int(limit)


@compiled("void(int32[::1], int64, int64, int32[:, ::1])")
def _widen(bits: NDArray[np.int32], at: int, inner: int, channels: NDArray[np.int32]) -> None:
    """Widen the ranges of the channels by a block, which starts with channel ``at``."""
    if inner == 1:
        start = 0
        while start < bits.size:
            part = bits[start : start + channels.shape[1] - at]
            lows = channels[0, at : at + part.size]
            highs = channels[1, at : at + part.size]
            for j in range(np.uint64(part.size)):
                sign = np.int32(part[j] >> np.int32(31))
                key = np.int32(np.int32(np.int32(part[j] & GREATEST) ^ sign) - sign)
                lows[j] = min(lows[j], key)
                highs[j] = max(highs[j], key)
            start += part.size
            at = 0
        return
    for start in range(0, bits.size, inner):
        run = bits[start : start + inner]
        least, greatest = GREATEST, LEAST
        for j in range(np.uint64(inner)):
            sign = np.int32(run[j] >> np.int32(31))
            key = np.int32(np.int32(np.int32(run[j] & GREATEST) ^ sign) - sign)
            least = min(least, key)
            greatest = max(greatest, key)
        channels[0, at] = min(channels[0, at], least)
        channels[1, at] = max(channels[1, at], greatest)
        at += 1
        if at == channels.shape[1]:
            at = 0


@compiled(
    "int64(int32[::1], int64, boolean, int64, int64, int32[:, ::1], int64, int64[::1], "
    "uint32[:, ::1], int32[:, ::1], uint16[::1], uint64[::1], int64[::1], int32[:, ::1], "
    "int32[::1])"
)
def scan(
    bits: NDArray[np.int32],
    inner: int,
    by_run: bool,
    k_low: int,
    k_high: int,
    spans: NDArray[np.int32],
    least_exponent: int,
    exponents: NDArray[np.int64],
    lanes: NDArray[np.uint32],
    channels: NDArray[np.int32],
    index: NDArray[np.uint16],
    words: NDArray[np.uint64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int32],
    near: NDArray[np.int32],
) -> int:
    """Look at every value once.

    Args:
        bits: The bits of the values, float32, sample after sample.
        inner: Neighbours that are of one channel.
        by_run: Whether those neighbours are blocks of their own.
        k_low: Rank from below of the low order statistic of a sample.
        k_high: Rank from above of the high one.
        spans: Out, shape (4, samples): keys of the least and greatest value of each sample and of
            its two order statistics.
        least_exponent: The least that a grid may have.
        exponents: Of the grids below and above zero, shape (2,), less than that for a side without
            values; they grow.
        lanes: Counts, shape (2, 2 * bins): their sum counts. Neighbours go to different lanes, so
            that one need not wait for the other where they are equal.
        channels: Keys of the least and greatest values of each channel, shape (2, C); they widen.
            C = 0 for none.
        index: Room for the bins of a block: so many values are looked at together.
        words: The same memory, four at a time.
        starts: Room for where the blocks of a sample start, and where the last ends.
        ends: Room for the least and the negated greatest key of each.
        near: Room for values near an end of a sample: as many as there are blocks, and those of
            as many blocks as the rank, and one.

    Returns:
        The number of zeros; or -1 when a value is not finite: the span of its sample tells, and
        no later sample was looked at.
    """
    samples = spans.shape[1]
    n = bits.size // samples
    bins = np.int32(lanes.shape[1] // 2)
    longest = index.size
    by_run = by_run and channels.shape[1] > 0
    by_block = channels.shape[1] > 0 and not by_run
    run = inner if by_run else n
    block = max(longest // inner, 1) * inner if by_block else longest
    even, odd = lanes[0], lanes[1]
    zeros = 0
    # Not below: every magnitude of that side lies on its grid.
    below = np.int32((exponents[0] + 127) << 23) if exponents[0] >= least_exponent else np.int32(1)
    above = np.int32((exponents[1] + 127) << 23) if exponents[1] >= least_exponent else np.int32(1)
    below_scale = np.float32(bins * 2.0 ** -max(exponents[0], least_exponent))
    above_scale = np.float32(bins * 2.0 ** -max(exponents[1], least_exponent))
    for sample in range(samples):
        least, greatest = GREATEST, LEAST
        blocks = 0
        channel = 0
        for run_start in range(sample * n, (sample + 1) * n, run):
            run_least, run_greatest = GREATEST, LEAST
            for start in range(run_start, run_start + run, block):
                part = bits[start : min(start + block, run_start + run)]
                size = np.uint64(part.size)
                block_least, block_greatest = GREATEST, LEAST
                found = np.int32(0)
                for j in range(size):
                    sign = np.int32(part[j] >> np.int32(31))
                    magnitude = np.int32(part[j] & GREATEST)
                    key = np.int32(np.int32(magnitude ^ sign) - sign)
                    block_least = min(block_least, key)
                    block_greatest = max(block_greatest, key)
                    found = np.int32(found + np.int32(key == np.int32(0)))
                if block_least <= -below or block_greatest >= above:
                    least = min(least, block_least)
                    greatest = max(greatest, block_greatest)
                    if block_least <= -_INFINITY or block_greatest >= _INFINITY:
                        spans[0, sample] = spans[2, sample] = least
                        spans[1, sample] = spans[3, sample] = greatest
                        return -1
                    if block_least <= -below:
                        grown = _grown(lanes, exponents, 0, int(-block_least), least_exponent)
                        below = np.int32((grown + 127) << 23)
                        below_scale = np.float32(bins * 2.0**-grown)
                    if block_greatest >= above:
                        grown = _grown(lanes, exponents, 1, int(block_greatest), least_exponent)
                        above = np.int32((grown + 127) << 23)
                        above_scale = np.float32(bins * 2.0**-grown)
                for j in range(size):
                    sign = np.int32(part[j] >> np.int32(31))
                    magnitude = np.int32(part[j] & GREATEST)
                    key = np.int32(np.int32(magnitude ^ sign) - sign)
                    sign = np.int32(key >> np.int32(31))
                    # Below zero a bin holds the edge away from zero: the float before it counts.
                    inside = np.int32(magnitude + sign).view(np.float32)
                    place = np.int32(inside * (below_scale if key < 0 else above_scale))
                    index[j] = np.uint16(np.int32(bins + np.int32(place ^ sign)))
                for j in range(size >> np.uint64(2)):
                    word = words[j]
                    even[word & _LOW_BITS] += _ONE
                    odd[(word >> np.uint64(16)) & _LOW_BITS] += _ONE
                    even[(word >> np.uint64(32)) & _LOW_BITS] += _ONE
                    odd[word >> np.uint64(48)] += _ONE
                for j in range(size & ~np.uint64(3), size):
                    even[index[j]] += _ONE
                zeros += int(found)
                run_least = min(run_least, block_least)
                run_greatest = max(run_greatest, block_greatest)
                if k_low:
                    starts[blocks] = start
                    ends[0, blocks], ends[1, blocks] = block_least, -block_greatest
                    blocks += 1
                if by_block:
                    _widen(part, channel, inner, channels)
                    channel = (channel + part.size // inner) % channels.shape[1]
            least, greatest = min(least, run_least), max(greatest, run_greatest)
            if by_run:
                channels[0, channel] = min(channels[0, channel], run_least)
                channels[1, channel] = max(channels[1, channel], run_greatest)
                channel = (channel + 1) % channels.shape[1]
        spans[0, sample], spans[1, sample] = least, greatest
        spans[2, sample], spans[3, sample] = least, greatest
        if k_low:
            starts[blocks] = (sample + 1) * n
            spans[2, sample] = _order_statistic(
                bits, starts, ends[0], blocks, k_low, np.int32(0), near
            )
            spans[3, sample] = -_order_statistic(
                bits, starts, ends[1], blocks, k_high, np.int32(-1), near
            )
    return zeros
