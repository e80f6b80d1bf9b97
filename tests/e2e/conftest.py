"""A real browser on a real server: each app gets a port and a home folder of its own."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.e2e.browser import NONE, find

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = (
    "import sys; from pathlib import Path; from app.server import serve; "
    "serve(*[a or None for a in sys.argv[2:4]], open_browser=False, measure=False, "
    "script=Path(sys.argv[1]))"
)


class Answer(NamedTuple):
    """What a server answers."""

    status: int
    headers: Message
    body: bytes


def asked(url: str, headers: Mapping[str, str], method: str = "GET") -> Answer:
    """What a server answers to a request."""
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=dict(headers), method=method), timeout=60
        ) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())


class App:
    """A running server.

    Attributes:
        entrance: What it printed: the address to open, with its token.
        address: The same of the Layers page; the entrance where the script has no pages.
        base: The server without a path.
        headers: What a browser sends that has opened it.
    """

    def __init__(
        self,
        script: Path,
        home: Path,
        model: str = "",
        data: str = "",
        folder: Path | None = None,
        *,
        launch: str = LAUNCH,
    ) -> None:
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("STREAMLIT_")},
            "HOME": str(home),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        self.log = home / "server.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", launch, str(script), model, data],
                cwd=folder or home,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"(http://127\.0\.0\.1:(\d+))/\?token=(\S+)", line)
        assert found, f"no address in {line!r}; {self.log.read_text()}"
        self.entrance, self.base, self.port = found[0], found[1], int(found[2])
        paged = script.name == "main.py"
        self.address = self.entrance.replace("/?", "/layers?") if paged else self.entrance
        self.headers = {"Cookie": f"quantlens-{self.port}={found[3]}"}

    def asked(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """What it answers to a browser that has opened it, or to one that sends these headers."""
        return asked(self.base + path, self.headers if headers is None else headers)

    def stop(self, how: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """End the server, by Ctrl-C unless told otherwise: exit code, and what it still printed."""
        self.process.send_signal(how)
        try:
            printed, _ = self.process.communicate(timeout=60)
            return self.process.returncode, printed
        finally:
            self.process.kill()


@contextmanager
def browsing(model: str = "", data: str = "") -> Iterator[tuple[App, Browser]]:
    """An app with a home of its own, and a browser, for scripts; both end with it."""
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        app = App(ROOT / "app" / "main.py", Path(home), model, data, folder=ROOT)
        browser = playwright.chromium.launch(executable_path=find(), args=["--no-sandbox"])
        try:
            yield app, browser
        finally:
            browser.close()
            app.stop()


@pytest.fixture(scope="session")
def start_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., App]]:
    """Start an app once for each script and options; it stops after the last test."""
    running: dict[tuple[str, ...], App] = {}

    def start(script: Path = ROOT / "app" / "main.py", model: str = "", data: str = "") -> App:
        key = (str(script), model, data)
        if key not in running:
            running[key] = App(script, tmp_path_factory.mktemp("home"), model, data)
        return running[key]

    yield start
    for app in running.values():
        app.stop()


ARGUMENTS = (
    "--no-sandbox",
    "--disable-background-networking",
    # Names other than of this machine are not even looked up, on the browser's own account either.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Any Chromium; gone after each module, because Playwright keeps an event loop running."""
    program = find()
    if program is None:
        pytest.fail(NONE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield chromium
        chromium.close()


def save_as(page: Page, target: Path) -> None:
    """Save the model from the Export page, under a name."""
    where = page.get_by_role("textbox", name="Save as")
    expect(where).to_be_visible()
    where.fill(str(target))
    where.press("Enter")
    save = page.get_by_role("button", name="Save", exact=True)
    expect(save).to_be_enabled()
    save.click()


def until(page: Page, expression: str) -> None:
    """Wait until a JavaScript expression is true of the page.

    The page's policy forbids what Playwright's own waiting does: to make code of a string.
    """
    for _ in range(WAIT_MS // 50):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"not so after {WAIT_MS // 1000} s: {expression}")


class Watch:
    """What went wrong in a browser, noted as it happens."""

    def __init__(self, context: BrowserContext) -> None:
        self.problems: list[str] = []
        context.on("request", lambda request: self._request(request.url))
        context.on("page", self._page)

    def _request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname != "127.0.0.1":
            self.problems.append(f"asked another host: {url}")

    def _page(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.problems.append(f"page exception: {error}"))
        page.on("console", self._said)

    def _said(self, message: ConsoleMessage) -> None:
        where = str(message.location.get("url", ""))
        if message.type == "error" and not _LOOKED_FOR.search(where):
            self.problems.append(f"console error: {message.text} {message.location}")


_LOOKED_FOR = re.compile(r"^http://127\.0\.0\.1:\d+/[a-z]+/_stcore/(health|host-config)$")
"""Where Streamlit looks for its server first, when a page is opened by its own address."""


WAIT_MS = 90_000
"""What a page is given to show a state: a busy machine is slow."""

expect.set_options(timeout=WAIT_MS)


def _profile(browser: Browser) -> tuple[BrowserContext, Watch]:
    fresh = browser.new_context(
        viewport={"width": 1280, "height": 900}, color_scheme="light", reduced_motion="reduce"
    )
    fresh.set_default_timeout(WAIT_MS)
    return fresh, Watch(fresh)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile; the test fails on console errors, exceptions, outside requests."""
    fresh, watch = _profile(browser)
    yield fresh
    fresh.close()
    assert not watch.problems, "\n".join(watch.problems)


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page of the fresh profile."""
    return context.new_page()


@pytest.fixture(scope="module")
def module_page(browser: Browser) -> Iterator[tuple[Page, Watch]]:
    """One page for all tests of a module, with what went wrong on it so far."""
    fresh, watch = _profile(browser)
    yield fresh.new_page(), watch
    fresh.close()
