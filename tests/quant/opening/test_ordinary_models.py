"""Ordinary models of every kind: quantized, verified, and equal to the file where int8 is not."""

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest

import quant
from analysis.errors.cumulative import compare
from quant.errors import DataError, ModelError
from quant.model.serialize import to_graph
from quant.opening.loading import load
from quant.planning.near_zero import feeding_delicate
from quant.runtime.session import InferenceSession
from tests.models import from_text

RNG = np.random.default_rng(11)


def weight(*shape):
    fan_in = shape[0] if len(shape) == 2 else np.prod(shape[1:])
    return (RNG.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def net(graph, opset=17, domains="", **arrays):
    return from_text(f'<ir_version: 8, opset_import: ["" : {opset}{domains}]> {graph}', **arrays)


def quantized(proto, data, recipe="recommended", **options):
    model = load(proto.SerializeToString())
    opened = quant.open_data(data, model, **options)
    calibration = quant.calibrate(model, opened)
    made = quant.quantize(model, calibration, quant.preset(recipe))
    made.verify()
    return made, opened


def in_int8(made, op_types=("Conv", "Gemm", "MatMul")):
    return {n for n, p in made.plan.nodes.items() if p.quantized and p.node.op_type in op_types}


def sqnr(made, data):
    return {name: e.sqnr_db for name, e in compare(made.float_model, made, data).outputs.items()}


MASKED = """net (float[N, 6, 16] x{more}) => (float[N, 6, 16] y) {{
    q = MatMul (x, wq)
    k = MatMul (x, wk)
    kt = Transpose <perm = [0, 2, 1]> (k)
    s = MatMul (q, kt)
    {mask}
    p = Softmax <axis = -1> (m)
    o = MatMul (p, x)
    y = MatMul (o, wo)
}}"""
CAUSAL = np.triu(np.ones((1, 6, 6), np.float32), 1)


@pytest.mark.parametrize("recipe", quant.preset_names())
@pytest.mark.parametrize("value", [-np.inf, np.finfo(np.float32).min, -1e4, -65504])
@pytest.mark.parametrize("kind", ["constant", "input", "where"])
def test_a_mask_costs_no_score_its_resolution(recipe, value, kind):
    weights = {"wq": weight(16, 16), "wk": weight(16, 16), "wo": weight(16, 16)}
    masked = np.where(CAUSAL > 0, np.float32(value), np.float32(0)).astype(np.float32)
    data = {"x": normal(8, 6, 16)}
    more, mask = "", "m = Add (s, mask)"
    if kind == "constant":
        weights["mask"] = masked
    elif kind == "input":
        more = ", float[N, 6, 6] mask"
        data["mask"] = np.repeat(masked, 8, axis=0)
    else:
        mask = "m = Where (hidden, low, s)"
        weights |= {"hidden": CAUSAL > 0, "low": np.float32(value)}
    made, opened = quantized(net(MASKED.format(more=more, mask=mask), **weights), data, recipe)
    assert len(in_int8(made)) == 5
    assert sqnr(made, opened)["y"] > 20
    assert "m" not in made.params


@pytest.mark.parametrize("preset", ["recommended", "everything"])
def test_a_tensor_that_is_always_empty_stays_float_and_is_said_once(preset):
    proto = net(
        """net (float[N, 16] x) => (float[K, 4] picked, float[N, 4] y) {
            h = MatMul (x, w1)
            r = Relu (h)
            m = ReduceMax <axes = [1], keepdims = 0> (r)
            over = Greater (m, limit)
            some = Compress <axis = 0> (r, over)
            p = MatMul (some, w2)
            q = Relu (p)
            picked = MatMul (q, w3)
            y = MatMul (r, w3)
        }""",
        w1=weight(16, 16), w2=weight(16, 16), w3=weight(16, 4), limit=np.float32(1e6),
    )  # fmt: skip
    made, opened = quantized(proto, {"x": normal(8, 16)}, preset)
    assert sum("held no value" in note for note in made.notes) == 1
    assert sqnr(made, opened)["y"] > 20


CONV = """net (float[{n}, 3, 8, 8] x) => (float[{n}, 4] y) {{
    c = Conv <pads = [1, 1, 1, 1]> (x, w1)
    r = Relu (c)
    g = GlobalAveragePool (r)
    f = Flatten (g)
    y = MatMul (f, w2)
}}"""


@pytest.mark.parametrize("group", [2, 3, 4])
def test_a_fixed_batch_takes_groups_and_what_fills_the_last_does_not_count(group):
    weights = {"w1": weight(8, 3, 3, 3), "w2": weight(8, 4)}
    data = {"x": normal(7, 3, 8, 8)}
    made, opened = quantized(net(CONV.format(n=group), **weights), data)
    free, free_data = quantized(net(CONV.format(n="N"), **weights), data)
    for name, stats in free.calibration.tensors.items():
        found = made.calibration.tensors[name]
        assert (found.count, found.samples) == (stats.count, 7)
        np.testing.assert_allclose((found.min, found.max), (stats.min, stats.max), rtol=1e-5)
    one, other = compare(made.float_model, made, opened), compare(free.float_model, free, free_data)
    assert one.outputs["y"].count == other.outputs["y"].count == 28
    assert one.outputs["y"].sqnr_db == pytest.approx(other.outputs["y"].sqnr_db, abs=1)


def test_inputs_that_ask_for_different_batches_are_listed():
    proto = net(
        "net (float[2, 8] a, float[3, 8] b) => (float[5, 8] y) "
        "{ c = Concat <axis = 0> (a, b) y = MatMul (c, w) }",
        w=weight(8, 8),
    )
    with pytest.raises(DataError, match="a: 2, b: 3"):
        quant.open_data({"a": normal(6, 8), "b": normal(6, 8)}, load(proto.SerializeToString()))


RECURRENT = """net (float[1, 5, 8] x, float[{state}] h)
    => (float[1, 5, 4] y, float[{state}] h_out) {{
    t = Transpose <perm = [1, 0, 2]> (x)
    p = MatMul (t, w1)
    h0 = Reshape (h, to)
    Y, o = GRU <hidden_size = 8> (p, W, R, , , h0)
    s = Squeeze (Y, one)
    b = Transpose <perm = [1, 0, 2]> (s)
    y = MatMul (b, w2)
    h_out = Reshape (o, back)
}}"""
STATES = {"1, 1, 8": (1, 1, 8), "8": (8,), "8, 1": (8, 1)}


def recurrent(state):
    return net(
        RECURRENT.format(state=state),
        w1=weight(8, 8), w2=weight(8, 4), W=weight(1, 24, 8), R=weight(1, 24, 8),
        one=np.array([1]), to=np.array([1, 1, 8]), back=np.array(STATES[state]),
    )  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_a_state_without_a_batch_axis_is_fed_whole(state):
    data = {"x": normal(6, 5, 8), "h": np.tanh(normal(6, *STATES[state]))}
    made, opened = quantized(recurrent(state), data)
    assert len(in_int8(made)) == 2
    assert min(sqnr(made, opened).values()) > 20
    fed = [batch.feeds for batch in opened.batches(4)]
    assert [f["h"].shape for f in fed] == [STATES[state]] * 6
    assert all(np.array_equal(f["h"], h) for f, h in zip(fed, data["h"], strict=True))


@pytest.mark.parametrize("state", STATES)
def test_a_state_fed_back_is_what_the_file_gave_for_the_sample_before(state):
    proto = recurrent(state)
    model = load(proto.SerializeToString())
    x = normal(6, 5, 8)
    opened = quant.open_sequence({"x": x}, model, {"h_out": "h"})
    session = InferenceSession(proto.SerializeToString())
    expected = np.zeros(STATES[state], np.float32)
    for batch, sample in zip(opened.batches(1), x, strict=True):
        np.testing.assert_allclose(batch.feeds["h"], expected, atol=1e-6)
        expected = session.run({"x": sample[None], "h": expected})["h_out"]
    with pytest.raises(DataError, match="no output 'hidden'"):
        quant.open_sequence({"x": x}, model, {"hidden": "h"})


TIME_FIRST = """net (float[{shape}] x) => (float[{out}] y) {{
    h = MatMul (x, w1)
    r = Relu (h)
    y = MatMul (r, w2)
}}"""


@pytest.mark.parametrize(
    ("shape", "asked", "said"),
    [("T, batch, 8", None, 1), ("T, batch_size, 8", None, 1), ("T, M, 8", {"x": 1}, 0)],
)
def test_the_batch_on_another_axis_is_named_or_asked_for_and_said(shape, asked, said):
    proto = net(
        TIME_FIRST.format(shape=shape, out=shape.replace("8", "4")),
        w1=weight(8, 8), w2=weight(8, 4),
    )  # fmt: skip
    x = normal(5, 7, 8)
    made, opened = quantized(proto, {"x": x}, batch_axes=asked)
    assert len(opened) == made.calibration.samples == 7
    assert len(opened.notes) == said
    for index, batch in enumerate(opened.batches(4)):
        assert np.array_equal(batch.feeds["x"], x[:, index : index + 1])
    assert sqnr(made, opened)["y"] > 20


def test_a_first_axis_that_differs_between_inputs_is_listed():
    with pytest.raises(DataError, match="x: 5, z: 7 along the first axis"):
        quant.open_data({"x": normal(5, 7, 8), "z": normal(7, 8)})


@pytest.mark.parametrize("given", [np.float32(2), np.full(6, 2, np.float32)])
def test_an_input_of_rank_0_takes_one_number_for_all_or_one_for_each(given):
    proto = net(
        "net (float[N, 8] x, float t) => (float[N, 8] y) { d = Div (x, t) y = MatMul (d, w) }",
        w=weight(8, 8),
    )
    made, opened = quantized(proto, {"x": normal(6, 8), "t": given})
    assert len(opened) == 6
    assert sqnr(made, opened)["y"] > 20


@pytest.mark.parametrize("shape", ["6, 8", "8", "2, 3, 8"])
def test_an_input_without_a_batch_axis_takes_one_sample_at_a_time(shape):
    sizes = tuple(int(size) for size in shape.split(","))
    proto = net(f"net (float[{shape}] x) => (float y) {{ y = MatMul (x, w) }}", w=weight(8, 8))
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    made, opened = quantized(proto, {"x": normal(9, *sizes)})
    assert made.calibration.samples == 9
    assert sqnr(made, opened)["y"] > 20


@pytest.mark.parametrize("dtype", ["float", "int64"])
def test_an_input_called_labels_is_an_input(dtype):
    proto = net(
        f"net (float[N, 8] x, {dtype}[N, 5] labels) => (float[N, 8] y) "
        "{ f = Cast <to = 1> (labels) l = MatMul (f, v) a = Add (x, l) y = MatMul (a, w) }",
        v=weight(5, 8), w=weight(8, 8),
    )  # fmt: skip
    labels = RNG.integers(0, 2, (6, 5)).astype("float32" if dtype == "float" else dtype)
    _, opened = quantized(proto, {"x": normal(6, 8), "labels": labels})
    assert opened.labels is None
    assert np.array_equal(opened.probe["labels"], labels[:1])


ML = ', "ai.onnx.ml" : 2'
CLASSIFIER = """net (float[N, 8] x) => ({outputs}) {{
    h = Gemm (x, w1)
    r = Relu (h)
    s = Gemm (r, w2)
    p = Softmax <axis = 1> (s)
    best = ArgMax <axis = 1, keepdims = 0> (s)
    {more}
}}"""
STRINGS = (
    'name = ai.onnx.ml.LabelEncoder <keys_int64s = [0, 1, 2], values_strings = ["a", "b", "c"]> '
    "(best)"
)
PASSED_THROUGH = {
    "strings": ("string[N] name, float[N, 3] p", STRINGS, {"name": "strings"}),
    "a sequence": (
        "seq(float[N, 3]) q, float[N, 3] p", "q = SequenceConstruct (p)", {"q": "a sequence"}
    ),
    "only integers": ("int64[N] best", "", {}),
}  # fmt: skip


@pytest.mark.parametrize("kind", PASSED_THROUGH)
def test_what_no_comparison_fits_passes_through_and_is_named(kind):
    outputs, more, uncompared = PASSED_THROUGH[kind]
    proto = net(
        CLASSIFIER.format(outputs=outputs, more=more), domains=ML, w1=weight(8, 8), w2=weight(8, 3)
    )
    made, opened = quantized(proto, {"x": normal(12, 8)})
    session = InferenceSession(made.to_bytes())
    assert session.uncompared == uncompared
    names = [value.name for value in proto.graph.output]
    assert [v.name for v in onnx.load_from_string(made.to_bytes()).graph.output] == names
    assert set(compare(made.float_model, made, opened).outputs) == set(names) - set(uncompared)


MAPS = {
    "of integers": (onnx.TensorProto.INT64, "classlabels_int64s = [0, 1, 2]", "p"),
    "of strings": (onnx.TensorProto.STRING, 'classlabels_strings = ["a", "b", "c"]', "p"),
    "of what is computed on": (onnx.TensorProto.INT64, "classlabels_int64s = [0, 1, 2]", "s"),
}


@pytest.mark.parametrize("recipe", ["recommended", "everything", "onnxruntime-default"])
@pytest.mark.parametrize("kind", MAPS)
def test_a_map_keeps_its_type_and_its_numbers(kind, recipe):
    key, labels, source = MAPS[kind]
    rng = np.random.default_rng(12)
    w1, w2, x, fresh = (
        rng.standard_normal(shape).astype(np.float32) / scale
        for shape, scale in (((8, 8), 3), ((8, 3), 3), ((40, 8), 1), ((4, 8), 1))
    )
    proto = net(
        CLASSIFIER.format(
            outputs="float[N, 3] z, float[N, 3] p",
            more=f"z = ai.onnx.ml.ZipMap <{labels}> ({source})",
        ),
        domains=ML, w1=w1, w2=w2,
    )  # fmt: skip
    of_map = proto.graph.output[0].type.sequence_type.elem_type.map_type
    of_map.key_type = key
    of_map.value_type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    made, _ = quantized(proto, {"x": x}, recipe)
    content = made.to_bytes()
    assert onnx.load_from_string(content).graph.output[0] == proto.graph.output[0]
    assert InferenceSession(content).uncompared == {"z": "a sequence"}
    feeds = {"x": fresh}
    first, second = (
        ort.InferenceSession(c).run(["z"], feeds)[0] for c in (proto.SerializeToString(), content)
    )
    for one, other in zip(first, second, strict=True):
        assert one.keys() == other.keys()
        assert all(abs(one[label] - other[label]) < 0.15 for label in one)


@pytest.mark.parametrize(
    "draw",
    [
        "e = RandomNormalLike (h)",
        "e = RandomUniformLike <low = -1.0, high = 1.0> (h)",
        "p = Sigmoid (h) e = Bernoulli (p)",
    ],
)
def test_random_operators_draw_alike_where_they_are_compared_and_stay_random(draw):
    proto = net(
        f"net (float[N, 8] x) => (float[N, 8] h, float[N, 4] y) "
        f"{{ h = Gemm (x, w1) {draw} z = Add (h, e) y = Gemm (z, w2) }}",
        w1=weight(8, 8), w2=weight(8, 4),
    )  # fmt: skip
    made, opened = quantized(proto, {"x": normal(32, 8)})
    assert min(sqnr(made, opened).values()) > 12
    written = onnx.load_from_string(made.to_bytes())
    assert not any(a.name == "seed" for node in written.graph.node for a in node.attribute)


def test_what_lies_behind_a_dropout_in_training_is_not_compared():
    proto = net(
        "net (float[N, 8] x) => (float[N, 8] h, float[N, 4] y) "
        "{ h = Gemm (x, w1) d = Dropout (h, ratio, on) y = Gemm (d, w2) }",
        w1=weight(8, 8), w2=weight(8, 4), ratio=np.float32(0.5), on=np.bool_(True),
    )  # fmt: skip
    made, opened = quantized(proto, {"x": normal(16, 8)})
    assert set(sqnr(made, opened)) == {"h"}
    assert InferenceSession(made.to_bytes()).uncompared == {"y": "random"}


def half_of(proto, kind):
    for tensor in proto.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.elem_type = kind
    return proto


@pytest.mark.parametrize("graph", [CONV.format(n="N"), CONV.format(n="2")])
def test_half_precision_is_quantized_and_keeps_its_inputs_and_outputs(graph):
    proto = half_of(net(graph, w1=weight(8, 3, 3, 3), w2=weight(8, 4)), onnx.TensorProto.FLOAT16)
    x = normal(6, 3, 8, 8).astype(np.float16)
    made, opened = quantized(proto, {"x": x})
    written = onnx.load_from_string(made.to_bytes()).graph
    for value in (*written.input, *written.output):
        assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT16
    assert len(in_int8(made)) == 2
    feeds = next(opened.batches(2)).feeds
    expected = InferenceSession(proto.SerializeToString()).run(feeds)["y"].astype(float)
    found = InferenceSession(made.to_bytes()).run(feeds)["y"].astype(float)
    assert np.square(expected).sum() > 100 * np.square(expected - found).sum()


def test_outputs_keep_name_place_and_values_whoever_computes_them():
    proto = net(
        "net (float[N, 8] x) => (float[N, 4] y, float[N, 4] again) "
        "{ h = Gemm (x, w1) r = Relu (h) y = Gemm (r, w2) again = Identity (y) }",
        w1=weight(8, 8), w2=weight(8, 4), anchors=normal(5, 2),
    )  # fmt: skip
    for name, shape in (("x", ["N", 8]), ("anchors", [5, 2])):
        info = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        proto.graph.output.append(info)
    made, opened = quantized(proto, {"x": normal(8, 8)})
    written = onnx.load_from_string(made.to_bytes())
    assert [v.name for v in written.graph.output] == ["y", "again", "x", "anchors"]
    found = InferenceSession(made.to_bytes()).run(opened.probe)
    assert np.array_equal(found["y"], found["again"])
    assert np.array_equal(found["x"], opened.probe["x"])
    assert np.array_equal(found["anchors"], onnx.numpy_helper.to_array(proto.graph.initializer[2]))


@pytest.mark.parametrize("function", ["Log", "Reciprocal", "Sqrt"])
def test_what_is_exactly_zero_before_a_delicate_operator_stays_so(function):
    proto = net(
        f"net (float[N, 8] x) => (float[N, 8] y) "
        f"{{ a = Mul (x, x) m = MatMul (a, w) g = Add (m, eps) y = {function} (g) }}",
        w=np.abs(weight(8, 8)), eps=np.float32(1e-6),
    )  # fmt: skip
    x = normal(8, 8)
    x[3] = 0
    made, opened = quantized(proto, {"x": x})
    assert feeding_delicate(made.float_model)
    silent = {"x": x[3:4]}
    expected = InferenceSession(proto.SerializeToString()).run(silent)["y"]
    np.testing.assert_allclose(InferenceSession(made.to_bytes()).run(silent)["y"], expected, 1e-4)
    assert sqnr(made, opened)["y"] > 15


def test_types_behind_operators_of_the_runtime_are_learned_from_it():
    proto = net(
        "net (float[N, 8] x) => (float[N, 8] y) "
        "{ h = MatMul (x, w) g = com.microsoft.QuickGelu (h) y = MatMul (g, w) }",
        domains=', "com.microsoft" : 1', w=weight(8, 8),
    )  # fmt: skip
    made, _ = quantized(proto, {"x": normal(8, 8)})
    assert len(in_int8(made)) == 2
    assert made.float_model.tensors["g"].dtype == "FLOAT"


def test_a_prepared_model_that_computes_something_else_is_refused_by_the_step(monkeypatch):
    def wrong(model):
        weights = model.graph.initializers["w"]
        weights.const_value = ir.tensor(2 * weights.const_value.numpy(), name="w")
        return True

    monkeypatch.setattr("quant.model.prepare.fold", wrong)
    proto = net("net (float[N, 8] x) => (float[N, 8] y) { y = MatMul (x, w) }", w=weight(8, 8))
    model = load(proto.SerializeToString())
    data = quant.open_data({"x": normal(4, 8)}, model)
    with pytest.raises(ModelError, match=r"output 'y' .* because of the folding"):
        quant.calibrate(model, data)


def test_a_declared_output_shape_that_is_wrong_changes_nothing():
    proto = net(
        "net (float[1, 4, 8] x) => (float[1, L] y) "
        "{ h = MatMul (x, w) n = Shape (h) z = Mul (n, one) y = Reshape (h, z) }",
        opset=12, w=weight(8, 8), one=np.array([1]),
    )  # fmt: skip
    made, opened = quantized(proto, {"x": normal(4, 4, 8)})
    assert InferenceSession(made.to_bytes()).run(opened.probe)["y"].shape == (1, 4, 8)
    assert str(to_graph(proto).graph.outputs[0].shape) == "[1,L]"


def chained(levels, twice):
    """A model of functions, each of which calls the next one once or twice."""
    functions = [
        f"""<opset_import: ["" : 17, "local" : 1], domain: "local">
        f{level} (a) => (b) {{
            c = local.f{level + 1} (a)
            b = {"local.f" + str(level + 1) if twice else "Relu"} (c)
        }}"""
        for level in range(levels)
    ]
    functions.append(
        f"""<opset_import: ["" : 17], domain: "local">
        f{levels} (a) => (b) {{ b = Relu (a) }}"""
    )
    return net(
        "net (float[N, 8] x) => (float[N, 8] y) { h = MatMul (x, w) r = local.f0 (h) "
        "y = MatMul (r, w) }\n" + "\n".join(functions),
        domains=', "local" : 1', w=weight(8, 8),
    )  # fmt: skip


@pytest.mark.parametrize(("levels", "twice"), [(0, False), (5, False), (4, True)])
def test_functions_are_inlined_and_quantized(levels, twice):
    made, opened = quantized(chained(levels, twice), {"x": normal(8, 8)})
    assert len(in_int8(made)) == 2
    assert not made.graph.functions
    assert sqnr(made, opened)["y"] > 20


def test_functions_that_would_grow_without_end_are_refused_by_count():
    with pytest.raises(ModelError, match="at most 100,000 nodes, found"):
        load(chained(40, twice=True).SerializeToString())


def test_nodes_behind_types_that_nobody_knows_are_counted_at_the_top():
    proto = net(
        "net (float[N, 8] x) => (float[N, 8] y) "
        "{ a = MatMul (x, w) h = my.own.Foo (a) r = Relu (h) y = MatMul (r, v) }",
        domains=', "my.own" : 1', w=weight(8, 8), v=weight(8, 8),
    )  # fmt: skip
    assert (
        "1 of 4 nodes can be quantized: the types behind my.own.Foo are not known, so what follows "
        "stays float."
    ) in load(proto.SerializeToString()).warnings


def test_nodes_inside_of_branches_are_named():
    proto = net(
        "net (float[N, 8] x, bool c) => (float[N, 8] y) { a = MatMul (x, w) y = If (c) "
        "<then_branch = one () => (float[N, 8] t) { t = MatMul (a, v) }, "
        "else_branch = two () => (float[N, 8] e) { u = MatMul (a, v) e = MatMul (u, v) }> }",
        w=weight(8, 8), v=weight(8, 8),
    )  # fmt: skip
    assert load(proto.SerializeToString()).warnings == (
        "Inside of If 'if1', 3 MatMul compute in float: ONNX Runtime gives no values from there to "
        "calibrate on. Only their weights can be stored in 8 bits.",
    )


@pytest.mark.parametrize("opset", [12, 17])
def test_an_inner_shape_that_the_file_declares_wrongly_changes_nothing(opset):
    proto = net(
        "net (float[N, 4, 8] x) => (float[M, L] y) <float[1, 4, 8] h> "
        "{ h = MatMul (x, w) n = Shape (h) z = Mul (n, one) r = Reshape (h, z) "
        "s = Shape (r) f = Gather (s, zero) u = Unsqueeze"
        + (" <axes = [0]> (f)" if opset < 13 else " (f, first)")
        + " t = Concat <axis = 0> (u, minus) y = Reshape (r, t) }",
        opset=opset, w=weight(8, 8), one=np.array([1, 1, 1], np.int64), zero=np.int64(0),
        minus=np.array([-1], np.int64), first=np.array([0], np.int64),
    )  # fmt: skip
    made, _ = quantized(proto, {"x": normal(8, 4, 8)})
    feeds = {"x": normal(3, 4, 8)}
    content = made.float_model.to_bytes()
    # ONNX Runtime's own optimizer believes the file.
    expected = InferenceSession(proto.SerializeToString(), level="disabled").run(feeds)["y"]
    found = InferenceSession(content, level="disabled").run(feeds)["y"]
    assert found.shape == expected.shape == (3, 32)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_an_opset_newer_than_quantization_runs_in_is_declared_earlier():
    proto = net(
        "net (float[N, 8] x) => (float[N, 8] y) { h = MatMul (x, w) y = Celu (h) }",
        opset=28, w=weight(8, 8),
    )  # fmt: skip
    made, _ = quantized(proto, {"x": normal(8, 8)}, "everything")
    assert made.graph.opset_imports[""] == 27
    assert "Opset 27 is declared instead of 28; it means the same here." in made.float_model.notes


def test_an_operator_that_a_newer_opset_changed_is_refused_by_name():
    proto = net(
        "net (float[N, 8] x) => (float[N, 8] y) { h = MatMul (x, w) y = Mod <fmod = 1> (h, x) }",
        opset=28, w=weight(8, 8),
    )  # fmt: skip
    with pytest.raises(ModelError, match=r"found opset 28 with the Mod .* with opset 27"):
        load(proto.SerializeToString())


def test_a_pool_with_dilations_stays_float_and_runs():
    proto = net(
        "net (float[N, 3, 12, 12] x) => (float[N, 4, A, B] y) "
        "{ c = Conv (x, w) p = AveragePool <kernel_shape = [2, 2], dilations = [2, 2]> (c) "
        "y = Conv (p, v) }",
        opset=19, w=weight(4, 3, 3, 3), v=weight(4, 4, 3, 3),
    )  # fmt: skip
    made, _ = quantized(proto, {"x": normal(8, 3, 12, 12)}, "everything")
    (pool,) = (node for node in made.float_model.nodes if node.op_type == "AveragePool")
    assert "dilations" in pool.reason


def test_a_model_of_other_domains_alone_gets_the_default_one_too():
    proto = from_text(
        '<ir_version: 8, opset_import: ["ai.onnx" : 17]> net (float[N, 8] x) => (float[N, 8] y) '
        "{ y = MatMul (x, w) }", w=weight(8, 8),
    )  # fmt: skip
    made, _ = quantized(proto, {"x": normal(8, 8)})
    assert made.graph.opset_imports[""] == 17


def test_a_file_that_was_written_again_is_not_the_file_that_was_opened(tmp_path):
    path = tmp_path / "net.onnx"
    proto = net("net (float[N, 8] x) => (float[N, 8] y) { y = MatMul (x, w) }", w=weight(8, 8))
    path.write_bytes(proto.SerializeToString())
    model = load(path)
    assert model.original() == path
    path.write_bytes(proto.SerializeToString() + b"\x12\x00")
    assert model.original() is None
    path.unlink()
    assert model.original() is None
    assert quant.calibrate(model, quant.open_data({"x": normal(4, 8)}, model)).samples == 4
