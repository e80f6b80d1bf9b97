"""What every answer says to the browser about what it may do with it."""

import base64
import hashlib
import re
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_INLINE_SCRIPT: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)

SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",  # Netron is shown in a frame of the Export page
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def content_policy(script_sources: str = "", connections: str = "") -> str:
    """A Content-Security-Policy that knows no other host.

    Styles stay inline: Streamlit, Plotly and Netron write them into the page as it runs.

    Args:
        script_sources: Where scripts may come from, beside files of this server.
        connections: What the page may connect to, beside this server.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {script_sources}".rstrip(),
            "worker-src 'self' blob:",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "media-src 'self' data: blob:",
            f"connect-src 'self' {connections} data: blob:".replace("  ", " "),
            "frame-src 'self'",
            "frame-ancestors 'self'",
            "form-action 'self'",
            "base-uri 'self'",
            "object-src 'none'",
        )
    )


@cache
def page_policy(port: int) -> str:
    """The policy of Streamlit's page.

    Its one inline script is allowed by its hash. A component is a script that the page loads from
    its own memory (``blob:``); what such a script is was sent by this server.
    """
    page = Path(str(distribution("streamlit").locate_file("streamlit/static/index.html")))
    scripts = _INLINE_SCRIPT.findall(page.read_text(encoding="utf-8"))
    hashes = (base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts)
    return content_policy(
        " ".join((*(f"'sha256-{digest}'" for digest in hashes), "blob:")),
        # Some browsers do not count the sockets of a server as its own.
        f"ws://127.0.0.1:{port} ws://localhost:{port}",
    )


class SecurityHeaders:
    """Middleware that puts the headers on every answer; a policy that is there already stays."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before ``app``."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through and mark the answer."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                headers.setdefault("Content-Security-Policy", page_policy(scope["server"][1]))
            await send(message)

        await self._app(scope, receive, marked)
