"""Every page with nothing open, with a model that is calibrated, and with what goes wrong."""

import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from analysis.layers import unit_rows
from app.cli import entry
from app.session import user_session
from app.session.project import Project
from app.session.start_options import StartOptions, set_start_options
from app.tasks import opening
from app.workspace.workspace import workspace_of
from quant.calibrators import calibrator_named
from quant.recipe.edits import preset_of, with_everywhere
from quant.recipe.presets import preset
from quant.recipe.recipe import Recipe, Rule
from quant.repairs import REPAIRS
from tests.app.screen import named, plain, project, put, put_recipe, select_row, session, tables
from tests.models import conv_relu, from_text, images

MAIN = str(Path(__file__).resolve().parents[3] / "app" / "main.py")
LAYERS = ["image", "conv1", "conv2", "pool", "flat"]
PAGES = (
    "views/setup/page.py",
    "views/overview/page.py",
    "views/layers/page.py",
    "views/graph/page.py",
    "views/runtime/page.py",
    "views/export/page.py",
)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    user_session.forget()
    yield
    user_session.forget()
    set_start_options(StartOptions())


def classifier() -> bytes:
    rng = np.random.default_rng(7)
    text = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[batch, 3, 8, 8] image) => (float[batch, 2] scores)
    {
        [conv1] c = Conv <kernel_shape = [3, 3]> (image, w1)
        [relu1] r = Relu (c)
        [conv2] d = Conv <kernel_shape = [1, 1]> (r, w2)
        [pool] p = GlobalAveragePool (d)
        [flat] scores = Flatten (p)
    }
    """
    weights = {"w1": rng.standard_normal((4, 3, 3, 3)), "w2": rng.standard_normal((2, 4, 1, 1))}
    arrays = {name: array.astype(np.float32) for name, array in weights.items()}
    return from_text(text, **arrays).SerializeToString()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("net")
    (folder / "net.onnx").write_bytes(classifier())
    np.savez(folder / "data.npz", **images(8), labels=np.arange(8) % 2)
    return folder / "net.onnx", folder / "data.npz"


def started(page: str = "views/layers/page.py") -> AppTest:
    app = AppTest.from_file(MAIN, default_timeout=90).run()
    return app.switch_page(page).run()


def until(app: AppTest, reached: Callable[[], bool]) -> AppTest:
    for _ in range(600):
        if reached():
            return app
        time.sleep(0.1)
        app.run()
    raise AssertionError(texts(app))


def texts(app: AppTest) -> str:
    kinds = (app.markdown, app.info, app.error, app.warning, app.success, app.caption)
    return "\n".join(str(item.value) for kind in kinds for item in kind)


@pytest.fixture
def loaded(files: tuple[Path, Path]) -> AppTest:
    set_start_options(StartOptions(str(files[0]), str(files[1])))
    app = started()
    return until(app, lambda: bool(tables(app)))


def rows_of(app: AppTest):
    opened = workspace_of(project(app))
    assert opened is not None
    return opened.rows()


def healthy(app: AppTest) -> None:
    assert not app.exception
    assert not app.error, [error.value for error in app.error]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_with_nothing_open_says_what_to_do(page: str):
    put(Project(begun=True))
    app = started(page)
    healthy(app)
    assert "Setup" in texts(app) or app.get("button_group")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_a_model_that_is_not_calibrated_says_so(page: str, files: tuple[Path, Path]):
    source = opening.file_source(str(files[0]), str(files[1]))
    put(Project(source=source, samples=3, begun=True))
    app = started(page)
    healthy(app)
    assert page == "views/setup/page.py" or "not calibrated yet" in texts(app)


def test_a_model_that_is_not_calibrated_is_by_a_click(files: tuple[Path, Path]):
    put(Project(source=opening.file_source(str(files[0]), str(files[1])), samples=5, begun=True))
    app = started()
    next(b for b in app.button if b.label == "Calibrate").click().run()
    healthy(until(app, lambda: bool(tables(app))))


def test_where_nothing_is_open_the_sample_is_by_a_click():
    put(Project(begun=True))
    app = started()
    named(app.button, "open sample").click().run()
    healthy(until(app, lambda: bool(tables(app))))
    assert project(app).source == opening.sample_source(opening.find(opening.FIRST_SAMPLE))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_a_calibrated_model_draws(page: str, loaded: AppTest):
    app = loaded.switch_page(page).run()
    healthy(app)


def test_the_app_opens_the_fragile_sample_by_itself():
    app = started()
    assert project(app).source == opening.sample_source(opening.find(opening.FIRST_SAMPLE))
    assert preset_of(project(app).recipe) == "onnxruntime-default"
    until(app, lambda: bool(tables(app)))
    healthy(app)


@pytest.mark.parametrize(
    ("model", "data", "words"),
    [
        ("missing.onnx", "data.npz", "missing.onnx"),
        ("net.onnx", "missing.npz", "there is no such file"),
        ("net.onnx", "", "expected the path"),
        ("data.npz", "data.npz", "data.npz"),
    ],
)
def test_a_start_that_fails_is_one_sentence_in_place(
    files: tuple[Path, Path], model: str, data: str, words: str
):
    folder = files[0].parent
    set_start_options(StartOptions(str(folder / model), str(folder / data) if data else ""))
    app = started()
    assert not app.exception
    assert words in app.error[0].value
    assert "\n" not in app.error[0].value


def test_the_table_has_a_row_for_each_input_and_for_what_is_quantized_as_one(loaded: AppTest):
    table = tables(loaded)[0]
    assert list(table.index) == LAYERS
    assert table["op"]["conv1"] == "Conv + Relu"
    assert table["state"]["conv1"] == "int8"
    assert table["rmin"]["conv1"] == 0  # of what the Relu gives
    assert table["weight"]["conv1"] == "int8 per tensor"


def test_a_fused_layer_shows_its_range_and_all_of_its_settings(loaded: AppTest):
    for name in ("conv1", "relu1"):
        select_row(loaded, name)
        loaded.run()
        said = plain(texts(loaded))
        assert "**conv1** :gray[Conv + Relu, batch×4×6×6]" in said
        assert "Relu dropped, lossless" in said
        keys = [str(widget.key) for widget in (*loaded.selectbox, *loaded.toggle)]
        assert any(key.startswith("layer weight type of conv1") for key in keys)
        assert any(key.startswith("layer drop_activation of relu1") for key in keys)
        assert any(key.startswith("layer calibrator of relu1") for key in keys)


def test_a_fused_layer_is_skipped_and_taken_back_as_one(loaded: AppTest):
    select_row(loaded, "conv1")
    loaded.run()
    named(loaded.toggle, "layer skip").set_value(True).run()
    assert [rule.label for rule in project(loaded).recipe.rules] == ["node conv1", "node relu1"]
    states = tables(loaded)[0]["state"]
    assert (states["conv1"], states["relu1"]) == ("skipped", "skipped")
    named(loaded.toggle, "layer skip").set_value(False).run()
    assert tables(loaded)[0]["op"]["conv1"] == "Conv + Relu"
    healthy(loaded)


def test_the_address_of_a_tab_names_the_layer_that_it_shows(files: tuple[Path, Path]):
    set_start_options(StartOptions(str(files[0]), str(files[1])))
    app = AppTest.from_file(MAIN, default_timeout=90)
    app.query_params["layer"] = "conv2"
    app.run().switch_page("views/layers/page.py").run()
    until(app, lambda: bool(tables(app)))
    assert session(app).row == "conv2"
    assert "**conv2**" in texts(app)
    assert app.query_params["layer"] == "conv2"


def test_searching_keeps_the_layers_that_match(loaded: AppTest):
    loaded.text_input(key="layer search").set_value("relu").run()
    assert list(tables(loaded)[0].index) == ["conv1"]
    loaded.text_input(key="layer search").set_value("nothing").run()
    healthy(loaded)


def test_a_default_that_is_changed_can_be_undone_and_redone(loaded: AppTest):
    named(loaded.selectbox, "default calibrator").select("mse").run()
    assert project(loaded).recipe.defaults.calibrator.name == "mse"
    assert named(loaded.selectbox, "preset").value == "onnxruntime-default, changed"
    loaded.button(key="undo").click().run()
    assert named(loaded.selectbox, "default calibrator").value == "minmax"
    loaded.button(key="redo").click().run()
    assert named(loaded.selectbox, "default calibrator").value == "mse"
    healthy(loaded)


def test_settings_of_the_selected_layer_become_rules_for_it(loaded: AppTest):
    select_row(loaded, "conv2")
    loaded.run()
    named(loaded.toggle, "layer skip").set_value(True).run()
    assert [rule.label for rule in project(loaded).recipe.rules] == ["node conv2"]
    assert "skipped by node conv2" in texts(loaded)
    named(loaded.button, "layer reset").click().run()
    assert project(loaded).recipe.rules == ()
    healthy(loaded)


@pytest.mark.parametrize("view", ["Activation", "Weights"])
@pytest.mark.parametrize("preset", ["onnxruntime-default", "tensorrt", "recommended"])
def test_every_layer_can_be_selected(loaded: AppTest, preset: str, view: str):
    named(loaded.selectbox, "preset").select(preset).run()
    loaded.session_state["layer view"] = view
    for name in list(tables(loaded)[0].index):
        select_row(loaded, name)
        loaded.run()
        healthy(loaded)
        assert f"**{name}**" in texts(loaded)


def test_the_ranking_lists_every_tensor_once_its_choices_are_known(loaded: AppTest):
    loaded.get_by_key("layers view").set_value("Where tools disagree").run()
    until(loaded, lambda: any("tensors. Gap" in text.value for text in loaded.caption))
    table = tables(loaded)[0]
    assert set(table.index) == {u.name for u in unit_rows(rows_of(loaded)) if u.end.owner}
    assert list(table["gap"]) == sorted(table["gap"], reverse=True)
    healthy(loaded)


def test_a_choice_of_another_tool_is_the_calibrator_of_its_row(loaded: AppTest):
    recipe = with_everywhere(project(loaded).recipe, calibrator_named("paddle.kl"))
    put_recipe(recipe)
    loaded.run()
    healthy(loaded)
    assert "Paddle KL" in set(tables(loaded)[0]["calibrator"])


def test_an_uploaded_model_is_opened_under_its_own_name(files: tuple[Path, Path]):
    put(Project(begun=True))
    app = started("views/setup/page.py")
    app.get_by_key("setup how").set_value("Upload").run()
    app.file_uploader[0].upload("mine.onnx", files[0].read_bytes())
    app.run()
    app.text_input(key="setup data").set_value(str(files[1])).run()
    app.button(key="calibrate").click().run()
    until(app, lambda: bool(app.success))
    source = project(app).source
    assert source is not None
    assert (source.title, source.uploaded) == ("mine.onnx", True)
    app.switch_page("views/export/page.py").run()
    until(app, lambda: not app.button(key="save").disabled)
    assert "quantlens quantize mine.onnx" in app.code[0].value
    healthy(app)


def test_a_bulk_edit_is_one_rule_for_all_that_match(loaded: AppTest):
    loaded.session_state["bulk_edit"] = True
    loaded.run()
    loaded.selectbox(key="bulk type").select("Conv").run()
    loaded.selectbox(key="bulk Skip (float)").select("yes").run()
    loaded.button(key="bulk apply").click().run()
    assert [rule.label for rule in project(loaded).recipe.rules] == ["op_type Conv"]
    healthy(loaded)


def test_choices_survive_leaving_the_page(loaded: AppTest):
    named(loaded.selectbox, "preset").select("tensorrt").run()
    loaded.switch_page("views/export/page.py").run()
    loaded.switch_page("views/layers/page.py").run()
    assert named(loaded.selectbox, "preset").value == "tensorrt"


def test_a_new_tab_goes_on_where_the_last_one_was(loaded: AppTest):
    named(loaded.selectbox, "preset").select("tensorrt").run()
    other = started()
    assert named(other.selectbox, "preset").value == "tensorrt"


def test_measuring_fills_the_cards_and_the_column(loaded: AppTest):
    loaded.button(key="measure").click().run()
    until(loaded, lambda: project(loaded).measured is not None)
    loaded.run()
    values = {metric.label: metric.value for metric in loaded.metric}
    assert values["Float top-1"].endswith("%")
    assert values["Int8 top-1, now"].endswith("%")
    assert tables(loaded)[0]["cumulative"].notna().any()
    named(loaded.selectbox, "default calibrator").select("mse").run()
    values = {metric.label: metric.value for metric in loaded.metric}
    assert values["Int8 top-1, now"] == "–"
    assert values["Int8 top-1, baseline"].endswith("%")
    healthy(loaded)


def test_history_says_what_changed_from_one_measured_recipe_to_the_next(loaded: AppTest):
    def measure() -> None:
        loaded.button(key="measure").click().run()
        until(loaded, lambda: project(loaded).measured is not None)
        loaded.run()

    measure()
    named(loaded.selectbox, "default calibrator").select("mse").run()
    select_row(loaded, "conv2")
    loaded.run()
    named(loaded.toggle, "layer skip").set_value(True).run()
    measure()
    loaded.session_state["history"] = True
    loaded.run()
    table = next(item.value for item in loaded.dataframe if "change" in item.value)
    assert list(table["change"]) == [
        "calibrator MSE instead of MinMax; conv2: skip yes",
        "measured first",
    ]
    assert [name.endswith(", baseline") for name in table["recipe"]] == [False, True]
    named(loaded.selectbox, "default calibrator").select("kl").run()
    loaded.switch_page("views/overview/page.py").run()
    since_first = "Changed since: calibrator KL divergence instead of MinMax; conv2: skip yes."
    assert since_first in plain(texts(loaded))
    loaded.switch_page("views/layers/page.py").run()
    loaded.session_state["history"] = True
    loaded.run()
    next(b for b in loaded.button if str(b.key).startswith("baseline")).click().run()
    loaded.switch_page("views/overview/page.py").run()
    assert "Changed since: calibrator KL divergence instead of MSE." in plain(texts(loaded))
    assert "The same samples calibrate and judge" in plain(texts(loaded))
    healthy(loaded)


def test_a_model_without_class_scores_is_measured_by_its_sqnr(tmp_path: Path):
    (tmp_path / "net.onnx").write_bytes(conv_relu().SerializeToString())
    np.savez(tmp_path / "data.npz", **images(8))
    set_start_options(StartOptions(str(tmp_path / "net.onnx"), str(tmp_path / "data.npz")))
    app = started()
    until(app, lambda: bool(tables(app)))
    app.button(key="measure").click().run()
    until(app, lambda: project(app).measured is not None)
    app.run()
    values = {metric.label: metric.value for metric in app.metric}
    assert "Int8 top-1, now" not in values
    assert values["Output sqnr, now"].endswith("dB")
    healthy(app)


def test_the_export_page_verifies_saves_and_says_how_to_repeat_it(loaded: AppTest, tmp_path: Path):
    named(loaded.toggle, "default per channel").set_value(True).run()
    loaded.switch_page("views/export/page.py").run()
    until(loaded, lambda: not loaded.button(key="save").disabled)
    target = tmp_path / "out.onnx"
    loaded.text_input(key="export path").set_value(str(target)).run()
    loaded.button(key="save").click().run()
    until(loaded, lambda: bool(loaded.success))
    assert str(target) in plain(loaded.success[0].value)
    assert {path.name for path in tmp_path.iterdir()} == {"out.onnx", "out.recipe.json"}
    healthy(loaded)

    words = shlex.split(loaded.code[0].value.replace("\\\n", " "))
    again = tmp_path / "again.onnx"
    assert words[0] == "quantlens"
    assert words[-2:] == ["--out", str(target)]
    assert entry.main([*words[1:-1], str(again)]) == 0
    assert again.read_bytes() == target.read_bytes()


def test_a_folder_that_is_not_there_is_one_sentence(loaded: AppTest, tmp_path: Path):
    loaded.switch_page("views/export/page.py").run()
    until(loaded, lambda: not loaded.button(key="save").disabled)
    loaded.text_input(key="export path").set_value(str(tmp_path / "no" / "out.onnx")).run()
    loaded.button(key="save").click().run()
    until(loaded, lambda: bool(loaded.error))
    assert "its folder does not exist" in loaded.error[0].value
    assert list(tmp_path.iterdir()) == []


def test_a_report_waits_for_what_it_tells(files: tuple[Path, Path], tmp_path: Path):
    # Data of its own: what other tests measured is known to all pages of the process.
    np.savez(tmp_path / "data.npz", **images(7), labels=np.arange(7) % 2)
    set_start_options(StartOptions(str(files[0]), str(tmp_path / "data.npz"), measure=False))
    loaded = started()
    until(loaded, lambda: bool(tables(loaded)))
    loaded.switch_page("views/export/page.py").run()
    report = next(b for b in loaded.get("download_button") if b.label == "Download report")
    assert report.proto.disabled
    assert "Measure on Overview first" in report.proto.help


def test_a_model_that_does_not_open_leaves_the_open_one_alone(loaded: AppTest, tmp_path: Path):
    before = project(loaded)
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"no model")
    loaded.switch_page("views/setup/page.py").run()
    loaded.text_input(key="setup model").set_value(str(bad)).run()
    assert "bad.onnx" in loaded.error[0].value
    assert project(loaded) == before


def test_calibrating_fewer_samples_makes_other_statistics(loaded: AppTest):
    loaded.switch_page("views/setup/page.py").run()
    loaded.number_input(key="setup samples").set_value(5).run()
    loaded.button(key="calibrate").click().run()
    until(loaded, lambda: bool(loaded.success))
    assert project(loaded).samples == 5
    opened = workspace_of(project(loaded))
    assert opened is not None
    assert opened.calibration.samples == 5
    healthy(loaded)


def test_repairs_are_chosen_and_taken_back(loaded: AppTest):
    put_recipe(preset("recommended"))
    loaded.run()
    chosen = named(loaded.multiselect, "Repairs")
    assert set(chosen.options) == set(REPAIRS.names())
    assert tuple(chosen.value) == preset("recommended").repairs
    chosen.set_value(["bias_correction"]).run()
    assert project(loaded).recipe.repairs == ("bias_correction",)
    assert not preset_of(project(loaded).recipe)
    loaded.button(key="undo").click().run()
    assert project(loaded).recipe.repairs == preset("recommended").repairs
    healthy(loaded)


def test_a_model_that_gives_no_scores_has_no_cards_of_answers(tmp_path: Path):
    body = "[conv1] c = Conv <kernel_shape = [1, 1]> (image, w) [relu1] map = Relu (c)"
    text = f"""<ir_version: 8, opset_import: ["" : 17]>
    net (float[N, 3, 8, 8] image) => (float[N, 2, 8, 8] map) {{ {body} }}"""
    weights = np.random.default_rng(1).standard_normal((2, 3, 1, 1)).astype(np.float32)
    (tmp_path / "net.onnx").write_bytes(from_text(text, w=weights).SerializeToString())
    np.savez(tmp_path / "data.npz", **images(8))
    set_start_options(StartOptions(str(tmp_path / "net.onnx"), str(tmp_path / "data.npz")))
    app = started()
    until(app, lambda: bool(tables(app)))
    assert [card.label for card in app.metric] == ["Output sqnr, baseline", "Output sqnr, now"]
    app.button(key="measure").click().run()
    until(app, lambda: project(app).measured is not None)
    app.run()
    values = {card.label: card.value for card in app.metric}
    assert values.keys() == {"Output sqnr, baseline", "Output sqnr, now"}
    assert all(value.endswith("dB") for value in values.values())
    healthy(app)


def test_runtime_shows_what_runs_and_follows_the_recipe(loaded: AppTest):
    app = loaded.switch_page("views/runtime/page.py").run()
    until(app, lambda: bool(tables(app)))
    healthy(app)
    (table,) = tables(app)
    assert table.loc["conv1", "runs"] == "on integers"
    assert table.loc["conv1", "kernel"] == "QLinearConv"
    assert "relu1" not in table.index  # it ends in the kernel of conv1
    labels = {metric.label: metric.value for metric in app.metric}
    assert labels["Multiply-adds on integers"] == "100.0 %"
    recipe = Recipe("mine", rules=(Rule("node", "conv2", {"skip": True}),))
    put_recipe(recipe)
    app.run()
    until(app, lambda: bool(tables(app)) and tables(app)[0].loc["conv2", "runs"] == "in float")
    assert "skip" in tables(app)[0].loc["conv2", "why"].lower()
    healthy(app)


def test_layers_are_computed_in_integers_when_it_is_asked_for(loaded: AppTest):
    put_recipe(preset("everything"))
    app = loaded.switch_page("views/runtime/page.py").run()
    until(app, lambda: bool(tables(app)))
    named(app.button, "compute integers").click().run()
    until(app, lambda: len(tables(app)) == 2)
    healthy(app)
    found = tables(app)[1]
    assert list(found.index) == ["conv1", "conv2"]
    assert (found["once"] == 0).all()
    assert (found["bits"] <= 32).all()
    assert [b.label for b in app.get("download_button")] == ["C header", "JSON"]
