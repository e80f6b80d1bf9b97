"""The notebook in docs/ runs from top to bottom, and says nothing on the error stream."""

from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook's cells after a run in an empty folder."""
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TMPDIR", str(folder))
        patched.setenv("PYTHONWARNINGS", "error")
        patched.setenv("IPYTHONDIR", str(folder))
        patched.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        client = nbclient.NotebookClient(
            notebook, timeout=120, resources={"metadata": {"path": str(folder)}}
        )
        return client.execute().cells


def printed(cells, text: str) -> str:
    """What the cell whose source holds ``text`` printed."""
    (cell,) = (c for c in cells if c.cell_type == "code" and text in c.source)
    return "".join(o.text for o in cell.outputs if o.output_type == "stream")


def test_the_notebook_is_kept_without_outputs():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def test_no_cell_warns(executed):
    streams = [o for c in executed for o in c.get("outputs", []) if o.output_type == "stream"]
    assert [o.text for o in streams if o.name == "stderr"] == []


def test_seven_figures_are_drawn(executed):
    outputs = [o for c in executed for o in c.get("outputs", [])]
    drawn = [o for o in outputs if "application/vnd.plotly.v1+json" in o.get("data", {})]
    assert len(drawn) == 7


def test_objects_show_themselves_as_tables(executed):
    outputs = [o for c in executed for o in c.get("outputs", [])]
    shown = [o.data["text/html"] for o in outputs if o.output_type == "execute_result"]
    kinds = [html.split("<b>")[1].split()[0] for html in shown if "<div><p><b>" in html]
    assert kinds == [
        *("Model", "Dataset", "Calibration", "Recipe", "QuantizedModel"),
        *("AblationResult", "Analysis", "Finding,", "Recipe", "Comparison"),
    ]
    assert all("<table>" in html for html in shown if "<div><p><b>" in html)


def test_the_story_is_told_by_the_numbers(executed):
    def top1(text: str) -> tuple[float, float]:
        words = printed(executed, text).replace(",", "").replace("%", "").split()
        return float(words[2]), float(words[4])

    reference, before = top1("int8, before")
    _, after = top1("int8, after")
    assert reference - before >= 5
    assert after - before >= 0.8 * (reference - before)
    assert f"top-1 of the file: {after:.1f}%" in printed(executed, "on_disk")
