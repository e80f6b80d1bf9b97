"""The Help page: what each page answers, the keys, and every word with its formula."""

from pathlib import Path
from typing import Final

import streamlit as st

HERE: Final = Path(__file__).parent
GLOSSARY: Final = ("glossary.md", "../../docs/glossary.md")
"""Where the glossary is: beside this file where it is installed, else among the documents."""

PAGES: Final = """
| Page | What it answers |
| --- | --- |
| Setup | Which model, which data, how many samples; calibration reads the data once. |
| Overview | What is lost, by which half, where; every fix is tried. **Recover** reaches a target. |
| Layers | What is quantized as one: its values, what each threshold costs, every setting. |
| Graph | The model, coloured by any error: where it begins and where it goes. |
| Runtime | What ONNX Runtime really runs: kernels, conversions, time; codes without floats. |
| Export | The file, verified at every optimization level, and its graph in Netron. |
"""

KEYS: Final = """
| Key | Where | What it does |
| --- | --- | --- |
| Ctrl+Z, Ctrl+Shift+Z | every page with a recipe | undo and redo an edit |
| arrows, with Shift for ten steps; Enter, Esc | an end of the range | move it; keep it or give up |
| arrows, Enter | Graph | go along an edge; open the layer |
| + and −, 0 | Graph | zoom, and fit all of it |
"""


def _glossary() -> str:
    """The glossary without its heading; its tables have one each."""
    path = next(HERE / name for name in GLOSSARY if (HERE / name).is_file())
    return path.read_text(encoding="utf-8").partition("\n")[2].replace("\n## ", "\n##### ")


st.subheader("Help", anchor=False)
st.markdown("##### The pages" + PAGES)
st.markdown("##### Keys" + KEYS)
with st.container(key="glossary"):
    st.markdown("##### Words")
    st.markdown(_glossary())
