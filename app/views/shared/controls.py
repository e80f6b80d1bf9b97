"""Widgets that show what the project says, and hand back what the user picks.

A keyed widget forgets its value when its page is left, and undo changes values behind its back.
So each of these takes its value from the project on every run and reports picks to a callback, and
nothing but picks: see :mod:`app.views.shared.widget_key`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, replace
from typing import Any, TypeVar

import streamlit as st

from app.views.shared.widget_key import heard, widget_key
from quant.calibrators import REGISTRY, Calibrator, calibrator_from_json, calibrator_named
from quant.calibrators.base import options_of
from quant.tool_rules import TOOL_RULES

T = TypeVar("T")

CALIBRATOR_ORDER = ("minmax", "percentile", "kl", "symmetric_kl", "js", "mse", "outlier_removal")


def select(
    label: str,
    options: Sequence[T],
    value: T,
    on_pick: Callable[[T], None],
    *,
    name: str,
    words: Callable[[Any], str] = str,
    hint: str | None = None,
    disabled: bool = False,
) -> None:
    """A select box; a value that is none of the options is one more."""
    key = widget_key(name, value)
    offered = tuple(options) if value in options else (*options, value)

    def picked(chosen: T) -> None:
        # A browser that still shows an option under another name hands back that name.
        if chosen in offered:
            on_pick(chosen)

    st.selectbox(
        label,
        offered,
        offered.index(value),
        key=key,
        format_func=words,
        on_change=heard,
        args=(key, picked),
        help=hint,
        disabled=disabled,
    )


def toggle(
    label: str,
    value: bool,
    on_pick: Callable[[bool], None],
    *,
    name: str,
    hint: str | None = None,
    disabled: bool = False,
) -> None:
    """A switch."""
    key = widget_key(name, value)

    st.toggle(
        label, value, key=key, on_change=heard, args=(key, on_pick), help=hint, disabled=disabled
    )


def calibrator_label(name: str) -> str:
    """What a person reads for a calibrator's name or a tool's rule."""
    return calibrator_named(name).title if name in REGISTRY or name in TOOL_RULES else name


def calibrator_list() -> tuple[str, ...]:
    """Every calibrator, the usual ones first."""
    return tuple(sorted(REGISTRY, key=lambda n: (*_rank(n), n)))


def _rank(name: str) -> tuple[int]:
    return (CALIBRATOR_ORDER.index(name) if name in CALIBRATOR_ORDER else len(CALIBRATOR_ORDER),)


def calibrator_select(
    value: Calibrator,
    on_pick: Callable[[Calibrator], None],
    *,
    name: str,
    label: str = "Calibrator",
    disabled: bool = False,
) -> None:
    """A select box of all calibrators."""
    select(
        label,
        calibrator_list(),
        value.name,
        lambda chosen: on_pick(calibrator_from_json({"name": chosen})),
        name=name,
        words=lambda chosen: REGISTRY[chosen].label,
        hint="\n".join(f"- **{REGISTRY[n].label}**: {REGISTRY[n].summary}" for n in REGISTRY),
        disabled=disabled,
    )


ChangeCalibrator = Callable[[Calibrator], Calibrator]
"""From the calibrator that is in use when the user picks to the one that is wanted."""


def calibrator_options(
    value: Calibrator, on_pick: Callable[[ChangeCalibrator], None], *, name: str
) -> None:
    """The options of a calibrator, drawn from its fields.

    Args:
        value: The calibrator.
        on_pick: Called with what changes one option and leaves the others as they are by then.
        name: What the names of the widgets start with.
    """
    for field in options_of(type(value)):
        _option(value, field, on_pick, f"{name} {value.name} {field.name}")


def _with_option(name: str, option: str, chosen: Any) -> ChangeCalibrator:
    """What sets an option of the calibrator ``name``; another calibrator stays as it is."""
    return lambda now: replace(now, **{option: chosen}) if now.name == name else now


def _option(
    value: Calibrator,
    field: Field[Any],
    on_pick: Callable[[ChangeCalibrator], None],
    name: str,
) -> None:
    about = field.metadata
    unit = f" ({about['unit']})" if about.get("unit") else ""
    label = f"{about.get('label', field.name)}{unit}"
    choices: Mapping[str, str] | None = about.get("choices")
    if choices is not None:
        select(
            label,
            tuple(choices),
            getattr(value, field.name),
            lambda chosen: on_pick(_with_option(value.name, field.name, chosen)),
            name=name,
            words=lambda chosen: choices[chosen],
            hint=about.get("help"),
        )
        return
    if isinstance(field.default, bool):
        toggle(
            label,
            getattr(value, field.name),
            lambda chosen: on_pick(_with_option(value.name, field.name, chosen)),
            name=name,
            hint=about.get("help"),
        )
        return
    key = widget_key(name, getattr(value, field.name))

    def picked(chosen: Any) -> None:
        on_pick(_with_option(value.name, field.name, chosen))

    step = about.get("step")
    st.number_input(
        label,
        min_value=about.get("min"),
        max_value=about.get("max"),
        value=getattr(value, field.name),
        step=step,
        format="%.3f" if isinstance(field.default, float) and step and step < 0.01 else None,
        key=key,
        on_change=heard,
        args=(key, picked),
        help=about.get("help"),
    )
