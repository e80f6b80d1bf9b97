"""What is asked of an int8 model: a number that it shall reach."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from analysis.trying.scores import Scores
from quant.errors import DataError

Goal = Literal["sqnr", "agreement", "metric"]

_FORMS: Final[dict[str, Goal]] = {
    r"([0-9.]+) ?dB": "sqnr",
    r"([0-9.]+) ?% ?(?:of )?agreement": "agreement",
    r"-([0-9.]+) ?points?": "metric",
}


@dataclass(frozen=True)
class Target:
    """A number that an int8 model shall reach.

    Attributes:
        goal: The least output sqnr, the share of samples predicted as float does, or what the
            metric may lose.
        value: In dB; a share of 0 to 1; in the metric's unit, where 1 of ``%`` is a point.
    """

    goal: Goal
    value: float

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Read ``30 dB``, ``99 % agreement`` or ``-0.5 points``.

        Raises:
            DataError: For anything else.
        """
        for form, goal in _FORMS.items():
            found = re.fullmatch(form, text.strip(), re.IGNORECASE)
            if found and found[1].count(".") <= 1 and found[1] != ".":
                number = float(found[1])
                return cls(goal, number if goal == "sqnr" else number / 100)
        raise DataError(
            "target: expected a form such as '30 dB', '99 % agreement' or '-0.5 points', found "
            f"{text!r}"
        )

    def __str__(self) -> str:
        match self.goal:
            case "sqnr":
                return f"{self.value:g} dB"
            case "agreement":
                return f"{100 * self.value:g} % agreement"
            case "metric":
                return f"-{100 * self.value:g} points"

    def missing(self, scores: Scores) -> float:
        """How far scores are from it, in its own unit; 0 or less where they reach it.

        Raises:
            DataError: If the scores have no such number.
        """
        match self.goal:
            case "sqnr":
                return self.value - scores.sqnr_db
            case "agreement":
                if scores.agreement is None:
                    raise DataError(
                        f"target {self}: expected a first output that is a row of scores for each "
                        "sample, found another; ask for a number of dB"
                    )
                return self.value - scores.agreement
            case "metric":
                if scores.loss is None:
                    raise DataError(
                        f"target {self}: expected a metric, found none; name one, or ask for a "
                        "number of dB"
                    )
                return scores.loss - self.value
