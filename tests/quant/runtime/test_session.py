import numpy as np
import pytest

from quant.errors import ModelError
from quant.runtime.runner import Runner
from quant.runtime.session import LEVELS, InferenceSession
from tests import nets


@pytest.fixture(scope="module")
def content():
    return nets.convnet()


@pytest.mark.parametrize("level", LEVELS)
def test_taps_give_inner_tensors_at_every_level(content, level):
    x = nets.images(2)
    found = InferenceSession(content, taps=("c1", "r1", "y"), level=level).run({"x": x})
    assert list(found) == ["c1", "r1", "y"]
    assert np.array_equal(found["r1"], np.maximum(found["c1"], 0))
    plain = InferenceSession(content, level=level).run({"x": x})
    assert list(plain) == ["y"]
    np.testing.assert_allclose(plain["y"], found["y"], rtol=1e-4, atol=1e-5)


def test_a_session_says_what_it_takes_and_gives(content, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    for session in (
        InferenceSession(content),
        InferenceSession(path),
        InferenceSession(path, taps=("c1",), threads=1),
    ):
        assert [(i.name, i.dtype, i.shape) for i in session.inputs] == [
            ("x", "FLOAT", ("N", 3, "H", "W"))
        ]
        assert [(o.name, o.shape) for o in session.outputs] == [("y", ("N", 4))]


@pytest.mark.parametrize(
    "use",
    [
        lambda c: InferenceSession(b"nonsense"),
        lambda c: InferenceSession("no/such/file.onnx"),
        lambda c: InferenceSession(c, taps=("nowhere",)),
        lambda c: InferenceSession(c).run({"x": np.zeros((1, 2, 4, 4), np.float32)}),
        lambda c: InferenceSession(c).run({"z": np.zeros((1, 3, 4, 4), np.float32)}),
        lambda c: InferenceSession(c).run({"x": np.zeros((1, 3, 4, 4))}),
    ],
)
def test_what_the_runtime_refuses_is_one_sentence(content, use, capfd):
    with pytest.raises(ModelError) as raised:
        use(content)
    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_a_stopped_session_fails_soon(content):
    session = InferenceSession(content)
    session.stop()
    with pytest.raises(ModelError):
        session.run({"x": nets.images(1)})


def test_a_runner_gives_what_plain_runs_give_for_every_shape(content):
    session = InferenceSession(content, taps=("c1", "r1", "y"))
    runner = Runner(session)
    for size, seed in ((2, 0), (2, 1), (2, 2), (1, 3), (2, 4), (2, 5)):
        x = nets.images(size, seed=seed)
        found = runner.run({"x": x})
        for name, expected in session.run({"x": x}).items():
            assert np.array_equal(found[name], expected)


def test_a_runner_follows_shapes_that_depend_on_the_data():
    content = nets.network(
        """(float[N] x) => (float[M] y) {
            places = NonZero (x)
            f = Cast <to = 1> (places)
            s = Squeeze (f)
            y = LeakyRelu (s)
        }"""
    )
    runner = Runner(InferenceSession(content, taps=("s", "y")))
    for x in ([0, 1, 1, 0], [0, 0, 1, 1], [1, 1, 1, 0], [1, 0, 0, 1], [0, 0, 0, 0]):
        found = runner.run({"x": np.array(x, np.float32)})
        assert found["s"].tolist() == np.flatnonzero(x).tolist()


def test_a_runner_overwrites_its_results(content):
    runner = Runner(InferenceSession(content))
    first, second = (runner.run({"x": nets.images(1, seed=seed)})["y"] for seed in (1, 2))
    assert first is second
