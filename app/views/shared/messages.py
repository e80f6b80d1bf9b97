"""What went wrong and what is doubtful, as text: names in it come from files."""

from collections.abc import Iterable

import streamlit as st

from app.views.shared.format import as_text
from quant.errors import QuantError


def sentence(error: Exception | None) -> str:
    """An error as a sentence; one that nobody foresaw names its kind."""
    if isinstance(error, QuantError):
        return str(error)
    return (
        f"Something went wrong that QuantLens did not foresee ({type(error).__name__}: {error}); "
        "the terminal has the details."
    )


def show_error(error: Exception | str | None) -> None:
    """Draw an error, or a sentence that was kept of one."""
    text = error if isinstance(error, str) else sentence(error)
    st.error(as_text(text), icon=":material/error:")


def show_warnings(warnings: Iterable[str]) -> None:
    """Draw warnings, one below the other."""
    for warning in warnings:
        st.warning(as_text(warning), icon=":material/warning:")
