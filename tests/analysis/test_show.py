"""Objects say what they are: a line in a console, a small table in a notebook."""

import math
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest

import analysis
import quant
from analysis.findings.finding import Finding, Fix
from analysis.metrics import MetricChange
from analysis.study.store import MemoryStore
from quant.io.show import one_line, sparkline, table
from tests.models import conv_relu, images
from tests.quant.statistics.statistics_of import statistics_of

HOSTILE = '<script>alert("1")</script>\n&' * 20


class Balance(HTMLParser):
    """Fails where a tag closes another than the one that is open."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.seen = set()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shown")
    path = folder / "net.onnx"
    path.write_bytes(conv_relu().SerializeToString())
    np.savez(folder / "data.npz", **images(8))
    model = quant.load(path)
    data = quant.open_data(folder / "data.npz", model)
    calibration = quant.calibrate(model, data)
    int8 = quant.quantize(model, calibration, quant.preset("everything"))
    found = analysis.analyze(int8, calibration, data, errors=["cumulative"])
    metric = analysis.METRICS["cosine"]
    study = analysis.Study(model, analysis.CalibrationData(data), data, int8.recipe, metric)
    study.run([analysis.CALIBRATING])
    hostile = replace(model, name=HOSTILE)
    renamed = replace(next(iter(calibration.tensors.values())), name=HOSTILE)
    named = MetricChange("m", HOSTILE, HOSTILE, True, 8, 0.5, 0.25, 0.0, 0.5)
    fix = Fix("Give it 16 bits", int8.recipe)
    finding = Finding(
        "clipping", "warning", "It clips", "n", "t", "12 % lie outside. " * 9, fix=fix
    )
    empty = replace(calibration, tensors={}, samples=0)
    return {
        "model": model,
        "hostile model": hostile,
        "model without nodes": replace(model, nodes=()),
        "model of 1,000 nodes": replace(model, nodes=(model.nodes[0],) * 1000),
        "calibration": calibration,
        "hostile calibration": replace(calibration, tensors={HOSTILE: renamed}),
        "empty calibration": empty,
        "zeros": statistics_of(np.zeros(8, np.float32)),
        "hostile tensor": renamed,
        "plan": int8.plan,
        "int8": int8,
        "hostile int8": replace(int8, float_model=hostile),
        "comparison": found.comparison,
        "comparison of nothing": replace(found.comparison, outputs={}, tensors={}),
        "hostile comparison": replace(
            found.comparison, tensors={HOSTILE: next(iter(found.comparison.outputs.values()))}
        ),
        "analysis": found,
        "study": study,
        "study before anything": replace(study, store=MemoryStore(), metric=None),
        "hostile study": replace(study, model=hostile, recipe=quant.Recipe(name=HOSTILE)),
        "data": data,
        "data with labels": quant.open_data({**images(6), "labels": np.array([0, 1, 2, 2, 2, 0])}),
        "data of one class": quant.open_data({**images(2), "labels": np.array([7, 7])}),
        "hostile data": quant.open_data({HOSTILE: np.ones((2, 3), np.float32)}),
        "recipe": int8.recipe,
        "hostile recipe": quant.Recipe(
            HOSTILE, rules=(quant.Rule("tensor", HOSTILE, {"range": (-1.0, 2.0)}),)
        ),
        "ablation": found.ablation,
        "ablation by a hostile metric": replace(found.ablation, metric=named),
        "ablation of nothing": replace(found.ablation, all=replace(found.ablation.all, outputs={})),
        "finding": finding,
        "hostile finding": replace(
            finding,
            title=HOSTILE,
            evidence=HOSTILE,
            numbers={HOSTILE: 1.0},
            fix=replace(fix, label=HOSTILE),
        ),
        "finding without a fix": replace(
            finding, fix=None, numbers={"least": math.nan, "most": 1e300}
        ),
    }


def test_the_line_is_one_and_short(objects):
    for name, shown in objects.items():
        line = repr(shown)
        assert line.isprintable(), name
        assert len(line) < 200, name


def test_the_html_is_balanced_small_and_escaped(objects):
    for name, shown in objects.items():
        text = shown._repr_html_()
        parser = Balance()
        parser.feed(text)
        parser.close()
        assert parser.open == [], name
        assert "script" not in parser.seen, name
        assert len(text) < 50_000, name


def test_a_long_table_says_how_many_rows_are_left(objects):
    assert "and 988 more" in objects["model of 1,000 nodes"]._repr_html_()


def test_the_line_tells_counts_and_errors(objects):
    assert "3 nodes (3 can be quantized), 1 input, 1 output" in repr(objects["model"])
    assert "over 8 samples" in repr(objects["calibration"])
    assert "output sqnr" in repr(objects["comparison"])
    assert "over 8 samples: calibrated, metric cosine" in repr(objects["study"])
    assert "not calibrated" in repr(objects["study before anything"])
    assert "8 samples for image" in repr(objects["data"])
    assert "with labels" in repr(objects["data with labels"])
    assert "activations uint8 asymmetric by mse" in repr(objects["recipe"])
    assert "weights only" in repr(objects["ablation"])
    assert objects["finding"].title in repr(objects["finding"])


def test_a_notebook_gets_the_whole_evidence_and_every_rule(objects):
    finding = objects["finding"]
    assert finding.evidence in unescape(finding._repr_html_())
    assert "range [-1.0, 2.0]" in unescape(objects["hostile recipe"]._repr_html_())
    assert "Samples by class, from 0 to 2" in objects["data with labels"]._repr_html_()


def test_showing_statistics_does_not_change_them(objects):
    stats = statistics_of(np.array([0, 0, 1], np.float32))
    before = stats.digest
    stats._repr_html_()
    assert replace(stats).digest == before


def test_what_has_no_curve_draws_none():
    assert sparkline([]) == sparkline([1.0]) == sparkline([float("inf"), float("nan")]) == ""
    assert "<svg" in sparkline([0.0, 0.0])


def test_text_is_escaped_and_cut():
    assert "&lt;b&gt;" in table(("Name",), [("<b>",)], 1)
    assert one_line("a\nb") == "a?b"
    assert len(one_line("x" * 1000)) == 60
