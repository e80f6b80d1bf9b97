"""Everything about one tensor, in NumPy; see :mod:`quant.kernels.compiled.histogram`."""

import numpy as np
from numpy.typing import NDArray

_GREATEST = np.int32(0x7FFFFFFF)
_INFINITY = 0x7F800000


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
    *rooms: NDArray[np.generic],
) -> int:
    """Look at every value; the rooms, and whether channels are runs, do not matter here."""
    del by_run, rooms
    rows = bits.reshape(spans.shape[1], -1)
    sign = rows >> np.int32(31)
    magnitude = rows & _GREATEST
    keys = (magnitude ^ sign) - sign
    least, greatest = keys.min(axis=1), keys.max(axis=1)
    refused = np.flatnonzero((least <= -_INFINITY) | (greatest >= _INFINITY))
    looked_at = refused[0] + 1 if refused.size else len(rows)
    spans[:, :looked_at] = np.stack((least, greatest, least, greatest))[:, :looked_at]
    if refused.size:
        return -1
    if k_low:
        n = rows.shape[1]
        ranks = (k_low, n - 1 - k_high)
        spans[2:] = np.partition(keys, ranks, axis=1)[:, ranks].T
    for side, largest in enumerate((-int(least.min()), int(greatest.max()))):
        if largest > 0:
            _grow(lanes, exponents, side, max((largest >> 23) - 126, least_exponent))
    bins = lanes.shape[1] // 2
    scale_below, scale_above = (
        np.float32(bins * 2.0 ** -max(exponent, least_exponent)) for exponent in exponents.tolist()
    )
    below = keys < 0
    # Below zero a bin holds the edge away from zero: the float before it counts.
    inside = (magnitude - below).view(np.float32)
    scale: NDArray[np.float32] = np.where(below, scale_below, scale_above)
    place = (inside * scale).astype(np.intp)
    np.invert(place, out=place, where=below)
    place += bins
    lanes[0] += np.bincount(place.reshape(-1), minlength=2 * bins).astype(np.uint32)
    if channels.shape[1]:
        by_channel = keys.reshape(-1, channels.shape[1], inner)
        np.minimum(channels[0], by_channel.min(axis=(0, 2)), out=channels[0])
        np.maximum(channels[1], by_channel.max(axis=(0, 2)), out=channels[1])
    return int(np.count_nonzero(keys == 0))


def _grow(
    lanes: NDArray[np.uint32], exponents: NDArray[np.int64], side: int, exponent: int
) -> None:
    """Merge neighbours of a side, the one next to zero first, until its grid spans more."""
    bins = lanes.shape[1] // 2
    outwards = lanes[:, bins:] if side else lanes[:, bins - 1 :: -1]
    factor = min(1 << max(exponent - int(exponents[side]), 0), bins)
    if factor > 1:
        merged = outwards.reshape(2, -1, factor).sum(axis=2, dtype=np.uint32)
        outwards[:] = 0
        outwards[:, : bins // factor] = merged
    exponents[side] = max(exponent, exponents[side])
