"""What streamed statistics make of every tool's choice: run as a module it prints a table.

The statistics are those of a calibration, sample by sample, so the tool they are compared with is
fed sample by sample too. The recorded choices are for batches of four samples; the difference from
them is printed beside it.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quant.tool_rules import TOOL_RULES
from tests.quant.statistics.statistics_of import statistics_of, with_quantiles
from tests.quant.tool_rules.data.distributions import NAMES, batches

RECORDED = json.loads((Path(__file__).parent / "data" / "thresholds.json").read_text())

BY_CHANCE = {
    # The difference of two means and of two deviations is next to nothing for every threshold, so
    # that the rounding of single values decides which is least.
    "paddle.emd",
}


def one_by_one(found):
    """The same data in batches of one sample."""
    return [batch[k : k + 1] for batch in found for k in range(len(batch))]


def calibrated(samples):
    """The statistics that a calibration on these samples keeps."""
    ordered = [np.sort(x, axis=None) for x in samples]
    low, high = (
        float(np.mean([x[int(share * x.size)] for x in ordered])) for share in (0.0001, 0.9999)
    )
    return with_quantiles(statistics_of(*samples), low, high)


def recorded(name, choice):
    """What the real tool chose, or None where nothing was recorded."""
    return RECORDED[name].get(choice.tool, {}).get(choice.key)


def apart(a, b):
    """The largest relative difference; two numbers of a kind share the larger one as measure."""
    a, b = np.atleast_1d(a), np.atleast_1d(b)
    return float(np.max(np.abs(a - b)) / max(np.max(np.abs(b)), 1e-30))


@dataclass(frozen=True)
class Row:
    """One choice for one tensor.

    Attributes:
        tensor: The tensor.
        choice: The rule's name.
        difference: Of the range, relative to its larger end, from the tool fed sample by sample.
        cost: Relative increase of the tool's own objective, None where it has none.
        from_record: Difference of the range from the recorded choice; None where there is none.
    """

    tensor: str
    choice: str
    difference: float
    cost: float | None
    from_record: float | None


def rows(tensor):
    """Every choice."""
    whole = batches(tensor)
    samples = one_by_one(whole)
    stats = calibrated(samples)
    found = []
    for choice in TOOL_RULES.values():
        pick = choice.streamed(stats)
        gathered = choice.from_batches(samples)
        exact = choice.pick(gathered)
        least, cost = (choice.cost(gathered, p) for p in (exact, pick))
        increase = None
        if least is not None:
            same = cost == least or (np.isnan(cost) and np.isnan(least))
            increase = 0.0 if same else cost / least - 1
        record = None
        if recorded(tensor, choice) is not None:
            record = apart(pick.range(), choice.exact(whole).range())
        difference = apart(pick.range(), exact.range())
        found.append(Row(tensor, choice.name, difference, increase, record))
    return found


def table():
    """Every choice for every tensor."""
    return [row for tensor in NAMES for row in rows(tensor)]


def main():
    lines = table()
    print(f"{'tensor':16} {'choice':40} {'range':>9} {'cost':>9} {'recorded':>9}")
    for row in lines:
        cells = (
            f"{value:9.3%}" if value is not None else " " * 8 + "-"
            for value in (row.difference, row.cost, row.from_record)
        )
        print(f"{row.tensor:16} {row.choice:40}", *cells)
    costs = [row.cost for row in lines if row.cost is not None and row.choice not in BY_CHANCE]
    print(
        f"{len(lines)} entries: median difference {np.median([r.difference for r in lines]):.3%}, "
        f"largest increase of an objective {max(costs):.3%}"
    )
    print(f"Not counted, because chance decides: {', '.join(BY_CHANCE)}")


if __name__ == "__main__":
    main()
