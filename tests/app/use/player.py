"""Someone who clicks at random in one or two tabs, and what each click asks for."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.testing.v1 import AppTest

from analysis.study.evidence import FINDINGS
from app.session import user_session
from app.views.layers.recipe_bar import ACTIVATION_TYPES, WEIGHT_TYPES
from app.views.shared.controls import calibrator_list
from app.workspace.opening import STORE
from quant.calibrators import calibrator_named
from quant.io.codec import to_json
from quant.recipe.presets import preset, preset_names
from tests.app.screen import project, session
from tests.app.use import plain_model
from tests.app.use.plain_model import Json, PlainModel

Edit = Callable[[Json], Json]
NODES = {
    "image": ("Input", "image"),
    "conv1": ("Conv", "c"),
    "relu1": ("Relu", "r"),
    "conv2": ("Conv", "d"),
    "pool": ("GlobalAveragePool", "p"),
    "flat": ("Flatten", "scores"),
}
"""The layers of the model: operator and output."""
BEHIND = {"conv1": "relu1"}
"""The activation that is skipped with a layer."""
PAGES = ("layers", "layers", "layers", "overview", "setup", "export", "graph")
WORDS: dict[str, tuple[str, ...]] = {
    "fuse_activation": ("never", "clamps", "always"),
    "drop_activation": ("never", "lossless", "always"),
}
TRIGGER = "trigger_value"
NAMED = re.compile(r"(?P<scope>default|layer) (?P<what>.+?)( of (?P<node>.+))? \d+")
SWITCHES = {"skip": "skip", "per channel": "per_channel", "bias": "quantize_bias"}
ACTIVATIONS = [
    {"activation_type": qtype.value, "activation_symmetric": symmetric}
    for qtype, symmetric in ACTIVATION_TYPES
]


@dataclass
class Tab:
    """A tab with the page it is on and the revision it last showed."""

    app: AppTest
    page: str = "layers"
    shown: int = 0


class Player:
    """Plays one sequence and compares the project with the plain model after every step.

    Args:
        start: Opens a tab.
        tabs: How many there are.
        seed: Decides every click.
    """

    def __init__(self, start: Callable[[], AppTest], tabs: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.start = start
        self.tabs = [Tab(start()) for _ in range(tabs)]
        self.model = PlainModel(user_session.latest().recipe.to_json())
        self.log: list[str] = []
        self.sent = held_by(self.tabs[0].app)

    def play(self, steps: int) -> int:
        """Click so often; returns how many clicks were refused."""
        refused = 0
        for _ in range(steps):
            tab = self.random.choice(self.tabs)
            late = self.random.random() < 0.3
            self.sent = held_by(tab.app)
            stale = tab.shown != self.model.revision
            edits = self.step(tab)
            refused += stale and edits
            self.check(tab, refused=stale and edits)
            if late and tab.page == "layers":
                # An event that the browser sends after the click, before it hears what came of it.
                self.log.append("  late event")
                tab.app._run(self.sent)
                self.check(tab, refused=False)
        return refused

    def step(self, tab: Tab) -> bool:
        """One thing that a person does; returns whether it asks for an edit."""
        kind = self.random.choices(
            ("edit", "history", "row", "page", "reload", "look", "view", "bulk"),
            (40, 22, 10, 7, 3, 5, 4, 9),
        )[0]
        name = f"tab {self.tabs.index(tab) + 1}, {tab.page}: "
        if kind == "edit":
            widget, edit, words = self.random.choice(self.edits(tab) or [(None, None, "nothing")])
            self.log.append(name + words)
            if widget is None or edit is None:
                return self.look(tab)
            if isinstance(widget, Value):
                widget.widget.set_value(widget.value)
                self.sent = held_by(tab.app)
                tab.app.run()
            else:
                widget.click().run()
            self.ask(tab, lambda model: model.edit(edit(model.recipe)))
            return True
        if kind == "history":
            what = self.random.choice(("undo", "undo", "redo"))
            found = [b for b in tab.app.button if b.key == what and not b.disabled]
            self.log.append(name + (what if found else f"no {what}"))
            if not found:
                return self.look(tab)
            found[0].click().run()
            self.ask(tab, PlainModel.undo if what == "undo" else PlainModel.redo)
            return True
        if kind == "bulk" and tab.page == "layers":
            return self.bulk(tab, name)
        self.log.append(name + kind)
        if kind == "row":
            row = self.random.choice(tuple(NODES))
            tab.app.session_state["quantlens"] = replace(session(tab.app), row=row)
        elif kind == "page":
            tab.page = self.random.choice(PAGES)
            tab.app.switch_page(f"views/{tab.page}/page.py")
        elif kind == "reload":
            tab.app, tab.page = self.start(), "layers"
            self.sent = held_by(tab.app)
        elif kind == "view":
            tab.app.session_state["layer view"] = self.random.choice(("Activation", "Weights"))
        return self.look(tab)

    def look(self, tab: Tab) -> bool:
        """Wait until the tab shows what there is; that is no edit."""
        tab.app.run()
        tab.shown = self.model.revision
        return False

    def ask(self, tab: Tab, change: Callable[[PlainModel], None]) -> None:
        """What is asked for in a tab that shows something else is not done."""
        if tab.shown == self.model.revision:
            change(self.model)
        tab.shown = self.model.revision

    def bulk(self, tab: Tab, name: str) -> bool:
        """A rule for all layers of a type, set and asked for without waiting in between."""
        tab.app.session_state["bulk_edit"] = True
        tab.app.run()
        op_type = self.random.choice(("Conv", "Relu", "Input"))
        tab.app.selectbox(key="bulk type").select(op_type)
        values: Json = {}
        skip = self.random.choice(("yes", "no"))
        tab.app.selectbox(key="bulk Skip (float)").select(skip)
        values["skip"] = skip == "yes"
        if self.random.random() < 0.5:
            tab.app.selectbox(key="bulk Calibrator").select("percentile")
            values["calibrator"] = to_json(calibrator_named("percentile"))
            values["range"] = None
        self.log.append(f"{name}bulk {op_type} {values}")
        tab.app.run()
        tab.app.button(key="bulk apply").click().run()
        self.model.edit(plain_model.with_rule(self.model.recipe, "op_type", op_type, values))
        tab.shown = self.model.revision
        tab.app.session_state["bulk_edit"] = False
        tab.app.run()
        return False

    def edits(self, tab: Tab) -> list[tuple[Any, Edit, str]]:
        """Every widget of the page that edits, with one value that it may get."""
        found: list[tuple[Any, Edit, str]] = []
        for box in tab.app.selectbox:
            if box.key and not box.disabled:
                found += self.picks(box)
        for switch in tab.app.toggle:
            match = NAMED.fullmatch(switch.key or "")
            if match and match["what"] in SWITCHES and not switch.disabled:
                wanted = not switch.value
                edit = setting(match, {SWITCHES[match["what"]]: wanted})
                found.append((Value(switch, wanted), edit, f"{switch.key} = {wanted}"))
        for button in tab.app.button:
            if button.key and not button.disabled:
                edit = pressed(button.key)
                if edit is not None:
                    found.append((button, edit, button.key))
        return found

    def picks(self, box: Any) -> list[tuple[Any, Edit, str]]:
        """What may be picked in a select box."""
        if re.fullmatch(r"(overview |setup )?preset \d+", box.key):
            name = self.random.choice(preset_names())
            if name == box.value:
                return []
            return [(Value(box, name), lambda _: preset(name).to_json(), f"{box.key} = {name}")]
        match = NAMED.fullmatch(box.key)
        if match is None:
            return []
        choices = options(match["what"])
        if not choices:
            return []
        shown, values = self.random.choice(choices)
        if shown == box.value:
            return []
        return [(Value(box, shown), setting(match, values), f"{box.key} = {shown}")]

    def check(self, tab: Tab, *, refused: bool) -> None:
        """The project is what was asked for, and the tab shows it."""
        story = "\n".join(self.log)
        now, model = user_session.latest(), self.model
        assert not tab.app.exception, f"{story}\n{tab.app.exception}"
        assert now.recipe.to_json() == model.recipe, story
        history = [*now.past, now.recipe, *reversed(now.future)]
        assert [recipe.to_json() for recipe in history] == model.recipes, story
        assert len(now.past) == model.index, story
        assert project(tab.app) == now, story
        told = [toast.value for toast in tab.app.toast]
        assert bool(told) == refused, f"{story}\n{told}"
        assert all("changed in another tab" in words for words in told), told


def held_by(app: AppTest) -> WidgetStates:
    """What the browser of a tab sends with an event; of buttons only that one is pressed."""
    states = WidgetStates()
    held = [w for w in app._tree.get_widget_states().widgets if w.WhichOneof("value") != TRIGGER]
    states.widgets.extend(held)
    return states


@dataclass
class Value:
    """A widget that gets a value."""

    widget: Any
    value: Any


def options(what: str) -> Sequence[tuple[Any, Json]]:
    """What a select box offers, and the settings that each stands for."""
    if what == "calibrator":
        names = calibrator_list()
        return [(n, {"calibrator": to_json(calibrator_named(n))}) for n in names]
    if what == "activation":
        return list(zip(ACTIVATION_TYPES, ACTIVATIONS, strict=True))
    if what == "weight type":
        return [(qtype, {"weight_type": qtype.value}) for qtype in WEIGHT_TYPES]
    return [(word, {what: word}) for word in WORDS.get(what, ())]


def setting(match: re.Match[str], values: Json) -> Edit:
    """What changes settings of the whole model or of one layer."""
    if match["scope"] == "default":
        return lambda recipe: plain_model.with_defaults(recipe, **values)
    if "skip" in values:
        return skipped(match["node"], values)
    return layer_setting(match["node"], values)


def skipped(node: str, values: Json) -> Edit:
    """What computes a layer in float, and the activation behind it with it."""
    edits = [layer_setting(name, values) for name in (node, BEHIND.get(node)) if name]
    return lambda recipe: reduce(lambda found, edit: edit(found), edits, recipe)


def layer_setting(node: str, values: Json) -> Edit:
    op_type, tensor = NODES[node]
    return lambda recipe: plain_model.with_layer(recipe, node, op_type, tensor, **values)


def pressed(key: str) -> Edit | None:
    """What a button asks for, or None for one that edits nothing."""
    if key == "remove rules":
        return lambda recipe: {**recipe, "rules": []}
    if match := re.fullmatch(r"layer reset of (.+)", key):
        node = match[1]
        return lambda recipe: plain_model.without_layer(recipe, node, NODES[node][1])
    if match := re.fullmatch(r"layer weight (\w+) (True|False) of (.+)", key):
        values = {"weight_type": match[1], "per_channel": match[2] == "True"}
        return layer_setting(match[3], values)
    if match := re.fullmatch(r"apply .+ ([0-9a-f]{8})", key):
        known = [
            item.fix.recipe
            for found in STORE._of(FINDINGS)._items.values()
            for item in found
            if item.fix
        ]
        wanted = next(recipe for recipe in known if recipe.content_key.startswith(match[1]))
        return lambda _: wanted.to_json()
    return None
