"""The range picker as a person uses it on the Layers page."""

import re
from collections.abc import Mapping
from typing import Final

from playwright.sync_api import Locator, Page

from tests.e2e.shown import number

SHARES: Final = re.compile(r"It shares the range of (\w+)$")


class Picker:
    """The range picker of the selected layer."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.upper = page.get_by_role("slider", name="Upper end of the range")
        self._reset = page.locator(".ql-reset")
        self._back = page.locator(".ql-note-line button")

    @property
    def usable(self) -> bool:
        """Whether there is a range to choose."""
        return self.upper.is_visible()

    @property
    def resettable(self) -> bool:
        """Whether the calibrator's range can be had back."""
        return self._reset.is_enabled()

    @property
    def revocable(self) -> bool:
        """Whether the row that was taken last can be given back."""
        return self._back.is_visible()

    @property
    def rows(self) -> list[str]:
        """What can be taken from the table: for whom, and the name of the row."""
        found = self.page.locator(".ql-choices .ql-use button").evaluate_all(
            "all => all.map((button) => button.dataset.id)"
        )
        return list(found)

    @property
    def range(self) -> tuple[float, float]:
        """The ends, as the fields above the plots write them."""
        low, high = (self._field(end).input_value() for end in ("Lower", "Upper"))
        return number(low), number(high)

    def owner(self, nodes: Mapping[str, tuple[str, str]]) -> str:
        """The layer whose range it is.

        Args:
            nodes: Layer -> its operator and its tensor.
        """
        shared = self.page.get_by_role("button", name=SHARES)
        if shared.count():
            found = SHARES.search(shared.inner_text())
            assert found
            return found[1]
        drawn = self.page.locator("[data-drawn]").get_attribute("data-drawn")
        return next(name for name, (_, tensor) in nodes.items() if tensor == drawn)

    def drag(self, to: float, *, give_up: bool = False) -> None:
        """Drag the upper end to a share of the plot's width; Escape gives up before the release."""
        self.upper.scroll_into_view_if_needed()
        handle, area = self.upper.bounding_box(), self._area.bounding_box()
        assert handle
        assert area
        x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(area["x"] + to * area["width"], y, steps=5)
        if give_up:
            self.page.keyboard.press("Escape")
        self.page.mouse.up()

    def type(self, text: str) -> None:
        """Type the upper end."""
        field = self._field("Upper")
        field.fill(text)
        field.press("Enter")

    def step(self, key: str) -> None:
        """Move the upper end by a key."""
        self.upper.focus()
        self.page.keyboard.press(key)
        self.page.keyboard.press("Enter")

    def reset(self) -> None:
        """Ask for the calibrator's range."""
        self._reset.click()

    def take(self, row: str) -> None:
        """Take a row of the table."""
        self.page.locator(f'.ql-choices [data-id="{row}"]').click()

    def give_back(self) -> None:
        """Give the row back that was taken last."""
        self._back.click()

    @property
    def _area(self) -> Locator:
        return self.page.locator(".ql-hist .ql-area")

    def _field(self, end: str) -> Locator:
        return self.page.get_by_label(f"{end} end of the range").and_(self.page.locator("input"))
