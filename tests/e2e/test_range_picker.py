import json
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from app.components.range_picker import Bins, Codes, Shape
from quant.error_model.local_error import local_error
from quant.numerics import params_from_range, quantize_linear
from quant.types import QType, QuantSpec
from tests.e2e.conftest import until
from tests.quant.statistics.statistics_of import statistics_of

pytestmark = pytest.mark.e2e
HERE = Path(__file__).parent
ROOT = HERE.parents[1]


class Picker:
    """The picker on the demo page."""

    def __init__(self, page, app):
        self.page = page
        page.goto(app.address)
        self.root = page.locator(".ql-rp")
        self.upper = page.get_by_role("slider", name="Upper end of the range")
        self.lower = page.get_by_role("slider", name="Lower end of the range")
        self.threshold = page.get_by_role("slider", name="Threshold")

    def show(self, tensor):
        self.page.get_by_role("button", name=tensor, exact=True).click()
        expect(self.root).to_have_attribute("data-drawn", tensor)
        return self

    def read(self, name):
        return self.page.locator(f'[data-read="{name}"]').inner_text()

    def value(self, slider):
        return float(slider.get_attribute("aria-valuenow"))

    def committed(self):
        """Number of commits, the range and the pick that Python has."""
        text = self.page.get_by_text(re.compile(r"^commits \d")).inner_text()
        _, count, _, low, high, _, pick = text.split()
        return int(count), float(low), float(high), pick

    def expect_commits(self, count):
        expect(self.page.get_by_text(re.compile(rf"^commits {count} "))).to_be_visible()
        return self.committed()

    def centre(self, slider):
        box = slider.bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def measures(self, name):
        return self.page.evaluate(
            "name => performance.getEntriesByName(name).map(e => e.duration)", f"quantlens:{name}"
        )


@pytest.fixture(scope="module")
def opened(start_app, module_page):
    page, watch = module_page
    return Picker(page, start_app(HERE / "picker_demo.py")), watch


@pytest.fixture
def picker(opened):
    picker, watch = opened
    picker.show("gelu")
    picker.page.get_by_role("button", name="Start again").click()
    picker.expect_commits(0)
    expect(picker.page.locator(".ql-source")).to_have_text("by MinMax")
    picker.page.get_by_role("button", name="Log", exact=True).click()
    picker.page.get_by_role("button", name="Show all").click()
    yield picker
    problems = list(watch.problems)
    watch.problems.clear()
    assert not problems, "\n".join(problems)


def test_the_numbers_follow_the_drag_and_the_release_commits(picker):
    before = picker.read("sqnr"), picker.read("clipRate"), picker.read("step")
    start = picker.value(picker.upper)
    x, y = picker.centre(picker.upper)
    picker.page.mouse.move(x, y)
    picker.page.mouse.down()
    picker.page.mouse.move(x - 200, y, steps=20)
    assert picker.value(picker.upper) < start - 1
    during = picker.read("sqnr"), picker.read("clipRate"), picker.read("step")
    assert all(now != then for now, then in zip(during, before, strict=True))
    assert picker.committed()[0] == 0
    picker.page.mouse.up()
    _, low, high, _ = picker.expect_commits(1)
    assert high == pytest.approx(picker.value(picker.upper), rel=1e-5)
    assert low == pytest.approx(picker.value(picker.lower), rel=1e-5)
    assert (picker.read("sqnr"), picker.read("clipRate"), picker.read("step")) == during
    expect(picker.page.locator(".ql-source")).to_have_text("set by hand")


def test_arrow_keys_move_a_bin_and_with_shift_ten(picker):
    picker.upper.focus()
    start = picker.value(picker.upper)
    picker.page.keyboard.press("ArrowLeft")
    one = start - picker.value(picker.upper)
    picker.page.keyboard.press("Shift+ArrowLeft")
    assert start - picker.value(picker.upper) == pytest.approx(11 * one, rel=1e-6)
    picker.page.keyboard.press("ArrowRight")
    count, _, high, _ = picker.expect_commits(1)
    assert count == 1
    assert high == pytest.approx(start - 10 * one, rel=1e-5)


