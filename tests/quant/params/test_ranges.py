"""One answer to what the range of a tensor is and who says so, on random graphs and recipes."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings

import quant
from analysis.layers import layer_rows
from quant.calibrators import calibrator_from_json, chosen_range
from quant.error_model.context import tensor_contexts
from quant.errors import DataError
from quant.params.ranges import calibrators_range
from quant.recipe.recipe import Recipe, Rule
from tests.models import conv_relu, from_text, images
from tests.quant.random_graphs import MOVES, Case, cases


def quantized_of(case: Case):
    model = quant.load(case.content)
    calibration = quant.calibrate(model, quant.open_data(case.data, model))
    return quant.quantize(model, calibration, case.recipe)


def read_back(quantized):
    """Tensor -> scale, zero point, least and greatest code, from the exported file alone."""
    graph = onnx.load_model_from_string(quantized.to_bytes()).graph
    arrays = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    pairs = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}
    found = {}
    for tensor, read in quantized.tensor_map.items():
        scale, zero_point = (arrays[name] for name in pairs[read].input[1:])
        ends = np.iinfo(zero_point.dtype)
        found[tensor] = float(scale), int(zero_point), ends.min, ends.max
    return found


def realizes(row, symmetric: bool, stored: tuple[float, int, int, int]) -> bool:
    """Whether scale and zero point stand for the row's range, to half a step."""
    scale, zero_point, qmin, qmax = stored
    low, high = scale * (qmin - zero_point), scale * (qmax - zero_point)
    if row.rmin == row.rmax == 0:
        return scale == 1
    step = 0.51 * scale
    if symmetric:
        return abs(high - max(-row.rmin, row.rmax)) <= step
    return abs(low - row.rmin) <= step and abs(high - row.rmax) <= step


@settings(deadline=None, max_examples=60)
@given(cases(parts=True))
def test_the_range_a_row_shows_is_what_the_exported_file_realizes(case):
    quantized = quantized_of(case)
    rows = {row.tensor: row for row in layer_rows(quantized, quantized.calibration) if row.owner}
    stored = read_back(quantized)
    assert rows.keys() == stored.keys() <= quantized.params.keys()
    for tensor, row in rows.items():
        spec = quantized.plan.tensors[tensor].spec
        assert row.activation.split()[0] == spec.qtype.value
        assert (spec.qtype.qmin, spec.qtype.qmax) == stored[tensor][2:]
        assert realizes(row, row.activation.endswith("symmetric"), stored[tensor])
        assert (row.rmin, row.rmax) == quantized.range_of(tensor).ends == quantized.ranges[tensor]


def sharing(quantized) -> list[set[str]]:
    """Which quantized tensors must share a scale, by putting pairs together until none is left."""
    known = {**quantized.plan.tensors, **quantized.plan.float_tensors}
    sets = [{name} for name in known]
    for item in quantized.plan.nodes.values():
        node = item.node
        inputs = [node.inputs[i] for i in node.data if node.inputs[i] in known]
        together = []
        if item.quantized and inputs and node.op_type in MOVES:
            together = [inputs[0], node.outputs[0]]
        elif item.quantized and inputs and node.op_type in {"Add", "Concat"}:
            align = item.settings.align
            shared = {"none": 0, "largest": node.op_type == "Concat", "output": 1}[align]
            together = inputs if align == "largest" else []
            together = [*inputs, node.outputs[0]] if shared else together
        together = {name for name in together if name in known}
        touched = [s for s in sets if s & together]
        sets = [s for s in sets if not s & together] + ([set().union(*touched)] if touched else [])
    return sets


def asked(recipe, name, op_type, tensor, setting):
    """What the rules ask of one tensor: the value, and where in the order of winning it stands."""
    answer = None
    for kinds, stage in ((("node", "op_type", "pattern"), 0), (("tensor",), 1)):
        for number, rule in enumerate(recipe.rules):
            mine = rule.matches_node(name, op_type) or tensor == rule.target
            if rule.selector in kinds and mine and setting in rule.set:
                answer = (stage, number), rule.set[setting], rule.label
    return answer


