"""What a request must be before Streamlit sees it: from a page of this very server.

Streamlit takes a WebSocket of any other port of this machine, and asks a public service for the
machine's address when a foreign page tries one.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LONGEST_PATH: Final = 2_000
"""In bytes. No address of ours is longer; a file system would refuse such a name by an error."""


class SameOriginOnly:
    """Middleware that refuses other origins, and addresses that nothing here has."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before ``app``."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the request through."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and not _same(origin, headers.get("host", "")):
            await refuse(scope, receive, send, "QuantLens answers its own pages only.", 403)
        elif len(scope["path"]) > LONGEST_PATH or "\0" in scope["path"]:
            await refuse(scope, receive, send, "There is no such address here.", 404)
        else:
            await self._app(scope, receive, send)


async def refuse(scope: Scope, receive: Receive, send: Send, why: str, status: int) -> None:
    """Answer a request with a sentence, and close a socket before it opens."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await PlainTextResponse(why, status_code=status)(scope, receive, send)


def _same(origin: str, host: str) -> bool:
    parts = urlsplit(origin)
    return parts.scheme in {"http", "https"} and parts.netloc == host
