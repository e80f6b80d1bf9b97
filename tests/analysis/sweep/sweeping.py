"""Nets whose units are swept, and the brute force that sweeps are held against."""

import numpy as np

import quant
from analysis.errors.output_scores import ScoreAccumulator
from quant.runtime.batching import batch_size
from quant.runtime.session import InferenceSession
from tests.nets import convnet, images, network, weight

CHAIN = network(
    """(float[N, 3, H, W] x) => (float[N, 4, H, W] y) {
        c1 = Conv <pads = [1, 1, 1, 1]> (x, w1, b1)
        r1 = Relu (c1)
        c2 = Conv (r1, w2)
        y = Clip (c2, low, high)
    }""",
    w1=weight(6, 3, 3, 3),
    b1=weight(6),
    w2=weight(4, 6, 1, 1),
    low=np.float32(-0.5),
    high=np.float32(1),
)

BRANCHES = network(
    """(float[N, 3, H, W] x) => (float[N, 16, H, W] y) {
        c1 = Conv <pads = [1, 1, 1, 1]> (x, w1)
        r1 = Relu (c1)
        left = Conv <pads = [1, 1, 1, 1]> (r1, w2)
        right = Sigmoid (r1)
        twice = Mul (r1, right)
        y = Concat <axis = 1> (left, twice, c1)
    }""",
    w1=weight(5, 3, 3, 3),
    w2=weight(6, 5, 3, 3),
)

OUTPUTS = network(
    """(float[N, 3, H, W] x) => (float[N, 5, H, W] a, float[N, 5, H, W] r, float[N, 2] y) {
        a = Conv <pads = [1, 1, 1, 1]> (x, w1)
        r = Relu (a)
        c = Conv (r, w2)
        p = GlobalAveragePool (c)
        f = Flatten (p)
        y = Gemm (f, w3)
    }""",
    w1=weight(5, 3, 3, 3),
    w2=weight(4, 5, 1, 1),
    w3=weight(4, 2),
)
"""Two outputs in the middle, one of them the input of a Relu that cannot fuse."""

SHARED_WEIGHT = network(
    """(float[N, 4, H, W] x) => (float[N, 4, H, W] y) {
        c1 = Conv <pads = [1, 1, 1, 1]> (x, w)
        r1 = Relu (c1)
        c2 = Conv <pads = [1, 1, 1, 1]> (r1, w)
        s = Mul (c2, k)
        y = Add (s, k)
    }""",
    w=weight(4, 4, 3, 3),
    k=weight(1, 4, 1, 1),
)

SIZES = network(
    """(float[N, 3, H, W] x) => (float[N, 4, P, Q] y) {
        c1 = Conv <pads = [1, 1, 1, 1]> (x, w1)
        c2 = Conv <pads = [1, 1, 1, 1]> (c1, w2)
        all = Shape (x)
        sides = Slice (all, two, four)
        twice = Mul (sides, two)
        of = Shape (c2)
        rest = Slice (of, zero, two)
        sizes = Concat <axis = 0> (rest, twice)
        big = Resize <mode = "nearest"> (c2, , , sizes)
        y = Conv (big, w3)
    }""",
    w1=weight(5, 3, 3, 3),
    w2=weight(6, 5, 3, 3),
    w3=weight(4, 6, 1, 1),
    zero=np.array([0]),
    two=np.array([2]),
    four=np.array([4]),
)
"""Sizes of which a part is computed beside the layers."""

SHAPES = network(
    """(float[N, 3, H, W] x) => (float[N, M] y) {
        c = Conv <pads = [1, 1, 1, 1]> (x, w1)
        r = Relu (c)
        s = Shape (r)
        n = Gather <axis = 0> (s, zero)
        t = Concat <axis = 0> (n, rest)
        f = Reshape (r, t)
        e = Exp (f)
        y = Add (e, f)
    }""",
    w1=weight(4, 3, 3, 3),
    zero=np.array([0]),
    rest=np.array([-1]),
)
"""A Reshape to a computed shape, and a node that stays float between quantized ones."""

CONDITION = network(
    """(float[N, 3, H, W] x) => (float[N, 4, H, W] y) {
        c = Conv <pads = [1, 1, 1, 1]> (x, w1)
        r = Relu (c)
        m = ReduceMax <keepdims = 0> (x)
        large = Greater (m, limit)
        z = If (large) <
            then_branch = yes () => (float[N, 4, H, W] a) { a = Mul (r, two) },
            else_branch = no () => (float[N, 4, H, W] b) { b = Neg (r) }
        >
        y = Conv (z, w2)
    }""",
    w1=weight(4, 3, 3, 3),
    w2=weight(4, 4, 1, 1),
    limit=np.float32(0),
    two=np.float32(2),
)
"""Branches that read a tensor and a constant of the graph around them."""

NETS = {
    "residual": convnet(),
    "chain": CHAIN,
    "branches": BRANCHES,
    "several outputs": OUTPUTS,
    "a weight read twice": SHARED_WEIGHT,
    "sizes that are computed": SIZES,
    "shapes that are computed": SHAPES,
    "subgraphs": CONDITION,
    "fixed batch": convnet(batch="1"),
}


def prepared(content, data, recipe="onnxruntime-default", calibration=None):
    """A model with its quantization, statistics and data."""
    model = quant.load(content)
    statistics = quant.calibrate(model, quant.open_data(calibration or data, model))
    recipe = quant.preset(recipe) if isinstance(recipe, str) else recipe
    return quant.quantize(model, statistics, recipe), statistics, quant.open_data(data, model)


def net(name, count=6, recipe="onnxruntime-default"):
    """One of the nets above with its quantization, statistics and data."""
    channels = quant.load(NETS[name]).inputs[0].shape[1]
    return prepared(NETS[name], {"x": images(count)[:, [0, 1, 2, 0][:channels]]}, recipe)


def brute_force(quantized, variant, data, samples=None, level="basic"):
    """The scores of a variant that is run whole, in the sweep's batches."""
    total = len(data) if samples is None else samples
    reference, test = (
        InferenceSession(model.to_bytes(), level=level, threads=1, integer_kernels=False)
        for model in (quantized.float_model, variant)
    )
    accumulator = ScoreAccumulator()
    size, _ = batch_size([reference], data)
    for batch in data.batches(size, total):
        accumulator.add(reference.run(batch.feeds), test.run(batch.feeds), samples=batch.size)
    return accumulator.result()
