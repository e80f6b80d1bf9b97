"""Requests from pages of other servers are refused, whatever they ask for."""

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.routes.guard import SECURITY_HEADERS, SameOriginOnly

HOST = "127.0.0.1:8501"


async def page(_):
    return PlainTextResponse("page")


async def stream(socket: WebSocket):
    await socket.accept()
    await socket.send_text("open")
    await socket.close()


@pytest.fixture
def client():
    app = Starlette(routes=[Route("/", page), WebSocketRoute("/stream", stream)])
    return TestClient(SameOriginOnly(app), base_url=f"http://{HOST}")


@pytest.mark.parametrize("origin", [None, f"http://{HOST}"])
def test_pages_of_this_server_are_answered_with_security_headers(client, origin):
    answer = client.get("/", headers={} if origin is None else {"origin": origin})
    assert answer.text == "page"
    assert SECURITY_HEADERS.items() <= {k.title(): v for k, v in answer.headers.items()}.items()


@pytest.mark.parametrize("origin", [None, f"http://{HOST}"])
def test_their_sockets_open(client, origin):
    headers = {"host": HOST, **({} if origin is None else {"origin": origin})}
    with client.websocket_connect("/stream", headers=headers) as socket:
        assert socket.receive_text() == "open"


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://127.0.0.1:3000",
        "http://localhost:8501",
        "http://127.0.0.1:8501.evil.example",
        "http://evil@127.0.0.1:8501",
        "file://127.0.0.1:8501",
        "null",
        "",
    ],
)
def test_other_origins_get_no_page_and_no_socket(client, origin):
    answer = client.get("/", headers={"origin": origin})
    assert answer.status_code == 403
    assert "page" not in answer.text.split()
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/stream", headers={"origin": origin, "host": HOST}),
    ):
        pass