def test_a_typed_number_is_committed_in_any_notation(picker):
    box = picker.page.get_by_label("Upper end of the range").and_(picker.page.locator("input"))
    box.fill("4,25")
    box.press("Enter")
    assert picker.expect_commits(1)[2] == 4.25
    low = picker.page.get_by_label("Lower end of the range").and_(picker.page.locator("input"))
    low.fill("−1.5e−1")
    low.press("Tab")
    assert picker.expect_commits(2)[1] == -0.15


def test_a_range_that_leaves_out_zero_is_refused_where_it_is_typed(picker):
    box = picker.page.get_by_label("Upper end of the range").and_(picker.page.locator("input"))
    for text in ("-1", "abc", ""):
        box.fill(text)
        box.press("Enter")
        expect(box).to_have_attribute("aria-invalid", "true")
    picker.page.keyboard.press("Escape")
    expect(box).to_have_attribute("aria-invalid", "false")
    expect(box).to_have_value("9.9502")
    assert picker.committed()[0] == 0


def test_escape_restores_the_range_during_a_drag_and_commits_nothing(picker):
    start = picker.value(picker.upper)
    x, y = picker.centre(picker.upper)
    picker.page.mouse.move(x, y)
    picker.page.mouse.down()
    picker.page.mouse.move(x - 150, y, steps=5)
    picker.page.keyboard.press("Escape")
    assert picker.value(picker.upper) == start
    picker.page.mouse.move(x - 250, y, steps=5)
    picker.page.mouse.up()
    assert picker.value(picker.upper) == start
    # Commits arrive in order: one that came of the drag would be counted before this one.
    picker.upper.focus()
    picker.page.keyboard.press("ArrowLeft")
    picker.page.keyboard.press("Enter")
    assert picker.expect_commits(1)[2] == pytest.approx(picker.value(picker.upper), rel=1e-5)


def test_reset_gives_the_calibrator_its_range_back(picker):
    start = picker.value(picker.upper)
    reset = picker.page.get_by_role("button", name="Reset to MinMax")
    expect(reset).to_be_disabled()
    picker.upper.focus()
    picker.page.keyboard.press("Shift+ArrowLeft")
    picker.expect_commits(1)
    reset.click()
    picker.expect_commits(2)
    assert picker.value(picker.upper) == start
    expect(reset).to_be_disabled()


def test_the_label_of_a_pick_chooses_that_calibrator(picker):
    picker.page.locator(".ql-labels button", has_text=re.compile("^KL$")).click()
    assert picker.expect_commits(1)[3] == "kl:tensor"


def test_a_row_is_taken_for_what_its_button_says(picker):
    picker.page.get_by_role("button", name="Use Paddle KL for all 3 Relu layers").click()
    assert picker.expect_commits(1)[3] == "paddle.kl:op_type"


def test_a_row_without_a_choice_says_why_and_cannot_be_taken(picker):
    row = picker.page.locator('.ql-choices tr[data-row="paddle.ptf"]')
    expect(row).to_contain_text("Its last batch decides.")
    expect(row.locator("td button")).to_have_count(0)


def test_the_table_comes_later_without_drawing_the_plots_again(picker):
    rows = picker.page.locator(".ql-choices tbody tr")
    picker.page.get_by_role("button", name="Unknown").click()
    expect(rows).to_have_count(0)
    expect(picker.page.locator(".ql-waiting")).to_be_visible()
    expect(picker.upper).to_be_visible()
    picker.page.evaluate("performance.clearMeasures('quantlens:draw')")
    picker.page.get_by_role("button", name="Known", exact=True).click()
    expect(rows.first).to_be_visible()
    expect(picker.page.locator(".ql-labels button").first).to_be_visible()
    assert picker.measures("draw") == []


def test_the_marks_of_a_tool_can_be_hidden(picker):
    label = picker.page.locator(".ql-labels button", has_text=re.compile("^KL$"))
    expect(label).to_have_count(1)
    chip = picker.page.locator('.ql-picks [data-name="QuantLens"]')
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "false")
    expect(label).to_have_count(0)
    chip.click()
    expect(label).to_have_count(1)


