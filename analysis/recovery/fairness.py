"""Is the target fair? What the data cannot answer, said before anything is searched."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.metrics.scores import predictions
from analysis.trying.scores import Scores

_NEXT_TO_NOTHING: Final = 0.005
"""An output of probabilities whose root mean square is below this says 'nothing here'."""


def unfair(reference: Sequence[Mapping[str, NDArray[np.generic]]], scores: Scores) -> list[str]:
    """What makes a target say little on these samples, as sentences.

    Args:
        reference: The float model's outputs, one mapping a sample.
        scores: The scores of an int8 model on these samples.
    """
    notes: list[str] = []
    worst = min(scores.outputs_db, key=lambda name: scores.outputs_db[name], default="")
    if worst and len(scores.outputs_db) > 1:
        count = sum(outputs[worst].size for outputs in reference)
        rms = (sum(scores.signal[worst]) / max(count, 1)) ** 0.5
        if rms < _NEXT_TO_NOTHING:
            notes.append(
                f"The worst output, {worst}, holds next to nothing on these samples (rms {rms:.1g})"
                ": add samples in which it says something, or do not let it count "
                f"(--ignore {worst})."
            )
    first = next(iter(reference[0]))
    answers = [predictions(outputs[first], 1) for outputs in reference]
    classes = {int(found[0]) for found in answers if found is not None}
    if len(classes) == 1 and len(reference) > 1:
        notes.append(
            "The float model predicts one class for all samples, so agreement says nothing; add "
            "samples of other classes."
        )
    return notes
