"""The graph component in a real browser: what is drawn, what keys and clicks do, how smooth."""

import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.e2e
HERE = Path(__file__).parent

FRAMES = """
async () => {
  const frames = [];
  let last = performance.now();
  await new Promise((done) => {
    const step = (now) => {
      frames.push(now - last);
      last = now;
      if (window.stopFrames) done(); else requestAnimationFrame(step);
    };
    window.stopFrames = false;
    requestAnimationFrame((now) => { last = now; requestAnimationFrame(step); });
  });
  return frames;
}
"""


TWO_FRAMES = """
() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
"""


class Graph:
    """The graph on the demo page."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        page.goto(address)
        self.root = page.locator(".ql-graph")
        self.stage = page.locator(".ql-graph-stage")
        self.search = page.get_by_role("searchbox", name="Search nodes")

    def show(self, count: int) -> None:
        self.page.get_by_role("button", name=f"{count} nodes").click()
        said = self.page.get_by_text(re.compile(rf"row none .* {count} nodes as "))
        digest = said.inner_text().rpartition(" ")[2]
        expect(self.root).to_have_attribute("data-drawn", digest)
        expect(self.root).to_have_attribute("data-row", "")
        self.settle()

    def node(self, index: int) -> Locator:
        return self.page.locator(f'[data-node="{index}"]')

    def name(self, index: int) -> str:
        return f"/block{index // 4}/part{index % 4}/node{index}"

    def expect_row(self, index: int) -> None:
        expect(self.root).to_have_attribute("data-row", self.name(index))
        expect(self.page.get_by_text(f"row {self.name(index)} ")).to_be_visible()

    def view(self) -> list[float]:
        text = self.page.locator(".ql-graph-world").get_attribute("transform") or ""
        return [float(n) for n in re.findall(r"-?[\d.]+(?:e-?\d+)?", text)]

    def settle(self) -> None:
        self.page.evaluate(
            "() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))"
        )


@pytest.fixture(scope="module")
def opened(start_app, module_page):
    page, watch = module_page
    return Graph(page, start_app(HERE / "graph_demo.py").address), watch


@pytest.fixture
def graph(opened) -> Iterator[Graph]:
    found, watch = opened
    found.search.fill("")
    found.show(1001)
    found.show(12)
    yield found
    problems = list(watch.problems)
    watch.problems.clear()
    assert not problems, "\n".join(problems)


def test_a_click_selects_the_node(graph: Graph):
    graph.page.get_by_role("button", name="Fit").click()
    graph.node(3).click()
    graph.expect_row(3)
    expect(graph.node(3)).to_have_class(re.compile("ql-graph-chosen"))
    graph.node(4).click()
    graph.expect_row(4)
    expect(graph.page.locator(".ql-graph-chosen")).to_have_count(1)


def test_a_drag_moves_the_graph_and_selects_nothing(graph: Graph):
    box = graph.stage.bounding_box()
    assert box
    before = graph.view()
    graph.page.mouse.move(box["x"] + 300, box["y"] + 200)
    graph.page.mouse.down()
    graph.page.mouse.move(box["x"] + 260, box["y"] + 150, steps=5)
    graph.page.mouse.up()
    graph.settle()
    after = graph.view()
    assert after[0] - before[0] == pytest.approx(-40, abs=0.5)
    assert after[1] - before[1] == pytest.approx(-50, abs=0.5)
    expect(graph.root).to_have_attribute("data-row", "")


def test_the_wheel_zooms_about_the_pointer_and_fit_shows_all(graph: Graph):
    box = graph.node(5).bounding_box()
    assert box
    at = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    graph.page.mouse.move(*at)
    graph.page.mouse.wheel(0, -200)
    graph.settle()
    larger = graph.node(5).bounding_box()
    assert larger
    assert larger["width"] > 1.2 * box["width"]
    assert larger["x"] < at[0] < larger["x"] + larger["width"]
    assert larger["y"] < at[1] < larger["y"] + larger["height"]
    graph.page.get_by_role("button", name="Fit").click()
    graph.settle()
    stage = graph.stage.bounding_box()
    assert stage
    for index in range(12):
        node = graph.node(index).bounding_box()
        assert node
        assert stage["y"] <= node["y"]
        assert node["y"] + node["height"] <= stage["y"] + stage["height"]


def test_arrows_walk_along_edges_and_python_hears_of_the_last_step_only(graph: Graph):
    graph.node(0).click()
    graph.expect_row(0)
    count = int(re.findall(r"selects (\d+)", graph.page.get_by_text("selects").inner_text())[0])
    for _ in range(4):
        graph.page.keyboard.press("ArrowDown")
    graph.page.keyboard.press("ArrowUp")
    graph.expect_row(3)
    expect(graph.page.get_by_text(f"selects {count + 1} ")).to_be_visible()
    graph.page.keyboard.press("Enter")
    expect(graph.page.get_by_text(f"opened {graph.name(3)}")).to_be_visible()


def test_left_and_right_go_to_the_neighbour_in_the_layer(graph: Graph):
    graph.show(1001)
    graph.stage.focus()
    graph.page.keyboard.press("ArrowDown")
    graph.expect_row(0)
    graph.page.keyboard.press("ArrowDown")
    expect(graph.root).to_have_attribute("data-row", re.compile("node"))
    seen = set()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowRight", "ArrowRight"):
        graph.page.keyboard.press(key)
        seen.add(graph.root.get_attribute("data-row"))
    assert seen == {graph.name(i) for i in (1, 334, 667)}
    graph.expect_row(int(str(graph.root.get_attribute("data-row")).rpartition("node")[2]))


def test_plus_minus_and_zero_zoom(graph: Graph):
    graph.stage.focus()
    graph.page.keyboard.press("0")
    graph.settle()
    fitted = graph.view()[2]
    graph.page.keyboard.press("+")
    graph.settle()
    assert graph.view()[2] == pytest.approx(1.25 * fitted)
    graph.page.keyboard.press("-")
    graph.settle()
    assert graph.view()[2] == pytest.approx(fitted)


def test_search_highlights_and_enter_jumps_from_match_to_match(graph: Graph):
    graph.show(1001)
    graph.search.fill("node99")
    expect(graph.page.locator(".ql-graph-found")).to_have_text("11 found")
    expect(graph.page.locator(".ql-graph-match").first).to_be_attached()
    graph.search.press("Enter")
    graph.expect_row(99)
    expect(graph.page.locator(".ql-graph-found")).to_have_text("1 of 11")
    graph.search.press("Enter")
    graph.expect_row(990)
    graph.search.press("Shift+Enter")
    graph.expect_row(99)
    expect(graph.node(99)).to_be_in_viewport()
    graph.search.fill("nothing like it")
    expect(graph.page.locator(".ql-graph-found")).to_have_text("no match")
    graph.search.press("Escape")
    expect(graph.page.locator(".ql-graph-match")).to_have_count(0)


def test_other_colours_change_fills_and_legend_and_leave_the_view(graph: Graph):
    graph.node(2).click()
    graph.expect_row(2)
    view = graph.view()
    shape = graph.node(5).locator(".ql-graph-shape")
    fill = shape.evaluate("e => e.style.fill")
    graph.page.get_by_role("button", name="Other colours").click()
    expect(graph.page.locator(".ql-graph-title")).to_have_text(re.compile("Error [1-9]"))
    assert shape.evaluate("e => e.style.fill") != fill
    assert graph.view() == view
    graph.expect_row(2)


def test_every_node_says_its_state_and_number_in_words(graph: Graph):
    for index, state in enumerate(("fused", "dropped", "float", "skipped"), start=1):
        expect(graph.node(index).locator(".ql-graph-op")).to_contain_text(state)
    expect(graph.node(5).locator(".ql-graph-value")).to_have_text("15.5 dB")
    assert graph.page.locator(".ql-graph-ticks span").all_inner_texts() == [
        "60 dB",
        "35 dB",
        "10 dB",
    ]


def test_a_thousand_nodes_pan_and_zoom_smoothly(graph: Graph):
    graph.show(1001)
    box = graph.stage.bounding_box()
    assert box
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for label, prepare in (("readable", "1"), ("whole graph", "0")):
        graph.stage.focus()
        graph.page.keyboard.press("Home" if prepare == "1" else "0")
        graph.page.evaluate(f"() => {{ window.frames_ = ({FRAMES})(); }}")
        graph.page.mouse.move(*middle)
        graph.page.mouse.down()
        for step in range(60):
            graph.page.mouse.move(middle[0] + 3 * (step % 20), middle[1] - 8 * step)
        graph.page.mouse.up()
        graph.page.evaluate("() => { window.stopFrames = true; }")
        frames = sorted(graph.page.evaluate("() => window.frames_"))
        drawn = graph.page.locator("[data-node]").count()
        print(
            f"panning 1,001 nodes, {label}: median frame {statistics.median(frames):.1f} ms, "
            f"95th percentile {frames[int(0.95 * len(frames))]:.1f} ms, worst {frames[-1]:.1f} ms "
            f"of {len(frames)}; {drawn} nodes drawn"
        )
        assert statistics.median(frames) < 50
