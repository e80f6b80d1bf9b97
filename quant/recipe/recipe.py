"""What the user asks for: defaults and rules, in a form that is written beside every export."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, cast

import regex  # pyright: ignore[reportMissingTypeStubs]

from quant.errors import RecipeError
from quant.io.codec import from_json, to_json
from quant.io.forms import Misfit, OwnForm, Reader, as_object, check_fields, misfit, short
from quant.io.show import card, counted, one_line, table
from quant.recipe.settings import SETTING_NAMES, TENSOR_SETTING_NAMES, Settings

VERSION = 1
Selector = Literal["node", "op_type", "pattern", "tensor"]
SELECTORS: tuple[Selector, ...] = ("op_type", "pattern", "node", "tensor")


_REGEX: Any = regex
"""Like the standard library's ``re``, with a limit of time; it has no types to check against."""

_MATCH_SECONDS = 1.0
"""A pattern that looks longer at one name would look for ever."""


def _matches(pattern: str, name: str) -> bool:
    try:
        return _REGEX.fullmatch(pattern, name, timeout=_MATCH_SECONDS) is not None
    except TimeoutError as error:
        raise RecipeError(
            f"rule: the pattern {short(pattern)} takes too long on the "
            f"name {short(name)}; write it without repeats of repeats"
        ) from error


@dataclass(frozen=True)
class Rule(OwnForm):
    """Settings for the nodes or the tensor that a selector names; later rules win.

    Attributes:
        selector: What ``target`` is: a node's name, an operator type, a regular expression that a
            node's whole name matches, or a tensor's name.
        target: The name, type or expression.
        set: The settings to change, by name.
    """

    selector: Selector
    target: str
    set: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.selector not in SELECTORS:
            raise RecipeError(
                f"rule: expected one of {', '.join(SELECTORS)}, found {self.selector!r}"
            )
        if self.selector == "pattern":
            try:
                _REGEX.compile(self.target)
            except (_REGEX.error, OverflowError, RecursionError) as error:
                raise RecipeError(
                    f"rule: the pattern {short(self.target)} is not a regular expression ({error})"
                ) from error
        allowed = TENSOR_SETTING_NAMES if self.selector == "tensor" else SETTING_NAMES
        try:
            check_fields(self.set, allowed)
        except Misfit as error:
            raise RecipeError(f"rule for {short(self.target)}: {error}") from error
        object.__setattr__(self, "set", MappingProxyType(dict(self.set)))
        replace(Settings(), **self.set)

    def __hash__(self) -> int:
        return hash((self.selector, self.target, json.dumps(to_json(self), sort_keys=True)))

    @property
    def label(self) -> str:
        """The selector in words, such as ``op_type Conv``."""
        return f"{self.selector} {self.target}"

    def matches_node(self, name: str, op_type: str) -> bool:
        """Whether the rule speaks of the node ``name`` of type ``op_type``."""
        match self.selector:
            case "node":
                return name == self.target
            case "op_type":
                return op_type == self.target
            case "pattern":
                return _matches(self.target, name)
            case "tensor":
                return False

    def document(self) -> dict[str, Any]:
        """``{"op_type": ..., "set": {...}}``, with the selector as the first field's name."""
        return {self.selector: self.target, "set": dict(self.set)}

    @classmethod
    def from_document(cls, document: object, read: Reader) -> "Rule":
        """A rule of one selector, with the settings that are named."""
        found, written = read(_Written, document), as_object(document)
        given: list[Selector] = [name for name in SELECTORS if name in written]
        if len(given) != 1:
            raise misfit(f"exactly one of {', '.join(SELECTORS)}", given)
        values = {name: getattr(found.set, name) for name in written["set"]}
        return cls(given[0], getattr(found, given[0]), values)


@dataclass(frozen=True)
class _Written:
    """How a rule is written: with one of the selectors."""

    set: Settings
    op_type: str = ""
    pattern: str = ""
    node: str = ""
    tensor: str = ""