@settings(deadline=None, max_examples=60)
@given(cases())
def test_who_decides_is_what_reading_the_recipe_says(case):
    quantized = quantized_of(case)
    model, plan = quantized.float_model, quantized.plan
    producers = {tensor: (p.name, p.op_type) for tensor, p in model.producers.items()}
    groups = sharing(quantized)
    assert sorted(map(sorted, groups)) == sorted(sorted(g.members) for g in plan.groups.values())
    for group in groups:
        said = {}
        for setting in ("range", "activation_type", "activation_symmetric"):
            answers = {}
            for tensor in group:
                name, op_type = producers.get(tensor, (tensor, "Input"))
                found = asked(case.recipe, name, op_type, tensor, setting)
                if found is not None and found[1] is not None:
                    answers[tensor] = found
            said[setting] = answers
        for tensor in group:
            found = quantized.range_of(tensor)
            for setting in ("activation_type", "activation_symmetric"):
                top = max(said[setting].values(), default=None, key=lambda a: a[0])
                wanted = getattr(case.recipe.defaults, setting) if top is None else top[1]
                assert getattr(plan.tensors[tensor].settings, setting) == wanted
            if not said["range"]:
                assert not found.fixed
                continue
            place, value, label = max(said["range"].values(), key=lambda a: a[0])
            assert (found.fixed, found.ends, found.source) == (True, value, f"the rule for {label}")
            assert said["range"][found.decided_by][0] == place
        for setting, answers in said.items():
            for _, value, label in answers.values():
                top = max(answers.values(), key=lambda a: a[0])
                told = [w for w in plan.warnings if f"rule for {label} asks" in w and top[2] in w]
                if value != top[1]:
                    assert told, (setting, label, top)


@settings(deadline=None, max_examples=60)
@given(cases())
def test_where_no_rule_fixes_it_the_range_is_that_of_the_tensor_that_is_moved(case):
    plain = Recipe("plain", quant.Settings(), case.recipe.rules)
    recipe = Recipe("plain", plain.defaults, tuple(r for r in plain.rules if "align" not in r.set))
    quantized = quantized_of(Case(case.content, case.data, recipe))
    producers = quantized.float_model.producers
    for tensor, planned in quantized.plan.tensors.items():
        found = quantized.range_of(tensor)
        if found.fixed:
            continue
        source = tensor
        while source in producers and producers[source].op_type in MOVES:
            before = producers[source].inputs[0]
            if not quantized.plan.nodes[producers[source].name].quantized:
                break
            source = before
        stats = quantized.calibration.tensors[source]
        assert found.decided_by == source
        calibrator = quantized.plan.tensors[source].settings.calibrator
        contexts = tensor_contexts(quantized.float_model, quantized.calibration)
        expected = calibrator.range(stats, planned.spec, contexts[source])
        assert found.ends == pytest.approx(expected)
        assert found.source == calibrator.title


POOLED = """<ir_version: 8, opset_import: ["" : 17]>
net (float[1, 2, 4, 4] x) => (float[1, 2, 4, 4] p, float[1, 4, 4, 4] z) {
    [sigmoid] s = Sigmoid (x)
    [pool] p = MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (s)
    [concat] z = Concat <axis = 1> (s, p)
}
"""


def pooled(*rules: Rule, align: str = "none"):
    model = quant.load(from_text(POOLED).SerializeToString())
    x = np.random.default_rng(0).standard_normal((4, 2, 4, 4)).astype(np.float32)
    calibration = quant.calibrate(model, quant.open_data({"x": x}, model))
    recipe = Recipe("test", quant.Settings(align=align), rules)
    return quant.quantize(model, calibration, recipe)


