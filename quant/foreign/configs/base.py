"""What a configuration of another tool asks for, read key by key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from quant.data.images.preprocessing import Preprocessing
from quant.errors import RecipeError, did_you_mean
from quant.model.model import Model
from quant.recipe.recipe import Recipe, Rule

T = TypeVar("T")

_WORDS: Final = {"true": True, "false": False, "on": True, "off": False, "1": True, "0": False}


@dataclass(frozen=True)
class Feeding:
    """The data that a configuration names.

    Attributes:
        places: Input -> file or folder.
        samples: How many samples of it; None for all.
        preprocessing: How pictures become samples; None where the data is no pictures.
    """

    places: Mapping[str, Path]
    samples: int | None = None
    preprocessing: Preprocessing | None = None

    @property
    def words(self) -> str:
        """The places, as ``--data`` takes them."""
        return ",".join(f"{name}:{path}" for name, path in self.places.items())


@dataclass(frozen=True)
class FileRecipe:
    """A recipe made of another tool's file.

    Attributes:
        recipe: The recipe.
        notes: What it does otherwise than the file, as sentences.
        feeding: The data that the file names, or None.
    """

    recipe: Recipe
    notes: tuple[str, ...] = ()
    feeding: Feeding | None = None


@dataclass(eq=False)
class Keys:
    """The settings of one section. Whoever asks for one names all that there are.

    Attributes:
        where: The section, for messages.
        values: Setting -> value, as it is written.
        notes: What has no equal here, in the order in which it was found.
    """

    where: str
    values: Mapping[str, Any]
    notes: list[str] = field(default_factory=list[str])

    def known(self, names: tuple[str, ...]) -> None:
        """Refuse a setting that the tool does not have.

        Raises:
            RecipeError: If there is one.
        """
        for name in self.values:
            if name not in names:
                raise RecipeError(
                    f"{self.where}: there is no setting {name!r}{did_you_mean(name, names)}"
                )

    def get(self, name: str, default: T, read: Callable[[Any], T], what: str) -> T:
        """A setting.

        Args:
            name: Its name.
            default: What the tool takes where it is missing.
            read: Makes the value of what is written; it may raise ``ValueError``.
            what: What is expected, for the message.

        Raises:
            RecipeError: If it is something else.
        """
        if name not in self.values:
            return default
        try:
            return read(self.values[name])
        except (ValueError, TypeError, KeyError) as error:
            raise RecipeError(
                f"{self.where}: {name}: expected {what}, found {self.values[name]!r}"
            ) from error

    def flag(self, name: str, default: bool) -> bool:
        """A setting that is on or off."""
        return self.get(name, default, _flag, "true or false")

    def number(self, name: str, default: float) -> float:
        """A setting that is a number."""
        return self.get(name, default, float, "a number")

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """A setting that is one of some words."""
        return self.get(name, default, lambda v: _one_of(str(v), choices), ", ".join(choices))

    def names(self, name: str) -> tuple[str, ...]:
        """A setting that lists names."""
        return self.get(name, (), _listed, "a list of names")

    def no_equal(self, *names: str) -> None:
        """Note the settings among these that are set and have no equal here."""
        for name in names:
            if name in self.values:
                self.notes.append(
                    f"{name} = {self.values[name]} has no equal here and is left out."
                )


def _flag(value: Any) -> bool:
    return value if isinstance(value, bool) else _WORDS[str(value).strip().lower()]


def _one_of(value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ValueError(value)
    return value


def _listed(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.strip().strip("[]").split(",")
    return tuple(str(item).strip() for item in value if str(item).strip())


def repairs_of(**asked: bool) -> tuple[str, ...]:
    """The names of the repairs that are asked for, in the order given."""
    return tuple(name for name, wanted in asked.items() if wanted)


def skipped(names: tuple[str, ...], model: Model, notes: list[str]) -> tuple[Rule, ...]:
    """Rules that leave nodes in float.

    Args:
        names: The nodes, by their own names or without what loading added to them.
        model: The model.
        notes: Told of nodes that the model does not have.
    """
    known = {node.name for node in model.nodes}
    lost = [name for name in names if name not in known]
    if lost:
        notes.append(
            f"The model has no node {lost[0]!r}{did_you_mean(lost[0], known)}"
            f"{f' and {len(lost) - 1} more' if len(lost) > 1 else ''}, so it is not skipped."
        )
    return tuple(Rule("node", name, {"skip": True}) for name in names if name in known)


def all_but(types: frozenset[str], model: Model) -> tuple[Rule, ...]:
    """Rules that leave every other operator type of a model in float.

    Args:
        types: The types that are quantized.
        model: The model.
    """
    others = sorted({node.op_type for node in model.nodes if node.quantizable} - types)
    return tuple(Rule("op_type", name, {"skip": True}) for name in others)
