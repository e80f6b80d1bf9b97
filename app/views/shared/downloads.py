"""A button that gives a file away, and draws nothing again."""

from collections.abc import Callable

import streamlit as st

Content = str | bytes | Callable[[], str]
"""What the file holds; a function is asked when the button is pressed."""


def download(
    label: str,
    content: Content,
    file_name: str,
    mime: str,
    *,
    ready: bool = True,
    hint: str | None = None,
) -> None:
    """Draw the button.

    Args:
        label: What it says; no two of a page say the same.
        content: The content of the file.
        file_name: What the file is called.
        mime: Its type.
        ready: Whether it can be pressed.
        hint: Its help, or None.
    """
    st.download_button(
        label,
        content if ready else "",
        file_name=file_name,
        mime=mime,
        key=f"download {label}",
        icon=":material/download:",
        disabled=not ready,
        on_click="ignore",
        help=hint,
    )
