"""Requantization in integers: TensorFlow Lite's rules, edge cases, and ONNX Runtime's kernels."""

import json
import math
import re
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import quant
import sample_models
from analysis.report.firmware import firmware_header, firmware_json
from analysis.runtime.fixed_point import Multiplier, times
from analysis.runtime.integer_layers import integer_layers
from analysis.runtime.integer_run import agreements, histogram, kernel_codes

LEAST, MOST = -(2**31), 2**31 - 1


@pytest.mark.parametrize(
    ("real", "m0", "shift"),
    [
        (0.0, 0, 0),
        (1.0, 1 << 30, 1),
        (0.5, 1 << 30, 0),
        (0.25, 1 << 30, -1),
        (0.75, 3 << 29, 0),
        (1.5, 3 << 29, 1),
        (2.0**-31, 1 << 30, -30),
        (2.0**-33, 0, 0),
        (math.nextafter(1.0, 0.0), 1 << 30, 1),  # 2^31 after rounding, so halved
        (0.0003, round(0.6144 * 2**31), -11),
    ],
)
def test_a_factor_becomes_a_multiplier_and_a_shift(real, m0, shift):
    assert Multiplier.of(real) == Multiplier(m0, shift)


@pytest.mark.parametrize("real", [-1.0, math.inf, math.nan])
def test_what_is_no_factor_is_refused(real):
    with pytest.raises(ValueError, match="at least 0"):
        Multiplier.of(real)


def reference(value: int, multiplier: Multiplier) -> int:
    """The double rounding step by step, in Python's integers, as FORMATS of gemmlowp define it."""
    left, right = max(multiplier.shift, 0), max(-multiplier.shift, 0)
    product = (value << left) * multiplier.m0
    nudge = 1 << 30 if product >= 0 else 1 - (1 << 30)
    high = abs(product + nudge) // (1 << 31) * (1 if product + nudge >= 0 else -1)
    high = min(max(high, LEAST), MOST)
    if not right:
        return high
    # To the nearest, halves away from zero.
    whole, rest = divmod(abs(high), 1 << right)
    found = whole + (rest * 2 >= 1 << right)
    return found if high >= 0 else -found


@given(
    st.lists(st.integers(-(2**30), 2**30), min_size=1, max_size=20),
    st.floats(1e-9, 0.99, allow_nan=False),
)
def test_products_are_those_of_plain_integers(values, real):
    multiplier = Multiplier.of(real)
    found = times(np.array(values, np.int64), multiplier)
    assert found.tolist() == [reference(value, multiplier) for value in values]
    once = times(np.array(values, np.int64), multiplier, "single")
    exact = [
        math.floor(value * multiplier.m0 / 2 ** (31 - multiplier.shift) + 0.5) for value in values
    ]
    assert once.tolist() == exact
    assert np.abs(found - once).max() <= 1


@pytest.fixture(scope="module", params=["fmnist_mobilenet", "fmnist_resnet", "spam_transformer"])
def int8(request):
    sample = sample_models.find(request.param)
    model = quant.load(sample.model_path)
    data = quant.open_data(sample.evaluation_path, model)
    calibration = quant.calibrate(model, data, samples=8)
    return quant.quantize(model, calibration, quant.preset("everything"))


def test_rounding_once_gives_the_codes_of_the_kernels_and_twice_is_off_by_one_at_most(int8):
    content = int8.to_bytes()
    layers = integer_layers(content)
    quantized = [n for n, item in int8.plan.nodes.items() if item.weight_spec]
    assert {layer.name for layer in layers} == set(quantized) - _floating(int8)
    codes = kernel_codes(content, int8.probe, layers)
    once = histogram(agreements(layers, codes, "single"))
    twice = histogram(agreements(layers, codes, "double"))
    # ONNX Runtime multiplies in float32 and rounds halves to even: next to never another code.
    assert set(once) <= {-1, 0, 1}
    assert once[0] > 0.9999 * sum(once.values())
    assert set(twice) <= {-1, 0, 1}
    assert twice[0] > 0.99 * sum(twice.values())
    assert all(layer.accumulator_bits <= 32 for layer in layers)
    assert all(layer.multiplier_error < 2**-30 for layer in layers)


def _floating(int8) -> set[str]:
    """Nodes whose result nothing rounds, or whose bias stayed in float."""
    known = {layer.name for layer in integer_layers(int8.to_bytes())}
    biased = {c.node for c in int8.constants if c.index == 2}
    found = set()
    for name, item in int8.plan.nodes.items():
        if item.weight_spec is None or name in known:
            continue
        bias_is_float = item.node.bias is not None and name not in biased
        unrounded = not any(out in int8.params for out in item.node.outputs)
        embedding = item.node.op_type == "Gather"
        assert bias_is_float or unrounded or embedding, name
        found.add(name)
    return found


def test_the_tables_for_firmware_compile_and_hold_the_multipliers(int8, tmp_path):
    layers = integer_layers(int8.to_bytes())
    header = firmware_header(layers)
    document = json.loads(firmware_json(layers))
    assert len(document["layers"]) == len(layers)
    arrays = re.findall(r"int32_t (\w+)_multiplier\[(\d+)\] = \{([^}]*)\}", header)
    assert len({name for name, _, _ in arrays}) == len(layers)
    for (_, count, text), found in zip(arrays, document["layers"], strict=True):
        values = [int(part) for part in text.split(",") if part.strip()]
        assert len(values) == int(count)
        assert values == found["multiplier"]
    words = ["cc", "-std=c99", "-fsyntax-only", "-x", "c", str(tmp_path / "multipliers.h")]
    path = tmp_path / "multipliers.h"
    path.write_text(header, encoding="ascii")
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return  # where there is no compiler, the form above has to do
    assert done.returncode == 0, done.stderr
