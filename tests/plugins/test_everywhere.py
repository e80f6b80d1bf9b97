"""A component is one new file: what a plug-in brings is seen wherever its kind is offered."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BROUGHT = {
    "calibrators": ("half_range", "half_range"),
    "tool_rules": ("half_of_tool", "halver.half"),
    "metrics": ("largest_gap", "largest_gap"),
    "findings": ("always_there", "always_there"),
    "passes": ("sign_nodes", "sign_nodes"),
    "figures": ("count_bars", "count_bar"),
}
"""Group of entry points -> the one file of it, and the name that it registers."""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What a process sees in whose path a package with six entry points lies."""
    plugin, work = (tmp_path_factory.mktemp(name) for name in ("plugin", "work"))
    info = plugin / "brought-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
    lines = []
    for kind, (file, _) in BROUGHT.items():
        shutil.copy(HERE / "brought" / f"{file}.py", plugin)
        lines += [f"[quantlens.{kind}]", f"any_name = {file}"]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    path = os.pathsep.join([str(plugin), str(HERE.parents[1])])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.plugins.everywhere", str(work)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("kind", BROUGHT)
def test_a_registry_has_what_one_file_of_a_plugin_registers(seen, kind):
    assert BROUGHT[kind][1] in seen["registries"][kind]


def test_the_command_line_offers_it_and_files_it(seen):
    found = seen["commands"]
    for name in ("half_range", "halver.half", "sign_nodes"):
        assert name in found["help"]["quantize"]
    assert "largest_gap" in found["help"]["analyze"]
    assert found["recipe"]["defaults"]["calibrator"]["name"] == "half_range"
    assert found["recipe"]["passes"] == ["sign_nodes"]
    assert found["metric"] == "largest_gap"
    assert "always_there" in found["findings"]
    assert "The model is there" in found["report"]


def test_a_recipe_that_names_it_quantizes_with_it(seen):
    low, high = seen["chosen"]["observed"]
    assert seen["chosen"]["range"] == pytest.approx([low / 2, high / 2])
    assert {"half_range", "halver.half"} <= set(seen["chosen"]["candidates"])
    assert "always_there" in seen["chosen"]["findings"]


def test_the_pages_offer_it(seen):
    assert "Half of the range" in seen["pages"]["Layers"]
    assert "Largest gap" in seen["pages"]["Overview"]
    assert "sign_nodes" in seen["pages"]["Export"]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("Activation", "**How many values.** A bar of all values."),
        ("Weights", "**How many channels.** A bar of the channels."),
        ("Overview", "A bar of all nodes. Click a point to choose its layer."),
    ],
)
def test_the_pages_draw_a_figure_where_its_subject_is_shown(seen, place, words):
    assert "Bar" in seen["charts"][place]
    assert words in seen["charts"][place]


def test_the_report_draws_a_figure_of_the_model_with_its_words(seen):
    report = seen["commands"]["report"]
    assert 'data-figure="count_bar"' in report
    assert "<h2>How many nodes</h2>" in report
    assert '"count_bar":{"light":{"data":' in report
