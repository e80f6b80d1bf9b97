"""How far a clipped and coarsened distribution is from the original, for every threshold at once.

The magnitudes of a tensor are counted in :data:`BINS` bins over [0, max|x|]. A candidate keeps the
first i bins. Its P is those bins with everything beyond added to the last; its Q is those bins
without that tail, merged into L levels (bin k of i goes to level ``floor(k * L / i)``), each level
spread evenly over its bins that are not empty. Both are normalised.

Exact zeros are left out: every threshold represents them exactly, and the spike they make (half of
a tensor after Relu) would otherwise outweigh all else. TensorRT overwrites the first bin with the
second for the same reason; MindSpore Lite skips zeros as well.

A candidate that clips more than half of the values has infinite cost. Without that rule data far
from zero is clipped whole: a threshold just below it leaves P and Q a single bin each, which agree
perfectly.

All sums over bins inside a level are differences of running totals, so there is no loop over bins
or candidates. Only the Jensen-Shannon divergence needs a logarithm for each bin of each candidate.

Sources: S. Migacz, "8-bit Inference with TensorRT" (GTC 2017); J. Lin, "Divergence measures based
on the Shannon entropy" (1991).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from quant.stats import TensorStats
from quant.types import QuantSpec

BINS = 2048
"""Bins of |x| between zero and the largest magnitude."""

_LEVEL_ROWS = 96
_BIN_ROWS = 32
_TINY = 1e-300
_HALF = np.float32(0.5)


def levels(stats: TensorStats, spec: QuantSpec) -> int:
    """Levels for one sign of the values.

    All ``2**bits`` where the data is one-sided and the codes can all be given to that side
    (asymmetric, or symmetric unsigned above zero), else half of them.
    """
    one_sided = stats.low == 0 or (stats.high == 0 and not spec.symmetric)
    full = one_sided and not (spec.symmetric and spec.qtype.signed)
    return spec.qtype.levels if full else spec.qtype.levels // 2


class Candidates:
    """Every candidate threshold of a tensor, with what the divergences share.

    Attributes:
        stats: The tensor's statistics.
        spec: The type and symmetry of its codes.
        kept: int64, shape (n,): bins each candidate keeps, from the number of levels (at most
            2048) to 2048.
        thresholds: float64, shape (n,): ``(kept + 0.5) * width``, at most the largest magnitude.
    """

    def __init__(self, stats: TensorStats, spec: QuantSpec) -> None:
        """Prepare the candidates; nothing is computed before it is asked for."""
        self.stats = stats
        self.spec = spec
        self.levels = min(levels(stats, spec), BINS)
        self.kept = np.arange(self.levels, BINS + 1)
        width = stats.abs_max / BINS
        self.thresholds = np.minimum((self.kept + 0.5) * width, stats.abs_max)

    @cached_property
    def kl(self) -> NDArray[np.float64]:
        """KL(P||Q) in nats; infinite too where the last bin is empty but values lie beyond."""
        sums = self._levels
        p_log_p = self._p_log_p[self.kept - 1] + _x_log_x(self._last + self._tail)
        p_log_q = sums.g_log_q + self._tail * np.log(np.where(sums.q_last > 0, sums.q_last, 1.0))
        value = (p_log_p - p_log_q) / self._total + self._log_share
        defined = self._defined & ((self._last > 0) | (self._tail == 0))
        return np.where(defined, np.maximum(value, 0.0), np.inf)

    @cached_property
    def reverse_kl(self) -> NDArray[np.float64]:
        """KL(Q||P) in nats."""
        sums = self._levels
        grown = np.where(self._last > 0, self._last + self._tail, 1.0)
        grown /= np.where(self._last > 0, self._last, 1.0)
        q_log_p = sums.q_log_p + sums.q_last * np.log(grown)
        value = (sums.g_log_q - q_log_p) / np.where(self._inside > 0, self._inside, 1.0)
        return np.where(self._defined, np.maximum(value - self._log_share, 0.0), np.inf)

    @cached_property
    def symmetric_kl(self) -> NDArray[np.float64]:
        """KL(P||Q) + KL(Q||P) in nats."""
        return self.kl + self.reverse_kl

    @cached_property
    def js(self) -> NDArray[np.float64]:
        """Jensen-Shannon divergence of P and Q in nats, at most log 2.

        With t = (1 + Q/P) / 2 it is ``(KL(Q||P) - sum 2 P t log t) / 2``. Where P and Q agree t is
        near 1 and its logarithm near 0, so that float32 is enough for the sum: it is off by some
        1e-8 nats.
        """
        sums = self._levels_and_bins
        q_last = np.where(self._last > 0, sums.q_last, 0.0)
        q_last /= np.where(self._inside > 0, self._inside, 1.0)
        p_last = (self._last + self._tail) / self._total
        t = 0.5 + 0.5 * np.divide(q_last, p_last, where=p_last > 0, out=np.ones(p_last.size))
        value = (self.reverse_kl - sums.bin_terms - 2 * p_last * _x_log_x(t)) / 2
        return np.where(self._defined, np.maximum(value, 0.0), np.inf)

    @cached_property
    def _levels(self) -> "_LevelSums":
        """Sums over levels only; those of :attr:`_levels_and_bins` where they exist already."""
        done = "_levels_and_bins" in self.__dict__
        return self._levels_and_bins if done else self._scan(None)

    @cached_property
    def _levels_and_bins(self) -> "_LevelSums":
        """Sums over levels and the sum over bins that Jensen-Shannon needs."""
        return self._scan(_BinTerms(self._bins, self._filled, self.kept, self.levels))

    def _scan(self, bin_terms: "_BinTerms | None") -> "_LevelSums":
        """Go over the candidates in chunks that stay in the cache."""
        n = self.kept.size
        sums = _LevelSums(*np.zeros((4, n)))
        logs = np.concatenate(([0.0], np.cumsum(np.log(np.where(self._bins > 0, self._bins, 1.0)))))
        share = np.divide(1.0, self._inside, where=self._inside > 0, out=np.zeros(n))
        edges = _level_edges(self.levels)
        buffers = np.empty((3, _LEVEL_ROWS, self.levels + 1))
        for start in range(0, n, _LEVEL_ROWS):
            rows = slice(start, start + _LEVEL_ROWS)
            taken, g, q = buffers[:, : len(edges[rows])]
            g, q = g[:, 1:], q[:, 1:]
            _per_level(self._filled, edges[rows], taken, q)
            sizes = q.astype(np.intp) if bin_terms else None
            _per_level(self._below, edges[rows], taken, g)
            q += _TINY  # changes no number but an empty level's 0
            np.divide(g, q, out=q)
            log_q = np.log(np.add(q, _TINY, out=taken[:, 1:]), out=taken[:, 1:])
            sums.g_log_q[rows] = np.einsum("ij,ij->i", g, log_q)
            sums.q_last[rows] = q[:, -1]
            _per_level(logs, edges[rows], taken, g)
            sums.q_log_p[rows] = np.einsum("ij,ij->i", q, g)
            if bin_terms and sizes is not None:
                q *= share[rows, None]
                for first in range(0, len(q), _BIN_ROWS):
                    part = slice(first, first + _BIN_ROWS)
                    found = bin_terms.of(start + first, q[part], sizes[part])
                    sums.bin_terms[rows][part] = found
        return sums

    @cached_property
    def _bins(self) -> NDArray[np.float64]:
        """Counts of |x| without the exact zeros; none where every value is zero."""
        if not self.stats.abs_max:
            return np.zeros(BINS)
        bins = self.stats.histogram.magnitude(BINS, self.stats.abs_max)
        bins[0] = max(bins[0] - self.stats.zeros, 0.0)
        return bins

    @cached_property
    def _below(self) -> NDArray[np.float64]:
        """Running total of the counts, shape (2049,)."""
        return np.concatenate(([0.0], np.cumsum(self._bins)))

    @cached_property
    def _filled(self) -> NDArray[np.float64]:
        """Running number of bins that are not empty, shape (2049,)."""
        return np.concatenate(([0.0], np.cumsum(self._bins > 0, dtype=np.float64)))

    @property
    def _total(self) -> float:
        """Values that are not zero, or 1 where there are none."""
        return float(self._below[-1]) or 1.0

    @cached_property
    def _p_log_p(self) -> NDArray[np.float64]:
        """Running total of ``count * log(count)``, shape (2049,)."""
        return np.concatenate(([0.0], np.cumsum(_x_log_x(self._bins))))

    @cached_property
    def _defined(self) -> NDArray[np.bool_]:
        """Where at least half of the values are kept."""
        return self._inside >= self._tail

    @cached_property
    def _log_share(self) -> NDArray[np.float64]:
        """Logarithm of the share of the values that is kept; 0 where none is."""
        return np.log(np.where(self._inside > 0, self._inside, self._total) / self._total)

    @cached_property
    def _inside(self) -> NDArray[np.float64]:
        """Values in the kept bins."""
        return self._below[self.kept]

    @cached_property
    def _tail(self) -> NDArray[np.float64]:
        """Values beyond the kept bins."""
        return self._below[-1] - self._inside

    @cached_property
    def _last(self) -> NDArray[np.float64]:
        """Values in the last kept bin."""
        return self._bins[self.kept - 1]


@dataclass(frozen=True, eq=False)
class _LevelSums:
    """What the levels of each candidate add up to, each float64 of shape (n,).

    G is the number of values in a level, q that number for each of its bins that is not empty.

    Attributes:
        g_log_q: Sum of G log q.
        q_log_p: Sum of q log(count) over the bins that are not empty.
        q_last: q of the last level.
        bin_terms: Sum of ``2 P t log t`` over the kept bins but the last; 0 where it
            was not asked for.
    """

    g_log_q: NDArray[np.float64]
    q_log_p: NDArray[np.float64]
    q_last: NDArray[np.float64]
    bin_terms: NDArray[np.float64]


class _BinTerms:
    """The one sum of Jensen-Shannon that needs every bin of every candidate, in float32."""

    def __init__(
        self,
        bins: NDArray[np.float64],
        filled: NDArray[np.float64],
        kept: NDArray[np.int64],
        level_count: int,
    ) -> None:
        p = bins[bins > 0] / (bins.sum() or 1.0)
        self._weight = (2 * p).astype(np.float32)
        self._half = (0.5 / p).astype(np.float32)
        self._running = np.concatenate(([0.0], np.cumsum(2 * p)))
        self._ends = filled[kept - 1].astype(np.intp)
        self._last = bins[kept - 1] > 0
        self._term = np.empty(_BIN_ROWS * p.size, np.float32)
        self._q = np.zeros((_BIN_ROWS, level_count + 1), np.float32)
        self._size = np.zeros((_BIN_ROWS, level_count + 1), np.intp)

    def of(
        self, start: int, share: NDArray[np.float64], sizes: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """The sums of candidates from ``start`` on, from each level's Q in a bin and its size."""
        n = len(share)
        ends = self._ends[start : start + n]
        width = int(ends[-1])
        q, size = self._q[:n], self._size[:n]
        # The last bin is left out of its level, and rows are padded to one width with Q = 0.
        q[:, :-1] = share
        size[:, :-1] = sizes
        size[:, -2] -= self._last[start : start + n]
        size[:, -1] = width - ends
        t = np.repeat(q.ravel(), size.ravel()).reshape(n, width)
        t *= self._half[:width]
        t += _HALF
        term = np.log(t, out=self._term[: n * width].reshape(n, width))
        term *= t
        padding = self._running[width] - self._running[ends]
        return term @ self._weight[:width] - padding * (0.5 * np.log(0.5))


def _per_level(
    running: NDArray[np.float64],
    edges: NDArray[np.intp],
    taken: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Totals of each level from a running total at the levels' edges."""
    np.take(running, edges, mode="clip", out=taken)
    np.subtract(taken[:, 1:], taken[:, :-1], out=out)


@lru_cache(maxsize=4)
def _level_edges(level_count: int) -> NDArray[np.intp]:
    """The first bin of each level of each candidate, and the end: shape (n, level_count + 1)."""
    kept = np.arange(level_count, BINS + 1, dtype=np.intp)[:, None]
    return -(-np.arange(level_count + 1, dtype=np.intp) * kept // level_count)


def _x_log_x(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """``x * log(x)``, 0 at 0."""
    return x * np.log(np.where(x > 0, x, 1.0))
