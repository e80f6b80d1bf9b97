"""A recovery as tables and JSON."""

from dataclasses import asdict
from typing import Any

from analysis.recovery.story import Recovery
from quant.io.codec import plain
from quant.io.tables import finite

Row = dict[str, str | float | bool | None]


def pareto_table(recovery: Recovery) -> tuple[Row, ...]:
    """A row for each point. Units are in the names; shares run from 0 to 1, sizes are in bytes."""
    return tuple(
        {
            "name": p.name,
            "chosen": p.chosen,
            "int8_share": p.int8_share,
            "int8_share_real": p.int8_share_real,
            "latency_over_float": p.latency,
            "size_bytes": p.size,
            "float_nodes": p.float_nodes,
            "crossings": p.crossings,
            "sqnr_db": p.sqnr_db,
            "sqnr_low_db": p.sqnr_low_db,
            "sqnr_high_db": p.sqnr_high_db,
            "agreement": p.agreement,
            "agreement_low": p.agreement_low,
            "agreement_high": p.agreement_high,
            "metric_loss": p.loss,
            "expected_sqnr_db": p.expected_db,
        }
        for p in recovery.points
    )


def recovery_json(recovery: Recovery) -> dict[str, Any]:
    """What was tried in which order, promised, delivered and kept, with the recipes of the points.

    What is not finite is None.
    """
    fitted, judging = recovery.samples
    return finite(
        {
            "model": recovery.quantized.float_model.name,
            "model_sha256": recovery.quantized.float_model.fingerprint,
            "target": str(recovery.target),
            "reached": recovery.reached,
            "ended": recovery.ended,
            "chosen": recovery.point.name,
            "samples_that_choose": fitted,
            "samples_that_judge": judging,
            "floor_db": recovery.floor_db,
            "seconds": round(recovery.seconds, 2),
            "notes": list(recovery.notes),
            "attempts": [asdict(attempt) for attempt in recovery.attempts],
            "points": list(pareto_table(recovery)),
            "recipes": {name: plain(recipe) for name, recipe in recovery.recipes.items()},
        }
    )
