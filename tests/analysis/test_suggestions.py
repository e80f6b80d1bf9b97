from dataclasses import replace

import numpy as np
import pytest

from analysis.error import ErrorStats
from analysis.suggestions import sqnr_drops, suggest
from quant import calibrate, load, open_data, preset, quantize
from quant.calibrators import calibrator_from_json
from quant.model import Model
from quant.quantize import QuantizedModel
from quant.recipe import Recipe, Rule
from quant.types import QType
from tests.models import from_text, images


def network(first: np.ndarray) -> Model:
    rng = np.random.default_rng(9)
    second = rng.standard_normal((2, first.shape[0], 1, 1)).astype(np.float32)
    text = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[batch, 3, 8, 8] image) => (float[batch, 2, 6, 6] out)
    {
        [conv1] c = Conv <kernel_shape = [3, 3]> (image, w1)
        [relu1] r = Relu (c)
        [conv2] out = Conv <kernel_shape = [1, 1]> (r, w2)
    }
    """
    return load(from_text(text, w1=first, w2=second).SerializeToString())


@pytest.fixture
def even() -> Model:
    rng = np.random.default_rng(2)
    return network(rng.standard_normal((4, 3, 3, 3)).astype(np.float32))


@pytest.fixture
def uneven() -> Model:
    rng = np.random.default_rng(2)
    scales = np.array([1, 0.05, 0.02, 0.01])[:, None, None, None]
    return network((rng.standard_normal((4, 3, 3, 3)) * scales).astype(np.float32))


def made(model: Model, recipe: Recipe, data: dict[str, np.ndarray] | None = None):
    calibration = calibrate(model, open_data(data or images(16)))
    return quantize(model, calibration, recipe), calibration


def kinds(quantized: QuantizedModel, *rest: object) -> set[str]:
    return {item.kind for item in suggest(quantized, *rest)}  # type: ignore[arg-type]


def stats(sqnr_db: float) -> ErrorStats:
    return ErrorStats(sqnr_db, 1.0, 0.0, 0.0, 1)


def test_channels_that_differ_much_ask_for_a_scale_each(uneven: Model):
    quantized, calibration = made(uneven, preset("onnxruntime-default"))
    found = next(s for s in suggest(quantized, calibration) if s.kind == "per_channel")
    assert found.recipe.defaults.per_channel
    assert found.evidence.startswith("1 of 2 layers")


def test_channels_alike_ask_for_nothing(even: Model):
    assert "per_channel" not in kinds(*made(even, preset("onnxruntime-default")))


def test_what_was_done_is_not_suggested_again(uneven: Model):
    quantized, calibration = made(uneven, preset("onnxruntime-default"))
    for _ in range(4):
        found = suggest(quantized, calibration)
        if not found:
            break
        quantized, calibration = made(uneven, found[0].recipe)
    assert not suggest(quantized, calibration)


def clipping_recipe() -> Recipe:
    recipe = preset("onnxruntime-default")
    percentile = calibrator_from_json({"name": "percentile", "options": {"p": 90.0}})
    return replace(recipe, defaults=replace(recipe.defaults, calibrator=percentile))


def test_ranges_that_clip_too_much_ask_for_another_calibrator(even: Model):
    quantized, calibration = made(even, clipping_recipe())
    found = next(s for s in suggest(quantized, calibration) if s.kind == "calibrator")
    assert found.recipe.defaults.calibrator.name == "mse"
    after = suggest(quantize(even, calibration, found.recipe), calibration)
    assert "calibrator" not in {item.kind for item in after}


def test_a_calibrator_that_rules_chose_is_left_alone(even: Model):
    recipe = clipping_recipe()
    chosen = {"calibrator": recipe.defaults.calibrator}
    recipe = recipe.with_rule(Rule("pattern", ".*", chosen))
    assert "calibrator" not in kinds(*made(even, recipe))


def test_symmetric_activations_on_one_side_of_zero_ask_for_a_zero_point(even: Model):
    data = {"image": np.abs(images(16)["image"])}
    minmax = calibrator_from_json({"name": "minmax"})
    recipe = preset("tensorrt")
    recipe = replace(recipe, defaults=replace(recipe.defaults, calibrator=minmax))
    quantized, calibration = made(even, recipe, data)
    found = next(s for s in suggest(quantized, calibration) if s.kind == "symmetry")
    assert not found.recipe.defaults.activation_symmetric


def test_unsigned_activations_have_no_symmetry_to_give_up(even: Model):
    recipe = preset("recommended")
    assert recipe.defaults.activation_type is QType.UINT8
    assert "symmetry" not in kinds(*made(even, recipe))


def test_the_node_across_which_the_error_grows_is_suggested_to_be_skipped(even: Model):
    quantized, calibration = made(even, preset("recommended"))
    measured = {"image": stats(50), "r": stats(48), "out": stats(20)}
    found = next(s for s in suggest(quantized, calibration, measured) if s.kind == "skip")
    assert found.recipe.rules == (Rule("node", "conv2", {"skip": True}),)
    assert "conv2 (28.0 dB)" in found.evidence


def test_an_error_that_grows_slowly_asks_for_no_skip(even: Model):
    quantized, calibration = made(even, preset("recommended"))
    measured = {"image": stats(50), "r": stats(48), "out": stats(47)}
    assert "skip" not in kinds(quantized, calibration, measured)


def test_a_node_and_its_fused_activation_count_as_one(even: Model):
    quantized, _ = made(even, preset("recommended"))
    measured = {"image": stats(50), "r": stats(40), "out": stats(39)}
    assert sqnr_drops(quantized, measured) == {
        "conv1": pytest.approx(10),
        "conv2": pytest.approx(1),
    }


def test_nothing_measured_and_nothing_wrong_gives_no_suggestion(even: Model):
    assert suggest(*made(even, preset("recommended"))) == ()
