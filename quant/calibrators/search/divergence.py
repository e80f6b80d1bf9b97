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

All sums over bins inside a level are differences of running totals. Only the Jensen-Shannon
divergence needs a logarithm for each bin of each candidate. The work is done by
the kernel ``divergence``.

Sources: S. Migacz, "8-bit Inference with TensorRT" (GTC 2017); J. Lin, "Divergence measures based
on the Shannon entropy" (1991).
"""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quant import kernels
from quant.statistics.cumulative import magnitudes
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec

BINS = 2048
"""Bins of |x| between zero and the largest magnitude."""


def levels(stats: TensorStats, spec: QuantSpec) -> int:
    """Levels for one sign of the values.

    All ``2**bits`` where the data is one-sided and the codes can all be given to that side
    (asymmetric, or symmetric unsigned above zero), else half of them.
    """
    one_sided = stats.low == 0 or (stats.high == 0 and not spec.symmetric)
    full = one_sided and not (spec.symmetric and spec.qtype.signed)
    return spec.qtype.levels if full else spec.qtype.levels // 2


_ALL = 3
"""Rows of the divergences with Jensen-Shannon among them."""


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
        # No cached_property: in Python 3.11 that holds a lock which all tensors share.
        self._found: NDArray[np.float64] | None = None

    @property
    def kl(self) -> NDArray[np.float64]:
        """KL(P||Q) in nats; infinite too where the last bin is empty but values lie beyond."""
        return self._plain[0]

    @property
    def reverse_kl(self) -> NDArray[np.float64]:
        """KL(Q||P) in nats."""
        return self._plain[1]

    @cached_property
    def symmetric_kl(self) -> NDArray[np.float64]:
        """KL(P||Q) + KL(Q||P) in nats."""
        return self.kl + self.reverse_kl

    @property
    def js(self) -> NDArray[np.float64]:
        """Jensen-Shannon divergence of P and Q in nats, at most log 2; off by some 1e-8 nats."""
        return self._with_js[2]

    @property
    def _plain(self) -> NDArray[np.float64]:
        """Both relative entropies, and Jensen-Shannon where it was asked for before."""
        if self._found is None:
            self._found = self._of(self.kept, with_js=False)
        return self._found

    @property
    def _with_js(self) -> NDArray[np.float64]:
        """All three divergences."""
        if self._found is None or len(self._found) < _ALL:
            self._found = self._of(self.kept, with_js=True)
        return self._found

    def near(self, thresholds: ArrayLike) -> NDArray[np.float64]:
        """All three divergences of the candidates nearest to some thresholds, in nats.

        Args:
            thresholds: Real units, shape (n,).

        Returns:
            float64, shape (3, n): KL(P||Q), KL(Q||P) and Jensen-Shannon; infinite where undefined.
        """
        apart = np.abs(self.thresholds - np.asarray(thresholds, np.float64)[:, None])
        at = apart.argmin(axis=1)
        if self._found is not None and len(self._found) == _ALL:
            return self._found[:, at]
        different, back = np.unique(at, return_inverse=True)
        return self._of(self.kept[different], with_js=True)[:, back]

    def _of(self, kept: NDArray[np.int64], *, with_js: bool) -> NDArray[np.float64]:
        windows = np.stack((np.zeros_like(kept), kept), axis=1)
        return Windows(self._bins, self.levels).divergences(windows, with_js=with_js)

    @cached_property
    def _bins(self) -> NDArray[np.float64]:
        """Counts of |x| without the exact zeros; none where every value is zero."""
        if not self.stats.abs_max:
            return np.zeros(BINS)
        edges = np.linspace(0.0, self.stats.abs_max, BINS + 1)
        below, above = magnitudes(self.stats)
        return below.rebinned(edges) + above.rebinned(edges)


class Windows:
    """A histogram of which some bins in a row are kept and the others added to the ends.

    Attributes:
        levels: Levels that the kept bins are merged into.
    """

    def __init__(self, bins: NDArray[np.float64], levels: int) -> None:
        """Take the counts of the bins, without what every range represents exactly.

        Args:
            bins: float64, shape (n,).
            levels: At least two.
        """
        self.levels = levels
        self._bins = bins
        logs = np.log(np.where(bins > 0, bins, 1.0))
        self._totals = np.zeros((4, bins.size + 1))
        np.cumsum((bins, bins > 0, logs, bins * logs), axis=1, out=self._totals[:, 1:])

    def divergences(
        self, windows: NDArray[np.int64], *, with_js: bool = True
    ) -> NDArray[np.float64]:
        """KL(P||Q), KL(Q||P) and Jensen-Shannon of windows in nats.

        Args:
            windows: First bin kept and the bin after the last, shape (w, 2), each of as many bins
                as there are levels at least.
            with_js: Whether the third row is wanted; it takes most of the time.

        Returns:
            float64, shape (3, w), or (2, w); infinite where undefined.
        """
        out = np.empty((3 if with_js else 2, len(windows)))
        kernels.load("divergence").divergences(
            self._bins, self._totals, np.ascontiguousarray(windows), self.levels, out
        )
        return out
