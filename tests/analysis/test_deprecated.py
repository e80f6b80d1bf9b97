"""Every name of version 0.1 still resolves; one that changed says what it is called now."""

import dataclasses
import importlib
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

import analysis
import quant
from analysis.deprecated import RENAMED
from analysis.findings import Finding
from tests.quant.statistics.statistics_of import statistics_of

ANALYSIS_0_1 = [
    "METRICS",
    "Analysis",
    "ChoiceRow",
    "Comparison",
    "Effect",
    "ErrorStats",
    "Evidence",
    "Finding",
    "Fix",
    "LocalError",
    "Metric",
    "SampleError",
    "SampleErrors",
    "Scores",
    "Split",
    "analyze",
    "benefit",
    "choice_rows",
    "compare",
    "disagreement_db",
    "divergence_curves",
    "figures",
    "find",
    "judge_samples",
    "local_error",
    "metric_from_file",
    "sensitivity",
    "split",
]
QUANT_0_1 = [
    "Calibration",
    "Cancelled",
    "DataError",
    "Dataset",
    "ExportError",
    "Model",
    "ModelError",
    "PerChannel",
    "PerTensor",
    "Plan",
    "Progress",
    "QType",
    "QuantError",
    "QuantParams",
    "QuantSpec",
    "QuantizedModel",
    "Recipe",
    "RecipeError",
    "Rule",
    "Settings",
    "calibrate",
    "load",
    "open_data",
    "plan",
    "preset",
    "preset_names",
    "quantize",
]


@pytest.mark.parametrize("name", [name for name in ANALYSIS_0_1 if name not in RENAMED])
def test_a_kept_name_of_analysis_is_there_and_public(name):
    assert name in analysis.__all__
    assert getattr(analysis, name) is not None


@pytest.mark.parametrize("name", QUANT_0_1)
def test_every_name_of_quant_is_kept(name):
    assert name in quant.__all__
    assert getattr(quant, name) is not None


def test_the_old_names_are_those_that_are_gone():
    assert set(RENAMED) == set(ANALYSIS_0_1) - set(analysis.__all__)


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_name_is_the_new_thing_and_says_so_where_it_is_used(old):
    new, where = RENAMED[old]
    with pytest.warns(DeprecationWarning, match=re.escape(f"now called analysis.{new};")) as said:
        found = getattr(analysis, old)
    module, name = where.split(":")
    assert found is getattr(importlib.import_module(module), name)
    assert new.split("(")[0] in analysis.__all__
    assert said[0].filename == __file__


def test_the_choices_of_statistics_alone_are_still_given():
    stats = statistics_of(np.linspace(-1, 1, 1000, dtype=np.float32))
    with pytest.warns(DeprecationWarning, match="range_candidates"):
        rows = analysis.choice_rows(stats, quant.QuantSpec(quant.QType.INT8, symmetric=True))
    assert {"minmax", "kl", "paddle.kl"} <= {row.name for row in rows}


def test_a_name_that_never_was_is_refused_as_python_does():
    with pytest.raises(AttributeError, match="module 'analysis' has no attribute 'nothing'"):
        _ = analysis.nothing


def test_the_module_of_the_first_notebook_still_imports():
    sys.modules.pop("analysis.weights", None)
    with pytest.warns(DeprecationWarning, match=r"analysis\.ranges\.weight_channels") as said:
        old = importlib.import_module("analysis.weights")
    assert len(said) == 1
    new = importlib.import_module("analysis.ranges.weight_channels")
    assert old.weight_channels is new.weight_channels


def test_the_calibrators_of_the_first_notebook_are_where_they_were():
    from quant.calibrators import calibrator_named

    assert calibrator_named("best").label


def test_the_figures_of_a_finding_are_its_numbers():
    finding = Finding("kind", "info", "title", "", "", "evidence", numbers={"loss_db": 1.0})
    with pytest.warns(DeprecationWarning, match=r"Finding\.numbers") as said:
        assert finding.figures == {"loss_db": 1.0}
    assert said[0].filename == __file__


@pytest.mark.parametrize(("old", "new"), [("split", "ablation"), ("judged", "sample_errors")])
def test_the_old_results_of_an_analysis_are_there_under_their_old_names(old, new):
    fields = dict.fromkeys(field.name for field in dataclasses.fields(analysis.Analysis))
    found = analysis.Analysis(**{**fields, new: "it"})
    with pytest.warns(DeprecationWarning, match=rf"Analysis\.{new}") as said:
        assert getattr(found, old) == "it"
    assert said[0].filename == __file__


def test_importing_the_packages_warns_nothing():
    code = "import quant, analysis, analysis.figures, analysis.report, app.cli.entry"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_using_only_today_s_names_warns_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in analysis.__all__:
            getattr(analysis, name)