def test_a_symmetric_range_has_one_handle_and_stays_symmetric(picker):
    picker.show("symmetric")
    expect(picker.lower).to_be_hidden()
    picker.upper.focus()
    picker.page.keyboard.press("Shift+ArrowLeft")
    _, low, high, _ = picker.expect_commits(1)
    assert low == -high


def test_the_handle_of_a_symmetric_range_stands_at_the_larger_end(picker):
    picker.show("lopsided")
    assert picker.value(picker.upper) == pytest.approx(8.0)
    low = picker.page.get_by_label("Lower end of the range").and_(picker.page.locator("input"))
    expect(low).to_have_value("−8.0000")
    assert picker.read("step") == f"{8 / 127:.5f}"


def test_the_threshold_on_the_curves_moves_both_ends(picker):
    x, y = picker.centre(picker.threshold)
    picker.page.mouse.move(x, y)
    picker.page.mouse.down()
    picker.page.mouse.move(x - 300, y, steps=10)
    picker.page.mouse.up()
    _, low, high, _ = picker.expect_commits(1)
    assert high == pytest.approx(picker.value(picker.threshold), rel=1e-5)
    assert high < 8
    assert low == pytest.approx(-0.170041, rel=1e-4)


def test_zoom_is_kept_for_the_same_tensor_and_dropped_for_another(picker):
    picker.page.get_by_role("button", name="Linear", exact=True).click()
    plot = picker.page.locator(".ql-hist .ql-gd").bounding_box()
    y = plot["y"] + 180
    picker.page.mouse.move(plot["x"] + 300, y)
    picker.page.mouse.down()
    picker.page.mouse.move(plot["x"] + 500, y, steps=5)
    picker.page.mouse.up()
    view = "document.querySelector('.ql-hist .ql-gd').layout.xaxis.range.map(Number)"
    until(picker.page, f"{view}[1] < 5")
    zoomed = picker.page.evaluate(view)
    box = picker.page.get_by_label("Upper end of the range").and_(picker.page.locator("input"))
    box.fill("3")
    box.press("Enter")
    picker.expect_commits(1)
    assert picker.page.evaluate(view) == zoomed
    picker.page.evaluate("() => { window.__gd = document.querySelector('.ql-hist .ql-gd') }")
    picker.show("relu")
    assert picker.page.evaluate("window.__gd === document.querySelector('.ql-hist .ql-gd')")
    assert picker.page.evaluate(view)[1] > 10


def test_zoomed_in_bins_hold_the_counts_of_the_full_data(picker):
    total = (
        "document.querySelector('.ql-hist .ql-gd').data[0].customdata.reduce((a, b) => a + b, 0)"
    )
    assert picker.page.evaluate(total) == pytest.approx(400_000, rel=0.01)
    box = picker.page.get_by_label("Upper end of the range").and_(picker.page.locator("input"))
    box.fill("0.5")
    box.press("Enter")
    picker.expect_commits(1)
    picker.page.get_by_role("button", name="Zoom to range").click()
    bins = "document.querySelector('.ql-hist .ql-gd').data[0].x.length"
    until(picker.page, "document.querySelector('.ql-hist .ql-gd').layout.xaxis.range[1] < 1")
    assert picker.page.evaluate(bins) == 512


def test_a_constant_tensor_says_why_there_is_nothing_to_choose(picker):
    picker.show("constant")
    expect(picker.page.get_by_text("there is no threshold to choose")).to_be_visible()
    expect(picker.upper).to_be_hidden()


def test_dark_follows_the_theme(start_app, browser):
    dark = browser.new_context(color_scheme="dark")
    picker = Picker(dark.new_page(), start_app(HERE / "picker_demo.py")).show("gelu")
    expect(picker.root).to_have_attribute("data-mode", "dark")
    dark.close()