@dataclass(frozen=True)
class Recipe(OwnForm):
    """Defaults, and rules that change them for some nodes or tensors.

    Attributes:
        name: Where it comes from: a preset's name, or the user's.
        defaults: Settings of every node no rule speaks of.
        rules: Later rules win over earlier ones.
        passes: Names of registered passes over the finished int8 graph, in the order of work (see
            :mod:`quant.passes`).
        repairs: Names of registered repairs of weights and biases, in the order of work (see
            :mod:`quant.repairs`).
    """

    name: str = "custom"
    defaults: Settings = field(default_factory=Settings)
    rules: tuple[Rule, ...] = ()
    passes: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Name, main defaults and number of rules, in one line."""
        used = self.defaults
        symmetry = "symmetric" if used.activation_symmetric else "asymmetric"
        granularity = "per channel" if used.per_channel else "per tensor"
        return (
            f"<Recipe {one_line(self.name)}: activations {used.activation_type.value} {symmetry} "
            f"by {used.calibrator.name}, weights {used.weight_type.value} {granularity}, "
            f"{counted(len(self.rules), 'rule')}>"
        )

    def _repr_html_(self) -> str:
        """The rules, then the defaults, for a notebook."""
        rules = [(rule.label, _in_words(to_json(rule)["set"])) for rule in self.rules]
        rows = [(name, _value(value)) for name, value in self.to_json()["defaults"].items()]
        shown = [table(("Rule, later ones win", "Sets"), rules, len(rules))] if rules else []
        return card(repr(self), *shown, table(("Default", "Value"), rows, len(rows)))

    def settings(self, node: str, op_type: str) -> tuple[Settings, Mapping[str, str]]:
        """Resolve the settings of a node.

        Returns:
            The settings, and for each setting that a rule changed, that rule's label.
        """
        changed, source = dict[str, Any](), dict[str, str]()
        for rule in self.rules:
            if rule.matches_node(node, op_type):
                changed.update(rule.set)
                source.update(dict.fromkeys(rule.set, rule.label))
        return replace(self.defaults, **changed), source

    def tensor_settings(
        self, tensor: str, node: str, op_type: str
    ) -> tuple[Settings, Mapping[str, str]]:
        """Resolve the settings of a tensor: those of the node that computes it, then its own.

        Returns:
            The settings, and for each setting that a rule changed, that rule's label.
        """
        settings, node_source = self.settings(node, op_type)
        changed, source = dict[str, Any](), dict(node_source)
        for rule in self.rules:
            if rule.selector == "tensor" and rule.target == tensor:
                changed.update(rule.set)
                source.update(dict.fromkeys(rule.set, rule.label))
        return replace(settings, **changed), source

    def with_rule(self, rule: Rule) -> "Recipe":
        """This recipe with ``rule`` added last; an earlier rule for the same target joins it."""
        same = [r for r in self.rules if (r.selector, r.target) == (rule.selector, rule.target)]
        merged = {key: value for r in [*same, rule] for key, value in r.set.items()}
        rest = tuple(r for r in self.rules if r not in same)
        return replace(self, rules=(*rest, Rule(rule.selector, rule.target, merged)))

    def without(self, selector: Selector, target: str, *names: str) -> "Recipe":
        """This recipe without the named settings of a target's rules, or without all of them."""
        rules: list[Rule] = []
        for rule in self.rules:
            if (rule.selector, rule.target) != (selector, target):
                rules.append(rule)
                continue
            kept = {k: v for k, v in rule.set.items() if names and k not in names}
            if kept:
                rules.append(Rule(selector, target, kept))
        return replace(self, rules=tuple(rules))

    def to_json(self) -> dict[str, Any]:
        """The recipe as JSON values."""
        return to_json(self)

    @classmethod
    def from_json(cls, document: object) -> "Recipe":
        """Read a recipe, naming what in it is not understood.

        Raises:
            RecipeError: For another version, an unknown field or a value of the wrong kind.
        """
        return from_json(cls, document, "recipe", RecipeError)

    def document(self) -> dict[str, Any]:
        """The fields behind the version; without lists of names it is the text of version 0.1."""
        written: dict[str, Any] = {"version": VERSION}
        written |= {"name": self.name, "defaults": self.defaults, "rules": self.rules}
        lists = {"passes": self.passes, "repairs": self.repairs}
        return written | {name: names for name, names in lists.items() if names}

    @classmethod
    def from_document(cls, document: object, read: Reader) -> "Recipe":
        """A recipe of this version."""
        found = dict(as_object(document))
        version = found.pop("version", None)
        if isinstance(version, bool) or version != VERSION:
            raise RecipeError(
                f"recipe: expected version {VERSION}, found {short(version)}; write it with this "
                "version of QuantLens"
            )
        return read(cls, found)

    def dumps(self) -> str:
        """The recipe as the text of a ``.recipe.json`` file."""
        return json.dumps(self.to_json(), indent=2) + "\n"

    @property
    def content_key(self) -> str:
        """SHA-256 of what the recipe asks for, whatever it is called."""
        content = {key: value for key, value in self.to_json().items() if key != "name"}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @classmethod
    def loads(cls, text: str, name: str = "recipe") -> "Recipe":
        """Read the text of a ``.recipe.json`` file called ``name``.

        Raises:
            RecipeError: If it is not JSON, or not a recipe.
        """
        try:
            document = json.loads(text)
            json.dumps(document, ensure_ascii=False).encode()
        except json.JSONDecodeError as error:
            raise RecipeError(
                f"{name}: expected JSON, found a mistake in line {error.lineno}, column "
                f"{error.colno} ({error.msg})"
            ) from error
        except UnicodeEncodeError as error:
            raise RecipeError(
                f"{name}: expected text, found {error.object[error.start]!r}, half of a "
                "character; remove it"
            ) from error
        except (ValueError, RecursionError) as error:
            raise RecipeError(
                f"{name}: expected a recipe, found a number too long to read or lists too deep; "
                "start from a recipe that QuantLens wrote"
            ) from error
        return cls.from_json(document)


def _in_words(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in settings.items())


def _value(value: Any) -> str:
    """A JSON value as a table has it; a calibrator by its name and options."""
    if isinstance(value, dict):
        chosen = cast("dict[str, Any]", value)
        return f"{chosen['name']} {_in_words(chosen['options'])}".strip()
    return value if isinstance(value, str) else json.dumps(value)
