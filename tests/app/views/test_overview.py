"""The Overview and Graph pages of a measured model, and the jobs behind them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from analysis.metrics import METRICS
from analysis.study import measuring, sweeping
from analysis.study.ranking import unit_ranking
from analysis.sweep.unit_effects import sensitivity
from app.jobs import JobState
from app.session import user_session
from app.session.start_options import StartOptions, set_start_options, start_options
from app.tasks import measurement, ranking
from app.workspace.workspace import Workspace, workspace_of
from quant.errors import Cancelled
from quant.recipe.recipe import Rule
from tests.app.screen import named, project, put_recipe, select_row, tables
from tests.app.views.fresh import fresh_overview
from tests.app.views.test_views import healthy, started, texts, until
from tests.models import conv_relu, images

TOP1 = METRICS["top1"]


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    user_session.forget()
    yield
    user_session.forget()
    set_start_options(StartOptions())


@pytest.fixture
def opened(tmp_path: Path) -> AppTest:
    """The Overview page of a model that no other test has measured."""
    return fresh_overview(tmp_path)


@contextmanager
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A measurement that waits for the end of this."""
    go_on = threading.Event()
    whole = measuring.measure

    def waiting(*args: Any, **options: Any) -> Any:
        assert go_on.wait(60)
        return whole(*args, **options)

    monkeypatch.setattr(measuring, "measure", waiting)
    try:
        yield
    finally:
        go_on.set()


def measured(app: AppTest) -> AppTest:
    app.button(key="overview measure").click().run()
    until(app, lambda: bool(values(app)) and values(app)["Int8 latency"].endswith("ms"))
    return app.run()


def ranked(app: AppTest) -> AppTest:
    app.button(key="ranking start").click().run()
    until(app, lambda: any(b.key == "ranking start" and b.disabled for b in app.button))
    return app.run()


