"""Someone who uses the app at random in one or two tabs of a browser, and what that asks for."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest
from playwright.sync_api import Locator, expect

from app.views.layers.settings import DROP, FUSE
from app.views.shared.controls import calibrator_list
from app.views.shared.format import activation_type
from quant.calibrators import REGISTRY, calibrator_named
from quant.io.codec import to_json
from quant.recipe.presets import preset
from quant.recipe.recipe import Recipe
from tests.app.use import plain_model
from tests.app.use.plain_model import Json, PlainModel
from tests.app.use.player import (
    ACTIVATION_TYPES,
    ACTIVATIONS,
    NODES,
    SWITCHES,
    WEIGHT_TYPES,
    skipped,
)
from tests.e2e.use.picker import Picker
from tests.e2e.use.tab import Tab, Widget

Edit = Callable[[Json], Json]
PAGES: Final = ("layers", "layers", "layers", "overview", "setup", "export", "graph")
WITH_UNDO: Final = {"layers", "overview", "graph"}
WORDS: Final[dict[str, dict[str, Json]]] = {
    "calibrator": {
        REGISTRY[name].label: {"calibrator": to_json(calibrator_named(name))}
        for name in calibrator_list()
    },
    "activation": {
        activation_type(*pair): values
        for pair, values in zip(ACTIVATION_TYPES, ACTIVATIONS, strict=True)
    },
    "weight type": {qtype.value: {"weight_type": qtype.value} for qtype in WEIGHT_TYPES},
    "fuse_activation": {words: {"fuse_activation": value} for value, words in FUSE.items()},
    "drop_activation": {words: {"drop_activation": value} for value, words in DROP.items()},
}
"""What select boxes offer, and the settings that each stands for."""
PRESET: Final = re.compile(r"(overview-|setup-)?preset-\d+")
NAMED: Final = re.compile(
    r"(?P<scope>default|layer)-(?P<what>[a-z_-]+?)(-of-(?P<node>\w+))?(-\d+)?"
)
WEIGHT: Final = re.compile(r"layer-weight-(?P<type>\w+)-(?P<each>True|False)-of-(?P<node>\w+)")
FIX: Final = re.compile(r"apply-.+-(?P<key>[0-9a-f]{8})")
HISTORY: Final = {"undo": PlainModel.undo, "redo": PlainModel.redo}
REFUSED: Final = "changed in another tab"
HEARD_MS: Final = 500
"""A click on a cell is told after 150 ms."""


class Person:
    """Plays one sequence and compares the project with the plain model after every step.

    Args:
        tabs: Where to click.
        told: What the server holds: the recipes one after the other, and which of them stands.
        seed: Decides every click.
    """

    def __init__(self, tabs: Sequence[Tab], told: Callable[[], Json], seed: int) -> None:
        self.random = random.Random(seed)
        self.tabs, self.told = tabs, told
        self.model = PlainModel(preset("onnxruntime-default").to_json())
        self.refused = 0
        self.log: list[str] = []
        for tab in tabs:
            tab.asleep = False
            tab.page.bring_to_front()
            tab.open()
            tab.shown, tab.asleep = 0, len(tabs) > 1

    def play(self, steps: int) -> None:
        """Do so many things."""
        for _ in range(steps):
            tab = self.random.choice(self.tabs)
            tab.page.bring_to_front()
            self.step(tab)
            self.check(tab)

    def step(self, tab: Tab) -> None:
        """One thing that a person does."""
        kind = self.random.choices(
            ("edit", "picker", "history", "row", "page", "reload", "look", "view", "more", "bulk"),
            (28, 20, 20, 9, 8, 3, 5, 4, 4, 4),
        )[0]
        if kind in {"picker", "row", "view", "more", "bulk"} and tab.name != "layers":
            kind = "page"
        self.log.append(f"tab {self.tabs.index(tab) + 1}, {tab.name}: {kind}")
        getattr(self, kind)(tab)

    # ---- what asks for an edit

    def edit(self, tab: Tab, within: str = "body") -> None:
        """Use a control of the page."""
        widgets = [w for w in tab.widgets(within) if self.is_edit(w)]
        if not widgets:
            return
        widget = self.random.choice(widgets)
        if widget.kind == "select":
            self.select(tab, widget)
        elif widget.kind == "switch":
            match = NAMED.fullmatch(widget.key)
            assert match
            wanted = not tab.switched_on(widget)
            self.say(f"{widget.key} = {wanted}")
            tab.press(widget)
            self.asked(tab, setting(match, {SWITCHES[words(match)]: wanted}), late=True)
        else:
            self.say(widget.key)
            tab.press(widget)
            edit = self.pressed(widget.key)
            assert edit
            self.asked(tab, ByHand(edit) if FIX.fullmatch(widget.key) else edit)

    def is_edit(self, widget: Widget) -> bool:
        """Whether a control is one of those whose effect is known here."""
        match = NAMED.fullmatch(widget.key)
        if widget.kind == "select":
            known = match is not None and words(match) in WORDS
            return known or PRESET.fullmatch(widget.key) is not None
        if widget.kind == "switch":
            return match is not None and words(match) in SWITCHES
        return widget.key == "remove-rules" or self.pressed(widget.key) is not None

    def select(self, tab: Tab, widget: Widget) -> None:
        """Pick another option."""
        offered = tab.offered(widget)
        match = NAMED.fullmatch(widget.key)
        known = WORDS[words(match)] if match else dict.fromkeys(offered)
        text = self.random.choice([word for word in offered if word in known])
        self.say(f"{widget.key} = {text}")
        tab.choose(widget, text)
        if match is None:
            self.asked(tab, lambda _: preset(text).to_json(), late=True)
        else:
            self.asked(tab, setting(match, WORDS[words(match)][text]), late=True)

    def pressed(self, key: str) -> Edit | None:
        """What a button asks for, or None for one that edits nothing."""
        if key == "remove-rules":
            return lambda recipe: {**recipe, "rules": []}
        if match := re.fullmatch(r"layer-reset-of-(\w+)", key):
            node = match[1]
            return lambda recipe: plain_model.without_layer(recipe, node, NODES[node][1])
        if match := WEIGHT.fullmatch(key):
            values = {"weight_type": match["type"], "per_channel": match["each"] == "True"}
            return layer_setting(match["node"], values)
        if match := FIX.fullmatch(key):
            return lambda _: self.fix(match["key"])
        return None

    def fix(self, key: str) -> Json:
        """The recipe of a fix, of which the page tells the beginning of its digest."""
        recipe = self.standing()
        assert Recipe.from_json(recipe).content_key.startswith(key), self.story()
        return recipe

    def history(self, tab: Tab) -> None:
        """Undo or redo."""
        what = self.random.choice(("undo", "undo", "redo"))
        found = [widget for widget in tab.widgets() if widget.key == what]
        self.say(what if found else f"no {what}")
        if found:
            tab.press(found[0])
            self.asked(tab, HISTORY[what])

    def more(self, tab: Tab) -> None:
        """Use a control behind the button More."""
        tab.page.get_by_role("button", name="More", exact=False).first.click()
        body = '[data-testid="stPopoverBody"]'
        expect(tab.page.locator(body)).to_be_visible()
        self.edit(tab, body)
        tab.page.keyboard.press("Escape")
        expect(tab.page.locator(body)).to_have_count(0)

    def bulk(self, tab: Tab) -> None:
        """A rule for all layers of a type."""
        page = tab.page
        with tab.drawn_again():
            page.get_by_role("button", name="Bulk edit").click()
        tab.shown = self.model.revision
        op_type = self.random.choice(("Conv", "Relu", "Input"))
        skip = self.random.choice(("yes", "no"))
        for key, text in (("bulk-type", op_type), ("bulk-Skip--float-", skip)):
            if tab.at(key).get_by_role("combobox").input_value() != text:
                with tab.drawn_again():
                    tab.offered(Widget(key, "select"))
                    tab.choose(Widget(key, "select"), text)
        self.say(f"{op_type}: skip {skip}")
        values: Json = {"skip": skip == "yes"}
        tab.press(Widget("bulk-apply", "button"))
        self.asked(tab, lambda now: plain_model.with_rule(now, "op_type", op_type, values))
        with tab.drawn_again():
            page.keyboard.press("Escape")

    def picker(self, tab: Tab) -> None:
        """Drag the range, type it, step it, give it back, or take a row of the table."""
        picker = Picker(tab.page)
        if not picker.usable:
            return
        node = picker.owner(NODES)
        ways = ["drag", "drag", "type", "step", "escape"]
        ways += ["reset"] * picker.resettable + ["take"] * bool(picker.rows)
        ways += ["give back"] * picker.revocable
        way = self.random.choice(ways)
        self.say(f"{way} {node}")
        if way == "escape":
            picker.drag(self.random.uniform(0.55, 0.95), give_up=True)
        elif way == "reset":
            picker.reset()
            self.asked(tab, layer_setting(node, {"range": None}), late=True)
        elif way == "give back":
            picker.give_back()
            self.asked(tab, PlainModel.undo)
        elif way == "take":
            scope, name = self.random.choice(picker.rows).split("/")
            self.say(f"{name} for {scope}")
            picker.take(f"{scope}/{name}")
            self.asked(tab, taken(scope, name, node), late=True)
        else:
            before = picker.range
            if way == "drag":
                picker.drag(self.random.uniform(0.55, 0.95))
            elif way == "type":
                picker.type(f"{self.random.uniform(0.5, 3):.3f}")
            else:
                picker.step(self.random.choice(("ArrowLeft", "Shift+ArrowLeft")))
            wanted = picker.range
            self.say(f"{before} -> {wanted}")
            if wanted == before:  # an end that stands at zero cannot be stepped below it
                return
            self.asked(tab, ByHand(lambda now: self.ranged(now, node, wanted)), late=True)

    def ranged(self, recipe: Json, node: str, wanted: tuple[float, float]) -> Json:
        """The recipe with the range that the handles stand at, to the digits that they tell."""
        settings = plain_model.layer_settings(self.standing(), node, *NODES[node])
        assert settings["range"] is not None, self.story()
        assert settings["range"] == pytest.approx(list(wanted), rel=1e-4, abs=1e-6), self.story()
        return layer_setting(node, {"range": settings["range"]})(recipe)

    def asked(self, tab: Tab, change: Any, *, late: bool = False) -> None:
        """What was asked for is done, but not in a tab that shows something else.

        Args:
            tab: Where.
            change: From recipe to recipe, or what happens to the plain model.
            late: Whether a row may be clicked before the answer is there.
        """
        stale = tab.shown != self.model.revision
        row = ""
        if late and not stale and tab.name == "layers" and self.random.random() < 0.3:
            row = self.pick_row(tab)
            self.click_row(tab, row)
        if stale:
            assert REFUSED in tab.refusal(), self.story()
            self.refused += 1
            self.say("refused")
        else:
            self.wait(tab, change)
        tab.shown = self.model.revision
        if row:
            self.see_late_row(tab, row)

    def wait(self, tab: Tab, change: Any) -> None:
        """Wait until the page shows what the change gives."""
        if isinstance(change, ByHand):
            # The recipe tells more digits than the page: it is read once the page shows an edit.
            self.see_history(tab, self.model.index + 1, 0)
            self.model.edit(change.edit(self.model.recipe))
        elif change in HISTORY.values():
            change(self.model)
        else:
            self.model.edit(change(self.model.recipe))
        self.see_history(tab, self.model.index, len(self.model.recipes) - 1 - self.model.index)

    def see_history(self, tab: Tab, past: int, future: int) -> None:
        """Wait until the page shows how many edits there are to undo and to redo."""
        if tab.name in WITH_UNDO:
            for name, count in (("Undo", past), ("Redo", future)):
                shown = re.compile(rf"{name} \({count}\)" if count else rf"{name}(?! \()")
                expect(tab.at(name.lower()).locator("button").first).to_have_text(shown)
        else:
            tab.until(lambda: self.told()["index"] == past)
        tab.settle()

    # ---- what asks for nothing

    def row(self, tab: Tab) -> None:
        """Select a layer in the table."""
        row = self.pick_row(tab)
        self.click_row(tab, row)
        self.see_row(tab, row)

    def pick_row(self, tab: Tab) -> str:
        """The name of a layer that the table shows."""
        row = self.random.choice(self.rows(tab))
        self.say(f"row {row}")
        return row

    @staticmethod
    def rows(tab: Tab) -> list[str]:
        """The layers in the table, from its first row on."""
        lines = tab.page.locator(".st-key-layers_table [data-row]")
        lines.first.wait_for(state="attached")
        found = [line.get_attribute("data-row") for line in lines.all()]
        return [name for name in found if name in NODES]

    @staticmethod
    def click_row(tab: Tab, name: str) -> None:
        """Click on the row of a layer."""
        tab.page.locator(f'.st-key-layers_table [data-row="{name}"]').click()

    def see_late_row(self, tab: Tab, name: str) -> None:
        """Wait until the pane shows a layer whose row was clicked while the page was drawn.

        Such a click may reach the table and not be told by it, so a person who sees nothing happen
        clicks again.
        """
        tab.settle()
        tab.page.wait_for_timeout(HEARD_MS)
        tab.settle()
        if not self.head_of(tab, name).is_visible():
            self.say(f"row {name} again")
            self.click_row(tab, name)
        self.see_row(tab, name)

    def see_row(self, tab: Tab, name: str) -> None:
        """Wait until the pane shows a layer."""
        expect(self.head_of(tab, name)).to_be_visible()
        tab.settle()

    @staticmethod
    def head_of(tab: Tab, name: str) -> Locator:
        """The title of the pane where it shows a layer."""
        return tab.page.locator("p strong").filter(has_text=re.compile(rf"^{name}$"))

    def page(self, tab: Tab) -> None:
        """Go to another page."""
        name = self.random.choice([name for name in PAGES if name != tab.name])
        self.say(name)
        tab.go(name)
        tab.shown = self.model.revision

    def reload(self, tab: Tab) -> None:
        """Load the page again."""
        tab.reload()
        tab.shown = self.model.revision

    def look(self, tab: Tab) -> None:
        """See what another tab did."""
        if tab.shown != self.model.revision:
            tab.follow()
            tab.shown = self.model.revision

    def view(self, tab: Tab) -> None:
        """Look at the weights of a layer, or at its activation."""
        views = tab.page.locator(".st-key-layer-view").get_by_role("radio")
        if views.count():
            other = views.and_(tab.page.locator(":not(:checked):not([aria-checked=true])"))
            other.first.click()
            tab.settle()

    # ---- what holds after every step

    def check(self, tab: Tab) -> None:
        """The project is what was asked for, and the tab shows how it stands."""
        tab.settle()
        told = self.told()
        assert told["history"] == self.model.recipes, self.story()
        assert told["index"] == self.model.index, self.story()
        expect(tab.page.get_by_test_id("stToast")).to_have_count(0)
        expect(tab.page.get_by_test_id("stException")).to_have_count(0)
        if tab.shown == self.model.revision:
            self.see_history(tab, self.model.index, len(self.model.recipes) - 1 - self.model.index)

    def standing(self) -> Json:
        """The recipe that the server holds."""
        told = self.told()
        return told["history"][told["index"]]

    def say(self, text: str) -> None:
        """Note what is done."""
        self.log.append(f"  {text}")

    def story(self) -> str:
        """All that was done."""
        return "\n".join(self.log)


@dataclass(frozen=True)
class ByHand:
    """An edit whose values only the server knows to all digits.

    Attributes:
        edit: Checks them against the page and gives the recipe; called once the edit is there.
    """

    edit: Edit


def words(match: re.Match[str]) -> str:
    """What a control is about, as the app's keys have it."""
    return match["what"].replace("-", " ")


def setting(match: re.Match[str], values: Json) -> Edit:
    """What changes settings of the whole model or of one layer."""
    if match["scope"] == "default":
        return lambda recipe: plain_model.with_defaults(recipe, **values)
    if "skip" in values:
        return skipped(match["node"], values)
    return layer_setting(match["node"], values)


def layer_setting(node: str, values: Json) -> Edit:
    """What changes settings of one layer."""
    op_type, tensor = NODES[node]
    return lambda recipe: plain_model.with_layer(recipe, node, op_type, tensor, **values)


def taken(scope: str, name: str, node: str) -> Edit:
    """What taking a row of the table asks for."""
    calibrator = to_json(calibrator_named(name))
    op_type, tensor = NODES[node]
    if scope == "model":
        return lambda recipe: plain_model.with_calibrator_everywhere(recipe, calibrator)
    if scope == "op_type":
        return lambda recipe: plain_model.with_calibrator_for_type(
            recipe, op_type, tensor, calibrator
        )
    return layer_setting(node, {"calibrator": calibrator})
