"""A button that gives a file away, and draws nothing again."""

from collections.abc import Callable

import streamlit as st

Content = Callable[[], str | bytes]
"""What the file holds, asked for when the button is pressed: content that is given before has an
address, which a browser looks up and which is gone when the page was drawn again meanwhile."""


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
        content,
        file_name=file_name,
        mime=mime,
        key=f"download {label}",
        icon=":material/download:",
        disabled=not ready,
        on_click="ignore",
        help=hint,
    )
