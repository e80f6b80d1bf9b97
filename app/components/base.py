"""How a component becomes known to Streamlit: its text files, read and joined."""

from pathlib import Path

from streamlit.components.v2 import component
from streamlit.components.v2.types import ComponentRenderer


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
    return component(
        name,
        html=(folder / f"{name}.html").read_text(encoding="utf-8"),
        css=(folder / f"{name}.css").read_text(encoding="utf-8"),
        js="\n".join((folder / script).read_text(encoding="utf-8") for script in scripts),
        isolate_styles=False,
    )
