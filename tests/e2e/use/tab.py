"""A tab of a real browser: what can be used in it, and which runs of the script it has heard of.

A tab that sleeps does not look for what other tabs did, as browsers let hidden tabs do; so it is
known which state of the project a click in it is meant for.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Locator, Page, WebSocketRoute, expect
from playwright.sync_api import TimeoutError as Late
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.e2e.conftest import WAIT_MS

STREAM: Final = re.compile("_stcore/stream")
OPENINGS, LIST_MS = 5, 5_000
"""How often a list that was closed is opened again, and how long an option is waited for."""

IDLE: Final = '[data-testid="stApp"][data-test-script-state="notRunning"]'
FRAME: Final = """() => new Promise((done) => {
  requestAnimationFrame(done);
  setTimeout(done, 50);  // a tab in the background draws no frames
})"""
WIDGETS: Final = """(place) => [...place.querySelectorAll('[class*="st-key-"]')]
  .filter((e) => e.getClientRects().length && !e.querySelector('[class*="st-key-"]'))
  .map((e) => ({
    key: [...e.classList].find((name) => name.startsWith("st-key-")).slice(7),
    kind: e.querySelector('[data-testid="stSelectbox"]') ? "select"
      : e.querySelector('[role="switch"]') ? "switch"
      : e.querySelector('[data-testid="stButton"]') ? "button" : "",
    disabled: Boolean(e.querySelector("input:disabled, button:disabled")),
  }))
  .filter(({ kind, disabled }) => kind && !disabled)"""
DONE: Final = {
    ForwardMsg.FINISHED_SUCCESSFULLY: True,
    ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY: False,
}
"""How a run of the script ends, and whether it was one of the whole script."""


@dataclass(frozen=True)
class Widget:
    """A control that can be used.

    Attributes:
        key: Its key, with hyphens where the app's has other signs.
        kind: ``select``, ``switch`` or ``button``.
    """

    key: str
    kind: str


class Tab:
    """A tab on one of the pages.

    Args:
        page: The browser's tab.
        address: Where the app is.
    """

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.name = "layers"
        self.shown = 0
        self.asleep = False
        self._whole_runs = 0
        self._asked = self._running = False
        page.route_web_socket(STREAM, self._listen)

    def open(self) -> None:
        """Open the app as if for the first time."""
        self._loaded(lambda: self.page.goto(self.address))
        self.name = "layers"
        expect(self.page.locator("[data-drawn]")).to_be_visible()
        self.settle()

    def reload(self) -> None:
        """Load the page again, as the browser's button does."""
        self._loaded(self.page.reload)

    def go(self, name: str) -> None:
        """Go to a page."""
        if name != self.name:
            with self.drawn_again():
                self.page.get_by_role("link", name=name.title(), exact=True).click()
            self.name = name

    def close(self) -> None:
        """Leave the app; the tab stays."""
        self.page.goto("about:blank")

    def _loaded(self, load: Callable[[], object]) -> None:
        asleep, self.asleep = self.asleep, False
        with self.drawn_again():
            load()
            self._asked = self._running = False
        self.asleep = asleep

    def _listen(self, socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def sent(message: str | bytes) -> None:
            asked = BackMsg.FromString(message) if isinstance(message, bytes) else BackMsg()
            if asked.HasField("rerun_script"):
                if self.asleep and asked.rerun_script.is_auto_rerun:
                    return
                self._asked = True
            server.send(message)

        def received(message: str | bytes) -> None:
            told = ForwardMsg.FromString(message) if isinstance(message, bytes) else ForwardMsg()
            if told.HasField("new_session"):
                self._asked, self._running = False, True
            elif told.WhichOneof("type") == "script_finished" and told.script_finished in DONE:
                self._running = False
                self._whole_runs += DONE[told.script_finished]
            socket.send(message)

        socket.on_message(sent)
        server.on_message(received)

    def until(self, known: Callable[[], bool]) -> None:
        """Wait until something is known of what went to and fro."""
        end = time.monotonic() + WAIT_MS / 1000
        while not known():
            assert time.monotonic() < end, "the page never got there"
            self.page.evaluate(FRAME)

    def settle(self) -> None:
        """Wait until nothing that was asked for is missing."""
        self.until(lambda: not (self._asked or self._running))
        expect(self.page.locator(IDLE)).to_be_visible()

    @contextmanager
    def drawn_again(self) -> Iterator[None]:
        """Do something that draws the whole page again, and wait until it has."""
        before = self._whole_runs
        yield
        self.until(lambda: self._whole_runs > before)
        self.settle()

    def follow(self) -> None:
        """Look for what other tabs did, until it is drawn."""
        asleep = self.asleep
        with self.drawn_again():
            self.asleep = False
        self.asleep = asleep

    def widgets(self, within: str = "body") -> list[Widget]:
        """What can be used now, in a part of the page."""
        found = self.page.locator(within).evaluate(WIDGETS)
        return [Widget(each["key"], each["kind"]) for each in found]

    def at(self, key: str) -> Locator:
        """The control of that key."""
        return self.page.locator(f".st-key-{key}")

    def offered(self, select: Widget) -> list[str]:
        """What else a select box offers; its list is left open."""
        box = self.at(select.key).get_by_role("combobox")
        shown = box.input_value()
        options = self.page.get_by_role("option")
        for _ in range(OPENINGS):
            box.click()
            with suppress(AssertionError):
                expect(options.first).to_be_visible(timeout=LIST_MS)
                found = [text for text in options.all_inner_texts() if text != shown]
                if found:  # else it closed before it was read
                    return found
            self.settle()
        raise AssertionError(f"the list of {select.key} closed again and again")

    def choose(self, select: Widget, text: str) -> None:
        """Take an option of the list that is open.

        What a job found draws the page again, which closes lists: a person opens it again.
        """
        for _ in range(OPENINGS):
            with suppress(Late):
                option = self.page.get_by_role("option", name=text, exact=True)
                option.click(timeout=LIST_MS)
                return
            self.settle()
            self.offered(select)
        raise AssertionError(f"the list of {select.key} closed again and again")

    def press(self, widget: Widget) -> None:
        """Click a switch or a button."""
        inner = "label" if widget.kind == "switch" else "button"
        self.at(widget.key).locator(inner).first.click()

    def switched_on(self, widget: Widget) -> bool:
        """What a switch shows."""
        return self.at(widget.key).get_by_role("switch").is_checked()

    def refusal(self) -> str:
        """What the page says of a click that changed nothing; it is taken off the page."""
        toast = self.page.get_by_test_id("stToast")
        expect(toast).to_be_visible()
        text = toast.inner_text()
        toast.get_by_role("button", name="Close").click()
        expect(toast).to_have_count(0)
        return text
