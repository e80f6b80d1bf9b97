"""How a component becomes known to Streamlit: its text files, read and joined."""

from pathlib import Path
from typing import Final

from streamlit.components.v2 import component
from streamlit.components.v2.types import ComponentRenderer

_SHARED: Final = tuple(
    Path(__file__).with_name(name) for name in ("mount.js", "ground.js", "formats.js", "fitted.js")
)
"""How every component begins and ends, knows the theme, and writes numbers and long names."""


def text_component(name: str, folder: Path, scripts: tuple[str, ...]) -> ComponentRenderer:
    """Make a component of the files in a folder.

    The scripts are joined into one module in the order given, so that they see each other's
    functions; the last has the default export. Styles are not isolated, because Plotly's own
    would not reach into a shadow root: every class name starts with ``ql-``.

    Args:
        name: What Streamlit knows the component by; also the stem of its .html and .css file.
        folder: Where the files are.
        scripts: File names.
    """
    files = (*_SHARED, *(folder / script for script in scripts))
    return component(
        name,
        html=(folder / f"{name}.html").read_text(encoding="utf-8"),
        css=(folder / f"{name}.css").read_text(encoding="utf-8"),
        js="\n".join(file.read_text(encoding="utf-8") for file in files),
        isolate_styles=False,
    )
