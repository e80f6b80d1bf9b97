"""Widgets that show what the session says, and hand back what the user picks.

A keyed widget forgets its value when its page is left, and undo changes values behind its back.
So each of these takes its value from the session on every run and reports picks to a callback.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, replace
from typing import Any, TypeVar

import streamlit as st

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
    key: str,
    words: Callable[[Any], str] = str,
    hint: str | None = None,
    disabled: bool = False,
) -> None:
    """A select box."""
    st.session_state[key] = value

    def picked() -> None:
        on_pick(st.session_state[key])

    st.selectbox(
        label,
        options,
        key=key,
        format_func=words,
        on_change=picked,
        help=hint,
        disabled=disabled,
    )


def toggle(
    label: str,
    value: bool,
    on_pick: Callable[[bool], None],
    *,
    key: str,
    hint: str | None = None,
    disabled: bool = False,
) -> None:
    """A switch."""
    st.session_state[key] = value

    def picked() -> None:
        on_pick(bool(st.session_state[key]))

    st.toggle(label, key=key, on_change=picked, help=hint, disabled=disabled)


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
    key: str,
    label: str = "Calibrator",
    disabled: bool = False,
) -> None:
    """A select box of all calibrators."""

    def picked(name: str) -> None:
        if name != value.name:
            on_pick(calibrator_from_json({"name": name}))

    select(
        label,
        calibrator_list(),
        value.name,
        picked,
        key=key,
        words=lambda name: REGISTRY[name].label,
        hint="\n".join(f"- **{REGISTRY[n].label}**: {REGISTRY[n].summary}" for n in REGISTRY),
        disabled=disabled,
    )


def calibrator_options(
    value: Calibrator,
    on_pick: Callable[[Calibrator], None],
    *,
    key: str,
    disabled: bool = False,
) -> None:
    """The options of a calibrator, drawn from its fields."""
    for field in options_of(type(value)):
        _option(value, field, on_pick, f"{key} {value.name} {field.name}", disabled)


def _option(
    value: Calibrator,
    field: Field[Any],
    on_pick: Callable[[Calibrator], None],
    key: str,
    disabled: bool,
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
            lambda chosen: on_pick(replace(value, **{field.name: chosen})),
            key=key,
            words=lambda chosen: choices[chosen],
            hint=about.get("help"),
            disabled=disabled,
        )
        return
    st.session_state[key] = getattr(value, field.name)

    def picked() -> None:
        on_pick(replace(value, **{field.name: st.session_state[key]}))

    if isinstance(field.default, bool):
        st.toggle(label, key=key, on_change=picked, help=about.get("help"), disabled=disabled)
        return
    step = about.get("step")
    st.number_input(
        label,
        min_value=about.get("min"),
        max_value=about.get("max"),
        step=step,
        format="%.3f" if isinstance(field.default, float) and step and step < 0.01 else None,
        key=key,
        on_change=picked,
        help=about.get("help"),
        disabled=disabled,
    )
