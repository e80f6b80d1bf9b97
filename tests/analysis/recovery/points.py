"""Points and a recovery that are made up."""

import math

from analysis.recovery.story import Attempt, Point, Recovery
from analysis.recovery.target import Target
from quant.pipeline import QuantizedModel


def point(name: str, *, share: float, db: float, chosen: bool = False) -> Point:
    """A point of which only what figures draw differs."""
    return Point(
        name=name,
        chosen=chosen,
        sqnr_db=db,
        sqnr_low_db=db - 1,
        sqnr_high_db=db + 2,
        agreement=0.9,
        agreement_low=0.8,
        agreement_high=0.95,
        loss=None,
        expected_db=db,
        int8_share=share,
        int8_share_real=share,
        latency=0.5,
        size=1_000_000,
        float_nodes=3,
        crossings=2,
    )


POINTS = (
    point("start <b>", share=1.0, db=10.0),
    point("best", share=0.9, db=20.0, chosen=True),
    point("float", share=0.0, db=math.inf),
)


def recovery(quantized: QuantizedModel) -> Recovery:
    """A recovery of a model."""
    attempt = Attempt("float", "best", 19.0, 20.0, 10.0, kept=True, why="the best")
    return Recovery(
        quantized=quantized,
        before=POINTS[0],
        target=Target("sqnr", 15.0),
        reached=True,
        ended="It is reached.",
        attempts=(attempt,),
        points=POINTS,
        recipes={found.name: quantized.recipe for found in POINTS},
        samples=(4, 2),
        floor_db=0.1,
        notes=("A note.",),
        seconds=1.0,
    )