def values(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def work_of(app: AppTest) -> Workspace:
    found = workspace_of(project(app))
    assert found is not None
    return found


def test_before_measuring_every_part_says_what_to_press(opened: AppTest):
    healthy(opened)
    shown = values(opened)
    assert {shown[name] for name in ("Float", "Weights only", "Activations only", "All int8")} == {
        "–"
    }
    assert shown["Int8 file"].endswith(("kB", "bytes"))
    said = texts(opened)
    assert "Press Measure to see how much the weights cost" in said
    assert "Press Measure to see which inputs suffer most" in said
    assert "Press Rank layers: each of 4 layers is measured on 24 samples" in said


def test_measuring_fills_the_cards_the_depth_plot_and_the_samples(opened: AppTest):
    app = measured(opened)
    healthy(app)
    shown = values(app)
    assert all(shown[name].endswith("%") for name in ("Float", "Weights only", "All int8"))
    said = texts(app)
    assert "output sqnr **" in said
    assert "95 % interval of float minus int8" in said
    assert "24 samples" in said
    assert app.get("plotly_chart")
    assert said.count("Sample ") == 8
    assert "Pictures: each is stretched" in said
    assert project(app).measured is not None
    assert app.button(key="overview measure").disabled


def test_ranking_fills_the_table_worst_first_and_the_graph(opened: AppTest):
    app = ranked(opened)
    healthy(app)
    table = tables(app)[0]
    assert sorted(table.index) == ["conv1", "conv2", "flat", "pool"]
    assert table["sensitivity"].notna().all() or "flat" in set(table.index)
    assert list(table["benefit"]) == sorted(table["benefit"], reverse=True)
    assert "Ranked by output sqnr: Top-1 cannot tell" in texts(app)
    layers = tables(app.switch_page("views/layers/page.py").run())[0]
    assert layers["sensitivity"].notna()["conv1"]
    assert "relu1" not in layers.index
    app.switch_page("views/graph/page.py").run()
    select_row(app, "conv1")
    app.run()
    healthy(app)
    facts = app.table[0].value
    assert facts.loc["Sensitivity"].iloc[0].endswith("dB output sqnr")
    assert facts.loc["Benefit"].iloc[0].endswith("dB output sqnr")


@pytest.mark.parametrize("colour", ["local", "cumulative", "sensitivity", "benefit", "clip"])
def test_the_graph_draws_with_every_colouring(opened: AppTest, colour: str):
    app = opened.switch_page("views/graph/page.py")
    app.session_state["graph colours"] = colour
    app.run()
    healthy(app)
    assert ("is not known yet" in texts(app)) == (
        colour in {"cumulative", "sensitivity", "benefit"}
    )


def test_a_fix_changes_the_recipe_and_can_be_undone(opened: AppTest):
    worse = project(opened).recipe.with_rule(Rule("tensor", "r", {"range": (0.0, 0.05)}))
    put_recipe(worse)
    opened.run()
    until(opened, lambda: any(str(b.key).startswith("apply") for b in opened.button))
    next(b for b in opened.button if str(b.key).startswith("apply")).click().run()
    assert project(opened).recipe != worse
    opened.button(key="undo").click().run()
    assert project(opened).recipe == worse
    healthy(opened)


def test_a_fix_is_measured_at_once_beside_what_was_before(
    opened: AppTest, monkeypatch: pytest.MonkeyPatch
):
    put_recipe(project(opened).recipe.with_rule(Rule("tensor", "r", {"range": (0.0, 0.05)})))
    app = measured(opened.run())
    before, said = values(app), diagnosis_of(app)
    assert "Best fix: **" in said
    assert r"tried: \+" in said
    with held(monkeypatch):
        next(b for b in app.button if str(b.key).startswith("apply")).click().run()
        now = values(app)
        assert now["Float"] == before["Float"]
        assert now["All int8"] == f":gray[{before['All int8']}]"
        assert diagnosis_of(app) == ""
    until(app, lambda: values(app)["Int8 latency"].endswith("ms"))
    assert values(app)["All int8"] != before["All int8"] or diagnosis_of(app) != said
    healthy(app)


def diagnosis_of(app: AppTest) -> str:
    """The line that says what int8 loses; empty where there is none."""
    return next((m.value for m in app.markdown if m.value.startswith("Int8 ")), "")


def test_a_metric_is_a_built_in_one_or_a_python_file(opened: AppTest, tmp_path: Path):
    named(opened.selectbox, "overview metric").select("cosine").run()
    assert project(opened).metric == "cosine"
    named(opened.selectbox, "overview metric").select("file").run()
    named(opened.text_input, "overview metric path").set_value(str(tmp_path / "none.py")).run()
    assert "none.py" in opened.error[0].value
    assert "Until then Top-1 is used" in opened.error[0].value
    file, ran = tmp_path / "spread.py", tmp_path / "ran"
    text = (
        f"open({str(ran)!r}, 'a').close()\nhigher_is_better = False\nlabel = 'Spread'\n"
        "def metric(outputs, labels):\n    return float(outputs['scores'].std())\n"
    )
    file.write_text(text)
    named(opened.text_input, "overview metric path").set_value(str(file)).run()
    healthy(opened)
    assert project(opened).metric == str(file)
    assert not ran.exists()
    assert any("higher_is_better = False" in code.value for code in opened.code)
    opened.button(key="overview metric confirm").click().run()
    assert ran.exists()
    ran.unlink()
    file.write_text(text + "\n")
    opened.run()
    assert not ran.exists()
    opened.button(key="overview metric confirm").click().run()
    app = measured(opened)
    assert "Spread, output sqnr **equal**" in texts(app)
    healthy(app)


def test_who_sets_the_range_is_shown_for_the_chosen_layer(opened: AppTest):
    opened.session_state["samples view"] = "Who sets the range"
    select_row(opened, "conv2")
    opened.run()
    healthy(opened)
    stats = work_of(opened).calibration.tensors["d"]
    said = texts(opened)
    assert f"calibration sample {stats.max_sample}]" in said
    assert f"calibration sample {stats.min_sample}]" in said


def test_a_cancelled_ranking_keeps_what_is_there_and_goes_on_with_the_rest(
    opened: AppTest, monkeypatch: pytest.MonkeyPatch
):
    found = work_of(opened)
    assert not found.ranking.sensitivity
    asked: list[set[str]] = []
    whole = sweeping.unit_effects

    def interrupted(kind: str, *args: Any, **options: Any) -> Any:
        if kind == "benefit":
            return whole(kind, *args, **options)
        asked.append(set(options["known"]))
        seen: list[str] = []

        def keep(effect: Any) -> None:
            options["on_effect"](effect)
            seen.append(effect.unit)
            if len(asked) == 1 and len(seen) == 2:
                raise Cancelled("enough")

        return whole(kind, *args, **{**options, "on_effect": keep})

    monkeypatch.setattr(sweeping, "unit_effects", interrupted)
    job = ranking.start_ranking(found)
    assert job.wait(30)
    assert job.state is JobState.CANCELLED
    half = unit_ranking(found.ranked)
    assert found.ranking.sensitivity == half.sensitivity
    assert len(half.sensitivity) == 2
    assert not half.complete
    opened.run()
    assert opened.button(key="ranking start").label == "Continue"
    assert len(tables(opened)[0]) == 2

    job = ranking.start_ranking(found)
    assert job.wait(30)
    assert asked[1] == set(half.sensitivity)
    done = unit_ranking(found.ranked)
    assert done.complete
    assert all(done.sensitivity[name] is effect for name, effect in half.sensitivity.items())
    straight = sensitivity(found.quantized, found.calibration, found.opened.evaluation, metric=TOP1)
    assert dict(done.sensitivity) == straight


def test_a_new_recipe_starts_from_nothing_and_the_old_one_is_still_known(opened: AppTest):
    app = ranked(opened)
    first = project(app).recipe
    named(app.selectbox, "overview preset").select("tensorrt").run()
    healthy(app)
    assert not app.button(key="ranking start").disabled
    app.button(key="undo").click().run()
    assert project(app).recipe == first
    assert app.button(key="ranking start").disabled


def test_details_that_fail_say_why(opened: AppTest, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: Any, **__: Any) -> Any:
        raise Cancelled("stopped")

    monkeypatch.setattr(measuring, "measure", broken)
    opened.button(key="overview measure").click().run()
    found = work_of(opened)
    job = measurement.job_of_measurement(found)
    assert job is not None
    assert job.wait(30)
    until(opened, lambda: "was cancelled" in texts(opened))
    assert not opened.button(key="overview measure").disabled
    assert measurement.measurement_job(project(opened)) is job


def test_what_is_open_is_measured_by_itself_once_and_where_that_is_quick(
    opened: AppTest, monkeypatch: pytest.MonkeyPatch
):
    set_start_options(replace(start_options(), measure=True))
    monkeypatch.setattr(measurement, "AT_ONCE", 0.0)
    assert not opened.run().button(key="overview measure").disabled
    monkeypatch.setattr(measurement, "AT_ONCE", 60.0)
    until(opened, lambda: values(opened)["Int8 latency"].endswith("ms"))
    named(opened.selectbox, "overview preset").select("tensorrt").run()
    assert not opened.button(key="overview measure").disabled  # another recipe waits to be asked
    healthy(opened)


def test_cards_and_samples_do_not_ask_to_press_measure_while_it_runs(
    opened: AppTest, monkeypatch: pytest.MonkeyPatch
):
    with held(monkeypatch):
        opened.button(key="overview measure").click().run()
        missing = {metric.delta for metric in opened.metric if metric.value == "–"}
        assert missing == {"being measured"}
        assert "Press Measure to see how much the weights cost" not in texts(opened)
        assert "Press Measure" not in texts(opened)
        assert "The model is being measured." in texts(opened)
    until(opened, lambda: values(opened)["Int8 latency"].endswith("ms"))
    healthy(opened)


def test_outputs_that_are_no_scores_are_shown_as_ranges(tmp_path: Path):
    (tmp_path / "net.onnx").write_bytes(conv_relu().SerializeToString())
    np.savez(tmp_path / "data.npz", **images(8))
    set_start_options(StartOptions(str(tmp_path / "net.onnx"), str(tmp_path / "data.npz")))
    app = started()
    until(app, lambda: bool(tables(app)))
    app = measured(app.switch_page("views/overview/page.py").run())
    healthy(app)
    assert "Cosine, output sqnr **equal**" in texts(app)
    shown = next(t.value for t in app.table if "Float" in t.value.columns)
    assert all(" to " in text for text in [*shown["Float"], *shown["Int8"]])
