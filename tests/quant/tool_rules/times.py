"""How long every choice takes from streamed statistics: run as a module it prints a table."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import numpy as np

from analysis.ranges.candidates import candidates_from_stats
from quant.calibrators import calibrator_named, own_calibrators
from quant.tool_rules import TOOL_RULES, RuleFails
from quant.types import QType, QuantSpec
from tests.quant.tool_rules.data.distributions import NAMES, batches
from tests.quant.tool_rules.streamed import calibrated, one_by_one

SPEC = QuantSpec(QType.INT8, symmetric=False)
TENSORS = 300
ROUNDS = 2


def tensors():
    """Statistics of every made-up tensor."""
    return [calibrated(one_by_one(batches(name))) for name in NAMES]


def seconds(work, clock=time.thread_time):
    """The best of a few runs; by default the time that this thread was computing."""
    best = np.inf
    for _ in range(ROUNDS):
        start = clock()
        work()
        best = min(best, clock() - start)
    return best


def table(found):
    """Milliseconds a tensor of each choice and calibrator, on one thread."""

    def pick(choice, stats):
        with suppress(RuleFails):
            choice.streamed(stats)

    times = {}
    for name, choice in TOOL_RULES.items():
        choice.streamed(found[0])
        times[name] = seconds(lambda c=choice: [pick(c, s) for s in found])
    for name in own_calibrators():
        calibrator = calibrator_named(name)
        calibrator.range(found[0], SPEC)
        times[name] = seconds(lambda c=calibrator: [c.range(s, SPEC) for s in found])
    return {name: 1e3 * t / len(found) for name, t in times.items()}


def full_table(found, threads):
    """Seconds for every row of many tensors on a pool of threads."""

    def work():
        many = [replace(found[k % len(found)], name=f"tensor {k}") for k in range(TENSORS)]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda stats: candidates_from_stats(stats, SPEC), many))

    return seconds(work, time.perf_counter)


def main():
    found = tensors()
    times = table(found)
    for name, ms in sorted(times.items(), key=lambda item: -item[1]):
        print(f"{name:42} {ms:8.2f} ms")
    tools = sum(ms for name, ms in times.items() if name in TOOL_RULES)
    print(f"{'all tools':42} {tools:8.2f} ms")
    print(f"{'ours':42} {sum(times.values()) - tools:8.2f} ms")
    for threads in (2, 1):
        print(
            f"{TENSORS} tensors, every row, {threads} threads: {full_table(found, threads):.2f} s"
        )


if __name__ == "__main__":
    main()
