"""Who is let in: the browser that was given the token, and nobody else on this machine.

Any user and any program of a machine can reach a port on 127.0.0.1. So the first address holds a
token; the answer to it leaves the token in the browser as a cookie and goes on to the page.
"""

import secrets
from html import escape
from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.routes.guard import refuse

_PARAMETER: Final = "token"
_WHO: Final = (
    "QuantLens answers the browser that opened it. Open the whole address that it printed when it "
    "started, with its token."
)


class Entrance:
    """The tokens of one run: one that is printed, and others that are good for one use."""

    def __init__(self) -> None:
        """Make a token that nobody can guess."""
        self._token = secrets.token_urlsafe(24)
        self._once = set[str]()

    def address(self, base: str) -> str:
        """The address to open, as often as one likes.

        Args:
            base: Address of the server, without a path.
        """
        return f"{base}/?{urlencode({_PARAMETER: self._token})}"

    def address_for_one_use(self, base: str) -> str:
        """An address to start a browser with: others can read it in the list of processes.

        Args:
            base: Address of the server, without a path.
        """
        token = secrets.token_urlsafe(24)
        self._once.add(token)
        return f"{base}/?{urlencode({_PARAMETER: token})}"

    def opens(self, token: str) -> bool:
        """Whether a token is one of ours; one for one use is used up by this."""
        if token in self._once:
            self._once.remove(token)
            return True
        return self.knows(token)

    def knows(self, cookie: str) -> bool:
        """Whether a cookie is the one that the entrance leaves."""
        return secrets.compare_digest(cookie.encode(), self._token.encode())

    def letting_in(self, scope: Scope) -> HTMLResponse:
        """Leave the cookie in the browser and go on to the page that was asked for.

        A page that goes on by itself and no redirect: where a link on a foreign page was followed,
        a strict cookie would not be sent with the redirected request.
        """
        asked = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        rest = urlencode([(name, value) for name, value in asked if name != _PARAMETER])
        path = "/" + scope["path"].lstrip("/") + (f"?{rest}" if rest else "")
        response = HTMLResponse(
            "<!doctype html><title>QuantLens</title>"
            f'<meta http-equiv="refresh" content="0; url={escape(path)}">',
            headers={"Cache-Control": "no-store"},
        )
        response.set_cookie(
            _cookie_name(scope), self._token, httponly=True, samesite="strict", path="/"
        )
        return response


class TokenRequired:
    """Middleware that lets in who has the token, as a cookie or in the address."""

    def __init__(self, app: ASGIApp, entrance: Entrance) -> None:
        """Stand before ``app``."""
        self._app = app
        self._entrance = entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the request through."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        token = request.query_params.get(_PARAMETER)
        if scope["type"] == "http" and token is not None and self._entrance.opens(token):
            await self._entrance.letting_in(scope)(scope, receive, send)
        elif self._entrance.knows(request.cookies.get(_cookie_name(scope), "")):
            await self._app(scope, receive, send)
        else:
            await refuse(scope, receive, send, _WHO, 403)


def _cookie_name(scope: Scope) -> str:
    """The cookie of this server: browsers do not tell the ports of a machine apart."""
    return f"quantlens-{scope['server'][1]}"
