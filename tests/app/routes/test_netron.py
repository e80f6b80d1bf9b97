import asyncio
from dataclasses import dataclass
from urllib.parse import quote, unquote

import onnx
import pytest
from onnx import TensorProto, helper
from starlette.applications import Starlette

from app.routes import netron


def relu_model(name: str) -> bytes:
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 4]) for n in ("x", "y"))
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"], name=name)], name, [x], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


@dataclass
class Answer:
    status_code: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()


class Client:
    """Asks the routes without a server, with the path exactly as given."""

    app = Starlette(routes=netron.routes())

    def get(self, path: str) -> Answer:
        sent = []

        async def receive():
            await asyncio.Event().wait()  # the browser stays

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1")],
            "scheme": "http",
            "server": ("127.0.0.1", 80),
        }
        asyncio.run(self.app(scope, receive, send))
        headers = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
        return Answer(sent[0]["status"], headers, b"".join(m.get("body", b"") for m in sent[1:]))


@pytest.fixture
def client():
    return Client()


def test_the_page_has_no_date_no_version_and_names_the_model(client):
    response = client.get(netron.show(relu_model("a"), 'a "quoted" <name>.onnx'))
    assert response.status_code == 200
    text = response.text
    assert 'name="date"' not in text
    assert text.count('name="version"') == 1
    assert '<meta name="version" content="0.0.0">' in text
    assert '<meta name="file" content="model.onnx">' in text
    assert "a &quot;quoted&quot; &lt;name&gt;.onnx" in text


def test_the_consent_cookie_holds_for_this_model_only(client):
    address = netron.show(relu_model("a"), "a.onnx")
    assert f"Path={address}" in client.get(address).headers["set-cookie"]


def test_the_policy_lets_the_page_reach_its_own_server_only(client):
    policy = client.get(netron.show(relu_model("a"), "a.onnx")).headers["content-security-policy"]
    assert "connect-src 'self'" in policy


def test_the_model_comes_back_byte_for_byte_from_memory_and_from_a_file(client, tmp_path):
    model = relu_model("a")
    path = tmp_path / "model é.onnx"
    path.write_bytes(model)
    for source in (model, path):
        address = netron.show(source, "a.onnx")
        assert client.get(f"{address}model.onnx").content == model


def test_the_same_model_keeps_its_address_and_another_gets_its_own():
    first, second = relu_model("a"), relu_model("b")
    assert netron.show(first, "a.onnx") == netron.show(first, "a.onnx")
    assert netron.show(first, "a.onnx") != netron.show(second, "a.onnx")


def test_static_files_of_netron_are_served(client):
    address = netron.show(relu_model("a"), "a.onnx")
    script = client.get(f"{address}view.js")
    assert script.status_code == 200
    assert script.headers["content-type"].startswith("text/javascript")
    assert client.get(f"{address}onnx-metadata.json").status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "__init__.py",
        "server.py",
        "index.html",
        "../netron/view.js",
        "..%2f..%2fpip%2f__init__.py",
        quote("../../etc/passwd", safe=""),
        "%2e%2e/%2e%2e/secret.js",
        "missing.js",
        "data/model.onnx",
        "a\\..\\b.js",
        "view.js%00.png",
    ],
)
def test_nothing_else_is_served(client, name):
    address = netron.show(relu_model("a"), "a.onnx")
    assert client.get(address + name).status_code == 404


def test_an_unknown_token_is_not_found(client):
    for path in ("/netron/0/", "/netron/0/view.js", "/netron/0/model.onnx"):
        assert client.get(path).status_code == 404


def test_the_number_of_models_on_show_is_bounded(client):
    addresses = [netron.show(relu_model(f"n{i}"), "m.onnx") for i in range(netron.MODELS_KEPT + 2)]
    found = [client.get(address).status_code for address in addresses]
    assert found == [404, 404] + [200] * netron.MODELS_KEPT


def test_a_missing_file_is_an_error_when_it_is_put_on_show(tmp_path):
    with pytest.raises(FileNotFoundError):
        netron.show(tmp_path / "missing.onnx", "missing.onnx")


def test_a_file_that_vanished_is_not_found(client, tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(onnx.load_from_string(relu_model("a")), path)
    address = netron.show(path, "m.onnx")
    path.unlink()
    assert client.get(f"{address}model.onnx").status_code == 404