def test_a_rule_for_another_member_decides_and_is_named():
    quantized = pooled(Rule("node", "pool", {"range": (0.0, 0.75)}))
    found = quantized.range_of("s")
    assert (found.ends, found.fixed) == ((0.0, 0.75), True)
    assert (found.decided_by, found.source) == ("p", "the rule for node pool")
    rows = {row.name: row for row in layer_rows(quantized, quantized.calibration)}
    assert rows["sigmoid"].range_source == "fixed by the rule for node pool"
    assert rows["pool"].range_source == "set for this layer"
    assert not quantized.plan.warnings


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_fixed_ranges_the_later_rule_wins_and_both_are_named(turned):
    rules = [
        Rule("node", "sigmoid", {"range": (0.0, 1.0)}),
        Rule("node", "pool", {"range": (0.0, 0.5)}),
    ]
    first, last = rules[::-1] if turned else rules
    quantized = pooled(first, last)
    assert quantized.ranges["s"] == quantized.ranges["p"] == last.set["range"]
    (warning,) = quantized.plan.warnings
    assert warning == (
        f"s and p share one scale, but the rule for {first.label} asks for the range 0 to "
        f"{first.set['range'][1]:g} and the rule for {last.label} for the range 0 to "
        f"{last.set['range'][1]:g}; the rule for {last.label} holds, because it comes later."
    )


def test_a_rule_for_a_tensor_wins_over_a_later_one_for_a_node():
    quantized = pooled(
        Rule("tensor", "s", {"range": (0.0, 1.0)}), Rule("node", "pool", {"range": (0.0, 0.5)})
    )
    assert quantized.ranges["p"] == (0.0, 1.0)
    assert "because it names the tensor" in quantized.plan.warnings[0]


def test_a_type_that_contradicts_is_named_and_one_that_does_not_is_taken():
    wide = Rule("node", "pool", {"activation_type": quant.QType.UINT16})
    quantized = pooled(wide)
    assert quantized.params["s"].spec.qtype is quant.QType.UINT16
    assert not quantized.plan.warnings
    small = Rule("op_type", "Sigmoid", {"activation_type": quant.QType.INT8})
    quantized = pooled(wide, small)
    assert quantized.params["p"].spec.qtype is quant.QType.INT8
    assert "asks for the type uint16" in quantized.plan.warnings[0]


def test_a_rule_that_frees_one_member_leaves_another_fixed():
    free = Rule("op_type", "MaxPool", {"range": None})
    quantized = pooled(Rule("node", "sigmoid", {"range": (0.0, 1.0)}), free)
    assert quantized.ranges["p"] == (0.0, 1.0)


def test_a_range_of_the_defaults_is_the_recipes_until_a_rule_frees_what_makes_the_range():
    model = quant.load(conv_relu().SerializeToString())
    calibration = quant.calibrate(model, quant.open_data(images()))
    recipe = Recipe(defaults=quant.Settings(range=(-1.0, 1.0)))
    found = quant.quantize(model, calibration, recipe).range_of("out")
    assert (found.fixed, found.source) == (True, "the recipe's defaults")
    freed = recipe.with_rule(Rule("node", "conv2", {"range": None}))
    assert not quant.quantize(model, calibration, freed).range_of("out").fixed


def test_aligned_to_the_largest_the_range_holds_what_each_calibrator_chose():
    percentile = calibrator_from_json({"name": "percentile"})
    quantized = pooled(Rule("node", "pool", {"calibrator": percentile}), align="largest")
    plan, calibration = quantized.plan, quantized.calibration
    group = plan.groups[plan.tensors["z"].group]
    low, high = calibrators_range(quantized.float_model, plan, group, calibration)
    contexts = tensor_contexts(quantized.float_model, calibration)
    ends = [
        chosen_range(
            plan.tensors[n].settings.calibrator,
            calibration.tensors[n],
            plan.tensors[n].spec,
            contexts[n],
        )
        for n in group.ranges_from
    ]
    assert (low, high) == (min(e[0] for e in ends), max(e[1] for e in ends))
    assert quantized.range_of("z").ends == (low, high)


def test_the_range_of_a_tensor_that_is_not_quantized_is_refused_by_name():
    with pytest.raises(DataError, match=r"found 'pp' .did you mean 'p'"):
        pooled().range_of("pp")
