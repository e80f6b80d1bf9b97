"""Tables as files."""

import csv
import io

import pytest

from quant.io.tables import table_csv


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1+2", "@SUM(1+1)", "\t=1"])
def test_a_name_is_never_a_formula(name):
    (row,) = csv.DictReader(io.StringIO(table_csv([{"name": name, "value": -1.5}])))
    assert row == {"name": f"'{name}", "value": "-1.5"}
