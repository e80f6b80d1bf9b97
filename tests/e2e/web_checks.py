"""What the server answers to whom: hosts, origins, tokens, paths, frames, uploads, two users.

``python -m tests.e2e.web_checks`` starts the app and prints the table.
"""

import base64
import re
import secrets
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.e2e.conftest import ROOT, App, asked

PATHS = ("/", "/setup", "/netron/x/model.onnx", "/_stcore/health", "/media/x.png", "/static/x.js")
FOREIGN = (
    "http://evil.example",
    "https://evil.example",
    "http://localhost:3000",
    "http://127.0.0.1:3000",
    "null",
    "file://",
)


Headers = Mapping[str, str]


class Check(NamedTuple):
    """One request, what it should be answered and what it was."""

    kind: str
    request: str
    expected: str
    answered: str

    @property
    def ok(self) -> bool:
        """Whether the answer is the expected one."""
        return self.expected == self.answered


def checks(app: App) -> Iterator[Check]:
    """Ask everything of a running app."""
    cookie = app.headers
    name, value = cookie["Cookie"].split("=", 1)
    for host, expected in (
        (f"127.0.0.1:{app.port}", "200"),
        (f"localhost:{app.port}", "200"),
        ("quantlens.example.com", "400"),
        (f"127.0.0.1.example.com:{app.port}", "400"),
        ("0.0.0.0", "400"),
    ):
        yield _http(app, ("host", f"Host: {host}"), "/", expected, {**cookie, "Host": host})
    for origin in FOREIGN:
        asks = {**cookie, "Origin": origin}
        yield _http(app, ("origin", f"page of {origin}"), "/", "403", asks)
        yield _socket(app, "origin", f"socket of {origin}", asks, "403")
    own = {**cookie, "Origin": app.base}
    yield _http(app, ("origin", "its own page"), "/", "200", own)
    yield _socket(app, "origin", "socket of its own page", own, "101")
    for path in PATHS:
        yield _http(app, ("token", f"{path} without token or cookie"), path, "403", {})
    wrong = secrets.token_urlsafe(24)
    yield _http(app, ("token", "a wrong token"), f"/?token={wrong}", "403", {})
    yield _http(app, ("token", "an empty token"), "/?token=", "403", {})
    yield _http(app, ("token", "a wrong cookie"), "/", "403", {"Cookie": f"{name}={wrong}"})
    yield _http(app, ("token", "the token"), f"/?token={value}", "200", {})
    for key, expected in (("HttpOnly", "yes"), ("SameSite=strict", "yes"), ("Path=/", "yes")):
        set_cookie = app.asked(f"/?token={value}", {}).headers["set-cookie"]
        yield Check(
            "token", f"the cookie has {key}", expected, "yes" if key in set_cookie else "no"
        )
    another = {"Cookie": f"quantlens-{app.port + 1}={value}"}
    yield _http(app, ("two users", "the cookie of another port"), "/", "403", another)
    yield _socket(app, "two users", "a socket without the cookie", {"Origin": app.base}, "403")
    yield _socket(app, "two users", "a socket without cookie and origin", {}, "403")
    yield _http(app, ("two users", "the page, from a second profile"), "/", "403", {})
    for request, path, expected in (
        ("a name of 5,000 letters", "/" + "a" * 5000, "404"),
        ("Netron, a name of 5,000 letters", "/netron/x/" + "a" * 5000, "404"),
        ("Netron, a name of 300 letters", "/netron/x/" + "a" * 300 + ".js", "404"),
        ("Netron, a model that is not on show", "/netron/x/", "404"),
        ("Netron, up and out", "/netron/x/..%2f..%2f..%2fetc%2fpasswd", "no file"),
        ("NUL in a path", "/netron/x/a%00.js", "404"),
        ("static files, up and out", "/static/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd", "no file"),
        ("media, up and out", "/media/..%2f..%2f..%2fetc%2fpasswd", "no file"),
        ("components, up and out", "/component/x/..%2f..%2fetc%2fpasswd", "no file"),
    ):
        answer = app.asked(path)
        leaked = b"root:" in answer.body
        found = str(answer.status) if expected.isdecimal() else "a file" if leaked else "no file"
        yield Check("path", request, expected, found)
    page = app.asked("/")
    for header, expected in (
        ("X-Frame-Options", "SAMEORIGIN"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ):
        yield Check("frame", header, expected, page.headers.get(header, "absent"))
    policy = page.headers.get("Content-Security-Policy", "")
    yield Check(
        "frame", "policy: who may frame it", "'self'", _directive(policy, "frame-ancestors")
    )
    yield Check("policy", "anything not named", "'none'", _directive(policy, "default-src"))
    hosts = re.findall(r"(?:https?|wss?)://(?!127\.0\.0\.1:|localhost:)\S*|\s\*", policy)
    yield Check("policy", "other hosts in it", "none", " ".join(hosts) or "none")
    scripts = _directive(policy, "script-src")
    loose = [word for word in ("'unsafe-inline'", "'unsafe-eval'", "data:") if word in scripts]
    yield Check("policy", "loose words for scripts", "none", " ".join(loose) or "none")
    upload = "/_stcore/upload_file/x/y"
    yield _http(app, ("upload", "without the cookie"), upload, "403", {}, how="PUT")
    yield _http(app, ("upload", "of a foreign page"), upload, "403", asks, how="PUT")
    yield _http(app, ("upload", "into no session"), upload, "refused", cookie, how="PUT")
    yield _http(
        app, ("agents", "their API"), "/_stcore/agent/interact", "refused", cookie, how="POST"
    )


def _http(
    app: App,
    what: tuple[str, str],
    path: str,
    expected: str,
    headers: dict[str, str],
    *,
    how: str = "GET",
) -> Check:
    answer = asked(app.base + path, headers, how)
    refused = expected == "refused" and 400 <= answer.status < 500
    return Check(*what, expected, "refused" if refused else str(answer.status))


def _socket(app: App, kind: str, request: str, headers: Headers, expected: str) -> Check:
    lines = [
        "GET /_stcore/stream HTTP/1.1",
        f"Host: 127.0.0.1:{app.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: streamlit",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    with socket.create_connection(("127.0.0.1", app.port), 20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        status = connection.recv(100).split(b" ")[1].decode()
    return Check(kind, request, expected, status)


def _directive(policy: str, name: str) -> str:
    found = [part.strip() for part in policy.split(";") if part.strip().startswith(f"{name} ")]
    return found[0].removeprefix(name).strip() if found else "absent"


def main() -> int:
    """Print the table; 0 if every answer is the expected one."""
    with tempfile.TemporaryDirectory() as folder:
        app = App(ROOT / "app" / "main.py", Path(folder))
        try:
            table = list(checks(app))
        finally:
            app.stop()
    for check in table:
        mark = "OK " if check.ok else "BAD"
        sys.stdout.write(f"{mark} {check.kind:10}{check.request:45}{check.answered}\n")
    return 0 if all(check.ok for check in table) else 1


if __name__ == "__main__":
    sys.exit(main())
