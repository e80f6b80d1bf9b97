"""Requests from pages of other servers are refused, whatever they ask for."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from app.routes.guard import LONGEST_PATH, SameOriginOnly

HOST = "127.0.0.1:8501"
OTHERS = [
    "http://evil.example",
    "http://127.0.0.1:3000",
    "http://localhost:8501",
    "http://127.0.0.1:8501.evil.example",
    "http://evil@127.0.0.1:8501",
    "file://127.0.0.1:8501",
    "null",
    "",
]


async def page(_):
    return PlainTextResponse("page")


async def stream(socket: WebSocket):
    await socket.accept()
    await socket.send_text("open")
    await socket.close()


APP = SameOriginOnly(Starlette(routes=[Route("/page", page), WebSocketRoute("/stream", stream)]))


def answers(kind, path, origin):
    """The messages that the app sends for one request."""
    headers = [(b"host", HOST.encode())]
    headers += [] if origin is None else [(b"origin", origin.encode())]
    scope = {
        "type": kind, "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "headers": headers, "method": "GET", "http_version": "1.1",
        "scheme": "http", "server": ("127.0.0.1", 8501), "client": ("127.0.0.1", 50000),
        "subprotocols": [],
    }  # fmt: skip
    sent = []

    async def receive():
        return {"type": "websocket.connect" if kind == "websocket" else "http.request"}

    async def send(message):
        sent.append(message)

    asyncio.run(APP(scope, receive, send))
    return sent


@pytest.mark.parametrize("origin", [None, f"http://{HOST}"])
def test_pages_of_this_server_are_answered(origin):
    start, body = answers("http", "/page", origin)
    assert (start["status"], body["body"]) == (200, b"page")


@pytest.mark.parametrize("path", ["/" + "a" * LONGEST_PATH, "/page\0"])
def test_an_address_that_no_file_system_knows_is_not_found(path):
    assert answers("http", path, None)[0]["status"] == 404


@pytest.mark.parametrize("origin", [None, f"http://{HOST}"])
def test_their_sockets_open(origin):
    kinds = [message["type"] for message in answers("websocket", "/stream", origin)]
    assert kinds == ["websocket.accept", "websocket.send", "websocket.close"]


@pytest.mark.parametrize("origin", OTHERS)
def test_other_origins_get_no_page_and_no_socket(origin):
    start, body = answers("http", "/page", origin)
    assert start["status"] == 403
    assert body["body"] != b"page"
    assert [m["type"] for m in answers("websocket", "/stream", origin)] == ["websocket.close"]
