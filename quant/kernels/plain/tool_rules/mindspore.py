"""KL with levels of fractional ends, in NumPy.

See :mod:`quant.kernels.compiled.tool_rules.mindspore`.
"""

import numpy as np
from numpy.typing import NDArray

from quant.kernels.plain.ordered import logs, total


def fractional_kl(
    filled: NDArray[np.float64],
    below: NDArray[np.float64],
    p_log_p: NDArray[np.float64],
    levels: int,
    first: int,
    out: NDArray[np.float64],
) -> None:
    """KL with levels of fractional ends; see :func:`quant.tool_rules.mindspore.kl_curve`."""
    everything = below[-1]
    kept = (first + np.arange(out.size))[:, None]
    inside, last = below[kept], filled[kept - 1]
    grown = last + everything - inside
    # Edges between levels: the bin that each lies in, and how many parts of it lie before.
    edge, parts = np.divmod(np.arange(levels + 1) * kept, levels)
    padded = np.append(filled, 0.0)
    up_to_edge = np.where(parts > 0, below[edge] + parts / levels * padded[edge], below[edge])
    up_to_edge[:, 0] = 0.0
    mean = np.maximum(np.diff(up_to_edge) * (levels / kept), filled.min())
    before = np.column_stack((np.ones(out.size), mean[:, :-1]))
    start, part, end = edge[:, :-1], parts[:, :-1], edge[:, 1:]
    share = part / levels
    split = part > 0
    in_last = split & (start == kept - 1)
    shared = np.where(split & ~in_last, padded[start], 0.0)
    mixed = np.where(split, share * before + (1 - share) * mean, 1.0)
    whole, upto = start + split, np.minimum(end, kept - 1)
    alone = np.where(upto > whole, below[upto] - below[whole], 0.0)
    log, log_mixed = logs(mean), logs(mixed)
    # The last bin, which the tail is added to, has a level alone or shares it with the one before.
    rows = np.arange(out.size)
    at = np.where(in_last.any(axis=1), in_last.argmax(axis=1), 0)
    log_last = np.where(whole[:, -1] <= kept[:, 0] - 1, log[:, -1], log_mixed[rows, at])
    cross = total(np.column_stack((grown[:, 0] * log_last, alone * log + shared * log_mixed)))
    value = p_log_p[kept[:, 0] - 1] + (grown * np.log(grown))[:, 0] - cross
    out[:] = value / everything + np.log(inside[:, 0] / everything)
