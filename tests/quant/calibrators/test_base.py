from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest

from quant.calibrators import (
    REGISTRY,
    Calibrator,
    CostCurve,
    calibrator_from_json,
    calibrator_names,
    own_calibrators,
    register,
)
from quant.errors import RecipeError
from quant.io.codec import to_json


def test_every_algorithm_of_the_folder_is_registered():
    assert calibrator_names() == (
        "balanced",
        "best",
        "js",
        "kl",
        "minmax",
        "mse",
        "outlier_removal",
        "percentile",
        "symmetric_kl",
        "tool",
    )
    assert own_calibrators() == tuple(n for n in calibrator_names() if n != "tool")


def test_a_name_is_registered_once():
    class Twin(Calibrator):
        name = "kl"

    with pytest.raises(ValueError, match="registered already"):
        register(Twin)
    assert REGISTRY["kl"] is not Twin


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"name": "median"}, "unknown name 'median'; choose one of balanced, best, js, kl"),
        ({}, "unknown name ''; choose one of balanced, best"),
        ({"name": None}, "calibrator: name: expected a text, found None"),
        ("kl", "expected an object"),
        ({"name": "kl", "p": 1}, "unknown field 'p'"),
        ({"name": "kl", "options": {"bins": 9}}, "options: unknown field 'bins'; expected none"),
        (
            {"name": "percentile", "options": {"q": 9}},
            "options: unknown field 'q'; expected one of p",
        ),
        (
            {"name": "percentile", "options": {"p": "99"}},
            "options.p: expected a number, found '99'; correct it",
        ),
        ({"name": "percentile", "options": {"p": True}}, "expected a number, found True"),
        ({"name": "percentile", "options": {"p": 101}}, "expected 50.0 to 100.0 %, found 101"),
        ({"name": "percentile", "options": {"p": float("nan")}}, "found nan"),
        ({"name": "percentile", "options": [99]}, "options: expected an object"),
    ],
)
def test_a_document_that_makes_no_sense_is_refused_in_one_sentence(document, message):
    with pytest.raises(RecipeError) as raised:
        calibrator_from_json(document)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_options_of_every_plain_type_are_checked():
    @dataclass(frozen=True)
    class Strange(Calibrator):
        name: ClassVar[str] = "strange"
        bins: int = field(default=8, metadata={"min": 1, "max": 9})
        both: bool = False
        how: str = "well"

    assert to_json(Strange(bins=9, both=True, how="so")) == {
        "name": "strange",
        "options": {"bins": 9, "both": True, "how": "so"},
    }
    for options, message in [
        ({"bins": 2.5}, "a whole number"),
        ({"bins": 10}, "1 to 9, found 10"),
        ({"both": 1}, "true or false"),
        ({"how": 1}, "text"),
    ]:
        with pytest.raises(RecipeError, match=message):
            Strange(**options)


def test_best_is_the_largest_threshold_of_a_tie():
    curve = CostCurve(
        "any", np.asarray([1.0, 2.0, 3.0, 4.0]), np.asarray([0.5, 0.25, 0.25, np.inf])
    )
    assert curve.best == 3.0
