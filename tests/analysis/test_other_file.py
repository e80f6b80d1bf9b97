"""Two int8 models side by side: at which tensors they differ, by two comparisons of their own."""

import quant
import sample_models
from analysis.errors.cumulative import compare
from analysis.other_file import side_by_side

SAMPLE = sample_models.find("fmnist_mobilenet")


def test_tensors_are_those_of_both_the_farthest_apart_first():
    model = quant.load(SAMPLE.model_path)
    data = quant.open_data(SAMPLE.evaluation_path, model)
    calibration = quant.calibrate(model, data, samples=8)
    first, second = (
        compare(model, quant.quantize(model, calibration, quant.preset(name)), data, samples=16)
        for name in ("onnxruntime-default", "recommended")
    )
    found = side_by_side(first, second)
    shared = {*first.tensors, *first.outputs} & {*second.tensors, *second.outputs}
    assert {item.tensor for item in found} == shared
    gains = [abs(item.gain_db) for item in found]
    assert gains == sorted(gains, reverse=True)
    logits = next(item for item in found if item.tensor == "logits")
    assert logits.first_db == first.outputs["logits"].sqnr_db
    assert logits.gain_db == second.outputs["logits"].sqnr_db - logits.first_db > 10
    assert all(item.gain_db == 0 for item in side_by_side(first, first))
