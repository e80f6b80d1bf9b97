"""What is written is what was shown, or nothing."""

import json

import numpy as np
import onnx
import pytest

from quant import calibrate, load, open_data, preset, quantize
from quant.ablation import weights_only
from quant.errors import ExportError
from quant.export.verified import begins_small, check_valid, recipe_path, shaken_db, verify
from quant.model.serialize import to_bytes
from quant.passes.simulate_qdq import SimulateQdq
from quant.recipe.recipe import Recipe
from quant.runtime.session import InferenceSession
from quant.runtime.shaking import shaken
from tests.models import conv_relu, from_text, images


@pytest.fixture
def made():
    model = load(conv_relu().SerializeToString())
    return quantize(model, calibrate(model, open_data(images())), preset("everything"))


def wrong_scale(content: bytes) -> bytes:
    """The model with one activation scale a quarter of what it was."""
    model = onnx.load_from_string(content)
    scale = next(t for t in model.graph.initializer if t.name == "r_scale")
    scale.raw_data = (onnx.numpy_helper.to_array(scale) * np.float32(0.25)).tobytes()
    return model.SerializeToString()


def test_a_saved_model_is_the_one_in_memory_with_its_recipe_beside_it(made, tmp_path):
    report = made.save(tmp_path / "net.onnx")
    assert (tmp_path / "net.onnx").read_bytes() == made.to_bytes()
    assert Recipe.loads((tmp_path / "net.recipe.json").read_text()) == made.recipe
    assert report.size_bytes == len(made.to_bytes())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.onnx", "net.recipe.json"]


def test_a_name_without_suffix_gets_one(made, tmp_path):
    assert made.save(tmp_path / "net").path == tmp_path / "net.onnx"
    assert recipe_path(tmp_path / "net.onnx") == tmp_path / "net.recipe.json"


def test_the_verification_runs_every_level(made):
    checks = made.verify()
    assert [check.level for check in checks] == ["all", "extended", "basic", "disabled"]
    assert all(check.sqnr_db > 40 for check in checks)


@pytest.fixture
def wrongly_written(made, monkeypatch):
    """The file holds another scale than the graph that it was made from."""

    def wrong(graph):
        return wrong_scale(to_bytes(graph)) if graph is made.graph else to_bytes(graph)

    monkeypatch.setattr("quant.export.verified.to_bytes", wrong)


@pytest.mark.usefixtures("wrongly_written")
def test_a_model_that_computes_something_else_is_not_written(made, tmp_path):
    with pytest.raises(ExportError, match="other outputs than the simulation"):
        made.save(tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


def test_a_fragile_file_may_begin_to_differ_by_a_few_codes_and_not_by_a_scale(made):
    simulated = made.graph.clone()
    SimulateQdq()(simulated)
    assert begins_small(made.to_bytes(), simulated, made.probe)
    assert not begins_small(wrong_scale(made.to_bytes()), simulated, made.probe)


CHAOTIC = """<ir_version: 8, opset_import: ["" : 17]>
    net (float[N, 8] x) => (float[N, 8] y) {
        a = MatMul (x, w)
        b = Mul (x, many)
        c = Sin (b)
        y = Add (a, c)
    }"""


@pytest.fixture
def chaotic():
    """A Sin of ten million times the input: its last digits decide about the outputs."""
    rng = np.random.default_rng(1)
    w = rng.normal(0, 0.1, (8, 8)).astype(np.float32)
    model = load(from_text(CHAOTIC, w=w, many=np.float32(1e7)).SerializeToString())
    data = open_data({"x": rng.normal(size=(16, 8)).astype(np.float32)}, model)
    return quantize(model, calibrate(model, data), weights_only(preset("everything")))


class Ties(InferenceSession):
    """With optimization, as if kernels had rounded other ties."""

    def __init__(self, model, *, level="all", **options):
        super().__init__(model, level=level, **options)
        self.level = level

    def run(self, feeds):
        rng = np.random.default_rng(9)
        return super().run(feeds if self.level == "disabled" else shaken(feeds, 1e-6, rng))


def test_a_chaotic_model_is_written_though_kernels_round_other_ties(chaotic, monkeypatch):
    monkeypatch.setattr("quant.export.verified.InferenceSession", Ties)
    checks = chaotic.verify()
    assert checks[0].sqnr_db < 10
    assert checks[-1].sqnr_db > 40


def test_what_shaking_does_to_a_calm_model_excuses_no_other_scale(made, chaotic):
    simulated = made.graph.clone()
    SimulateQdq()(simulated)
    assert shaken_db(simulated, made.probe) > 60
    simulated = chaotic.graph.clone()
    SimulateQdq()(simulated)
    assert shaken_db(simulated, chaotic.probe) < 10
    with pytest.raises(ExportError, match="other outputs than the simulation"):
        verify(wrong_scale(made.to_bytes()), made.graph, made.probe, "net")


def test_an_invalid_model_is_not_written(made):
    model = onnx.load_from_string(made.to_bytes())
    model.graph.node[0].input[0] = "nowhere"
    with pytest.raises(ExportError, match=r"onnx\.checker refuses"):
        check_valid(model.SerializeToString(), "net.onnx")


def test_a_failed_export_keeps_the_file_that_was_there(made, tmp_path, request):
    made.save(tmp_path / "net.onnx")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    request.getfixturevalue("wrongly_written")
    with pytest.raises(ExportError):
        made.save(tmp_path / "net.onnx")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    assert json.loads(before["net.recipe.json"])["version"] == 1


def test_the_simulation_of_large_weights_is_the_same(made, monkeypatch):
    def simulated():
        graph = made.graph.clone()
        SimulateQdq()(graph)
        return InferenceSession(to_bytes(graph), level="disabled").run(made.probe)

    stored = simulated()
    monkeypatch.setattr("quant.passes.simulate_qdq._STORED_NUMBERS", 0)
    computed = simulated()
    assert all(np.array_equal(stored[name], computed[name]) for name in stored)
