"""Paddle's own KL search on histograms that were handed over; run by Paddle's Python, not by ours.

``python -I paddle_probe.py histograms.npz repeats`` prints a JSON list with the threshold and the
best seconds of processor time for each histogram. The file holds ``counts0``, ``width0``, ...
"""

import json
import os
import sys
import time

import numpy as np
from paddle.static.quantization.cal_kl_threshold import cal_kl_threshold


def main() -> None:
    """Search every histogram's threshold on one core."""
    path, repeats = sys.argv[1], int(sys.argv[2])
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    found = []
    with np.load(path, allow_pickle=False) as arrays:
        for index in range(len(arrays.files) // 2):
            counts, width = arrays[f"counts{index}"], float(arrays[f"width{index}"])
            seconds = []
            for _ in range(repeats):
                started = time.process_time()
                threshold = cal_kl_threshold(counts, width, 8)
                seconds.append(time.process_time() - started)
            found.append({"threshold": float(threshold), "seconds": min(seconds)})
    print(json.dumps(found))


if __name__ == "__main__":
    main()
