"""KL divergence of a clipped histogram from the same merged into levels, for all candidates.

A candidate keeps the first bins of a histogram. P is what it keeps, with everything beyond added to
the last bin; Q is what it keeps without that, merged into levels and each level spread evenly over
its bins that are not empty. Sums over the bins of a level are differences of running totals.
"""

import numpy as np
from numpy.typing import NDArray

from quant import kernels
from quant.tool_rules.streamed.compute import running, x_log_x


def spread_kl(
    counts: NDArray[np.int64], kept: NDArray[np.int64], levels: int, *, whole: bool
) -> NDArray[np.float64]:
    """KL(P||Q) of every candidate, both normalised.

    Args:
        counts: int64, shape (bins,).
        kept: int64, shape (n,): how many bins each candidate keeps, at least ``levels``.
        levels: Number of levels.
        whole: Whether every level has ``kept // levels`` bins, the last what is left too; else bin
            k goes to level ``floor(levels * k / kept)``.

    Returns:
        float64, shape (n,), in nats: infinite where the last kept bin is empty but values lie
        beyond, NaN where a candidate keeps no value at all.
    """
    cost = np.empty(kept.size)
    filled = running(counts > 0).astype(np.int64)
    totals = running(counts), filled, running(x_log_x(counts))
    kernels.load("tool_rules.spread").spread_kl(counts, *totals, kept, levels, whole, cost)
    return cost