@pytest.mark.parametrize(
    ("values", "qtype", "symmetric", "ranges"),
    [
        ("normal", QType.INT8, True, [(-3.0, 3.0), (-1e-3, 1e-3)]),
        ("normal", QType.UINT8, False, [(-3.0, 2.0), (-4.9, 5.1), (-0.5, 4.0)]),
        ("relu", QType.UINT8, False, [(0.0, 2.5), (0.0, 1e-2)]),
        ("relu", QType.UINT8, True, [(0.0, 2.5)]),
        ("normal", QType.UINT8, True, [(-2.0, 2.5)]),
        ("outlier", QType.INT8, False, [(-4.0, 60.0), (-4.0, 4.0)]),
        ("outlier", QType.INT16, False, [(-4.0, 60.0)]),
        ("offset", QType.UINT8, False, [(0.0, 12.0), (0.0, 10.5)]),
        ("integers", QType.INT8, False, [(-4.0, 4.0), (-3.3, 2.7)]),
    ],
)
def test_the_browser_computes_what_python_computes(picker, values, qtype, symmetric, ranges):
    rng = np.random.default_rng(3)
    x = {
        "normal": lambda: rng.normal(size=20_000),
        "relu": lambda: np.maximum(rng.normal(size=20_000), 0),
        "outlier": lambda: np.append(rng.normal(size=20_000), 60.0),
        "offset": lambda: rng.normal(11.0, 0.3, size=20_000),
        "integers": lambda: rng.integers(-4, 5, size=20_000),
    }[values]().astype(np.float32)
    stats = statistics_of(x)
    spec = QuantSpec(qtype, symmetric)
    shape = json.loads(Shape("t", "t", "", Bins.of(stats), Codes.of(spec)).text)
    numbers = (ROOT / "app/components/range_picker/numbers.js").read_text()
    found = picker.page.evaluate(
        f"""([histogram, spec, ranges]) => {{
            {numbers}
            const distribution = new Distribution(histogram);
            return ranges.map((range) => {{
              const params = paramsOf(range, spec);
              return {{...params, ...distribution.error(params, spec)}};
            }});
        }}""",
        [shape["histogram"], shape["spec"], ranges],
    )
    for ends, browser in zip(ranges, found, strict=True):
        params = params_from_range(*ends, spec)
        python = local_error(stats, params)
        assert browser["scale"] == float(params.scale)
        assert browser["zeroPoint"] == int(params.zero_point)
        assert [browser["rmin"], browser["rmax"]] == [float(e) for e in params.representable]
        assert browser["clipRate"] == pytest.approx(python.clip_rate, rel=1e-6, abs=1e-12)
        assert browser["clipping"] == pytest.approx(python.clipping_mse, rel=1e-6, abs=1e-15)
        assert browser["rounding"] == pytest.approx(python.rounding_mse, rel=1e-6, abs=1e-15)
        assert browser["sqnr"] == pytest.approx(python.sqnr_db, abs=1e-5)
        codes = quantize_linear(np.asarray([x.min(), x.max()], np.float32), params)
        assert browser["codes"] == codes.tolist()


@pytest.mark.bench
def test_its_timings_are_printed(picker):
    selects = []
    for tensor in ("relu", "outlier", "gelu", "symmetric", "relu", "gelu"):
        picker.page.evaluate("performance.clearMeasures('quantlens:select')")
        picker.show(tensor)
        selects += picker.measures("select")
    x, y = picker.centre(picker.upper)
    picker.page.mouse.move(x, y)
    picker.page.mouse.down()
    for i in range(200):
        picker.page.mouse.move(x - 2 * i, y + i % 2)
    drags = picker.measures("drag")
    picker.page.mouse.up()
    picker.expect_commits(1)
    for count in range(2, 7):
        picker.upper.focus()
        picker.page.keyboard.press("ArrowLeft")
        picker.page.keyboard.press("Enter")
        picker.expect_commits(count)
    commits = picker.measures("commit")
    for name, values, limit in (
        ("row select -> drawn", selects, 350),
        ("drag step", drags, 16),
        ("commit -> Python -> back", commits, 250),
    ):
        ordered = sorted(values)
        median, worst = ordered[len(ordered) // 2], ordered[-1]
        print(
            f"{name}: median {median:.1f} ms, worst {worst:.1f} ms of {len(values)} "
            f"(aim: {limit} ms)"
        )
