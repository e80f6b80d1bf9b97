"""Channels that never change over the whole calibration."""

from collections.abc import Iterable

import numpy as np

from analysis.findings.base import Measurements, register
from analysis.findings.finding import Finding
from analysis.findings.words import and_more, short
from quant.model.op_roles import CLAMPS

LEAST_SAMPLES = 2
"""A single sample may well leave a channel alone."""


@register("dead_channels")
def dead_channels(measurements: Measurements) -> Iterable[Finding]:
    """Channels that are constant: dead neurons, wrong preprocessing or data of one kind."""
    shares: dict[str, float] = {}
    counts: dict[str, tuple[int, int]] = {}
    for node in measurements.quantized.float_model.nodes:
        if node.weight is None and node.op_type not in CLAMPS:
            continue
        for name in measurements.quantized.float_model.float_outputs(node):
            stats = measurements.calibration.tensors.get(name)
            if stats is None or stats.channel_min is None or stats.samples < LEAST_SAMPLES:
                continue
            constant = int(np.count_nonzero(stats.channel_min == stats.channel_max))
            if constant:
                counts[name] = constant, len(stats.channel_min)
                shares[name] = constant / len(stats.channel_min)
    if not shares:
        return []
    worst = max(shares, key=shares.__getitem__)
    dead, channels = counts[worst]
    return [
        Finding(
            kind="dead_channels",
            severity="info",
            title=f"Channels of {short(worst)}{and_more(len(shares))} never change",
            node=measurements.node_of(worst),
            tensor=worst,
            evidence=(
                f"{dead} of {channels} channels have the same value in all "
                f"{measurements.calibration.samples} calibration samples. They cost no accuracy; "
                "check that the data covers them, or prune them from the model."
            ),
            numbers={"dead_share": shares[worst], "dead_channels": dead},
        )
    ]
