"""The metric that is used when nobody names one."""

import numpy as np
import pytest

import quant
from analysis.metrics.usual import usual_metric
from tests import nets

LABELS = np.zeros(4, np.int64)


def net(text, **constants):
    return quant.load(nets.network(text, **constants))


def test_labels_and_a_row_of_scores_mean_top1():
    model = quant.load(nets.convnet())
    assert usual_metric(model, LABELS).name == "top1"
    assert usual_metric(model, None).name == "cosine"


def test_labels_for_a_map_are_no_classes():
    model = net(
        """(float[1, 3, 8, 8] x) => (float[1, 4, 8, 8] y) {
            y = Conv <pads = [1, 1, 1, 1]> (x, w)
        }""",
        w=nets.weight(4, 3, 3, 3),
    )
    assert usual_metric(model, LABELS).name == "cosine"


@pytest.mark.parametrize("real_output", [False, True])
def test_outputs_whose_shape_depends_on_the_values_are_not_compared(real_output):
    more = "y = Relu (c)" if real_output else "y = Cast <to = 1> (picked)"
    model = net(
        f"""(float[1, 3, 8, 8] x) => (float[M, K, A, B] y, int64[4, N] picked) {{
            c = Conv <pads = [1, 1, 1, 1]> (x, w)
            picked = NonZero (c)
            {more}
        }}""".replace("float[M, K, A, B]", "float[1, 4, 8, 8]" if real_output else "float[4, N]"),
        w=nets.weight(4, 3, 3, 3),
    )
    found = usual_metric(model, None)
    assert (found and found.name) == ("cosine" if real_output else None)
