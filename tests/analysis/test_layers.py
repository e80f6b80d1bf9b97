import math

import pytest

from analysis.layers import clipping_db, layer_rows, rounding_db, unit_rows
from quant import calibrate, load, open_data, preset, quantize
from quant.error_model.local_error import LocalError, local_error
from quant.recipe.recipe import Recipe, Rule
from tests.models import conv_relu, images


@pytest.fixture(scope="module")
def model():
    return load(conv_relu().SerializeToString())


@pytest.fixture(scope="module")
def calibration(model):
    return calibrate(model, open_data(images()))


def rows(model, calibration, recipe: Recipe):
    found = layer_rows(quantize(model, calibration, recipe), calibration)
    return {row.name: row for row in found}


def test_inputs_and_nodes_are_rows_in_topological_order(model, calibration):
    found = rows(model, calibration, preset("everything"))
    assert list(found) == ["image", "conv1", "relu1", "conv2"]
    assert found["image"].op_type == "Input"


def test_a_row_has_the_range_and_the_local_error_of_its_own_output(model, calibration):
    quantized = quantize(model, calibration, preset("onnxruntime-default"))
    row = next(r for r in layer_rows(quantized, calibration) if r.name == "conv2")
    stats = calibration.tensors["out"]
    assert (row.rmin, row.rmax) == (stats.low, stats.high)
    assert row.local == local_error(stats, quantized.params["out"])
    assert row.weight == "int8 per tensor"


def test_a_node_with_a_fused_activation_leaves_the_range_to_it(model, calibration):
    found = rows(model, calibration, preset("everything"))
    assert found["conv1"].state == "fused"
    assert found["conv1"].rmin is None
    assert found["relu1"].state == "dropped"
    assert found["relu1"].rmin == 0


def test_a_unit_is_a_node_with_what_is_fused_into_it(model, calibration):
    found = unit_rows(tuple(rows(model, calibration, preset("everything")).values()))
    assert [unit.name for unit in found] == ["image", "conv1", "conv2"]
    fused = found[1]
    assert (fused.head.name, fused.end.name, fused.op_types) == ("conv1", "relu1", "Conv + Relu")
    assert "relu1" in fused
    assert "conv2" not in fused


def test_without_fusion_every_row_is_a_unit(model, calibration):
    apart = preset("everything").with_rule(
        Rule("node", "relu1", {"fuse_activation": "never", "drop_activation": "never"})
    )
    found = rows(model, calibration, apart)
    assert [unit.members for unit in unit_rows(tuple(found.values()))] == [
        (row,) for row in found.values()
    ]


def test_a_skipped_node_says_which_rule(model, calibration):
    recipe = preset("everything").with_rule(Rule("node", "conv2", {"skip": True}))
    row = rows(model, calibration, recipe)["conv2"]
    assert (row.state, row.note) == ("float", "skipped by node conv2")
    assert row.local is None


def test_a_fixed_range_is_called_so(model, calibration):
    recipe = preset("everything").with_rule(Rule("node", "relu1", {"range": (0.0, 0.5)}))
    row = rows(model, calibration, recipe)["relu1"]
    assert row.calibrator == "fixed"
    assert row.local is not None
    assert row.local.clip_rate > 0


def test_rounding_and_clipping_add_up_to_the_local_error(model, calibration):
    recipe = preset("everything").with_rule(Rule("node", "relu1", {"range": (0.0, 0.5)}))
    local = rows(model, calibration, recipe)["relu1"].local
    assert local is not None
    noise = 10 ** (-rounding_db(local) / 10) + 10 ** (-clipping_db(local) / 10)
    assert -10 * math.log10(noise) == pytest.approx(local.sqnr_db)


def test_without_clipping_its_sqnr_is_infinite():
    assert clipping_db(LocalError(0, 0, 0, 0.01, 1)) == math.inf
    assert rounding_db(LocalError(0, 0, 0, 0.01, 1)) == pytest.approx(20)
