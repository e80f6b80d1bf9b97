"""Prints as JSON where this process sees what plug-ins bring: run it where one is installed.

``python -m tests.plugins.everywhere FOLDER`` works in the folder.
"""

import contextlib
import io
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest

import analysis
import quant
from analysis.figures import FIGURES
from analysis.findings import REGISTRY as FINDINGS
from analysis.metrics import METRICS
from analysis.ranges.candidates import range_candidates
from app.cli.entry import main
from app.session.start_options import StartOptions, set_start_options
from quant.calibrators import REGISTRY as CALIBRATORS
from quant.passes import PASSES
from quant.tool_rules import TOOL_RULES
from tests.models import conv_relu, images

MAIN = str(Path(__file__).resolve().parents[2] / "app" / "main.py")


def registries() -> dict[str, list[str]]:
    """The names in every registry."""
    every = {
        "calibrators": CALIBRATORS,
        "tool_rules": TOOL_RULES,
        "metrics": METRICS,
        "findings": FINDINGS,
        "passes": PASSES,
        "figures": FIGURES,
    }
    return {kind: list(registry.names()) for kind, registry in every.items()}


def printed(*words: str) -> str:
    """What the command line prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        assert main(words) == 0
    return out.getvalue()


def commands(folder: Path, model: str, data: str) -> dict[str, Any]:
    """Help, and the files that the commands write with what is brought."""
    made, told = folder / "made.onnx", folder / "told"
    asked = ["--calibrator", "half_range", "--pass", "sign_nodes"]
    printed("quantize", model, "--data", data, *asked, "--out", str(made))
    ask = ["--errors", "local,cumulative", "--metric", "largest_gap"]
    found = printed("analyze", model, "--data", data, *ask, "--out", str(told), "--json")
    return {
        "help": {name: printed(name, "--help") for name in ("quantize", "analyze")},
        "recipe": json.loads((folder / "made.recipe.json").read_text()),
        "metric": json.loads(found)["metric"]["name"],
        "findings": [
            item["kind"] for item in json.loads((told / "findings.json").read_text())["findings"]
        ],
        "report": (told / "report.html").read_text(),
    }


def chosen(folder: Path, model: str, data: str) -> dict[str, Any]:
    """What a range that the brought calibrator chose is, and what all rules would choose."""
    float_model = quant.load(model)
    calibration = quant.calibrate(float_model, quant.open_data(data, float_model))
    recipe = quant.Recipe.from_json(
        {"version": 1, "defaults": {"calibrator": {"name": "half_range"}}}
    )
    quantized = quant.quantize(float_model, calibration, recipe)
    tensor = next(iter(quantized.params))
    stats = calibration.tensors[tensor]
    return {
        "range": list(quantized.ranges[tensor]),
        "observed": [stats.low, stats.high],
        "candidates": [row.name for row in range_candidates(quantized, tensor)],
        "findings": [
            item.kind
            for item in analysis.find_causes(analysis.Measurements(quantized, calibration))
        ],
    }


def pages(model: str, data: str) -> dict[str, list[str]]:
    """The options of select boxes on three pages."""
    app = _opened(model, data)
    found = {"Layers": _options(app)}
    for page in ("overview", "export"):
        app.switch_page(f"views/{page}/page.py").run()
        assert not app.exception, app.exception
        found[page.title()] = _options(app)
    return found


def charts(model: str, data: str) -> dict[str, list[str]]:
    """What the horizontal axes of the charts say, and the captions, where figures are shown."""
    app = _opened(model, data)
    found: dict[str, list[str]] = {}
    app.session_state["quantlens"] = replace(app.session_state["quantlens"], row="conv2")
    app.session_state["more figures"] = True
    for view in ("Activation", "Weights"):
        app.session_state["layer view"] = view
        found[view] = _charts(app.run())
    app.session_state["model figure"] = "count_bar"
    found["Overview"] = _charts(app.switch_page("views/overview/page.py").run())
    return found


def _opened(model: str, data: str) -> AppTest:
    """The Layers page once the model is calibrated."""
    set_start_options(StartOptions(model, data))
    app = AppTest.from_file(MAIN, default_timeout=60).run()
    app.switch_page("views/layers/page.py").run()
    for _ in range(100):
        if app.get("bidi_component"):
            break
        time.sleep(0.1)
        app.run()
    return app


def _charts(app: AppTest) -> list[str]:
    assert not app.exception, app.exception
    drawn = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    titles = [figure["layout"]["xaxis"]["title"]["text"] for figure in drawn]
    return [*titles, *(caption.value for caption in app.caption)]


def _options(app: AppTest) -> list[str]:
    boxes = [*app.selectbox, *app.multiselect]
    return [option for box in boxes for option in box.options]


if __name__ == "__main__":
    place = Path(sys.argv[1])
    paths = str(place / "net.onnx"), str(place / "data.npz")
    (place / "net.onnx").write_bytes(conv_relu().SerializeToString())
    np.savez(place / "data.npz", **images(8))
    print(
        json.dumps(
            {
                "registries": registries(),
                "commands": commands(place, *paths),
                "chosen": chosen(place, *paths),
                "pages": pages(*paths),
                "charts": charts(*paths),
            }
        )
    )
