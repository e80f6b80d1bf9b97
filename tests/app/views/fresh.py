"""The Overview page of a model that no other test has worked on."""

from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

from app.session.start_options import StartOptions, set_start_options
from tests.app.screen import tables
from tests.app.views.test_views import classifier, started, until
from tests.models import images


def fresh_overview(folder: Path) -> AppTest:
    """Open a small classifier on 24 samples that are those of ``folder`` alone."""
    (folder / "net.onnx").write_bytes(classifier())
    seed = len(str(folder)) + sum(map(ord, str(folder)))
    feeds = {name: array + 0.001 * (seed % 997) for name, array in images(24).items()}
    np.savez(folder / "data.npz", **feeds, labels=np.arange(24) % 2)
    set_start_options(StartOptions(str(folder / "net.onnx"), str(folder / "data.npz")))
    app = started()
    until(app, lambda: bool(tables(app)))
    return app.switch_page("views/overview/page.py").run()
