// Both figures in place: drawn by Plotly, which reports zooms and clicks.

/** Where the plots lie; the margins are the figures' own. */
function layOut(picker) {
  for (const [area, name] of [["area", "histogram"], ["curvesArea", "divergence"]]) {
    const { l, r, t, b } = picker.shape.figures[name].layout.margin;
    const box = picker.el[area];
    Object.assign(box.style, { left: `${l}px`, right: `${r}px`, top: `${t}px`, bottom: `${b}px` });
    if (area === "area") {
      picker.plotWidth = picker.width - l - r;
      Object.assign(picker.el.labels.style, {
        left: `${l}px`, right: `${r}px`, top: `${t - LANES * LANE_PX - 4}px`, height: `${LANES * LANE_PX}px`,
      });
    }
  }
}

/** The part of the distribution that is in view, with as many bins as there is room for. */
async function drawHistogram(picker, Plotly) {
  const { hist } = picker.el;
  const size = { width: picker.width, height: hist.clientHeight };
  const figure = dressed(picker.shape.figures.histogram, picker.dress(), size, picker.view);
  fillHistogram(figure, picker.distribution, picker.view, picker.log);
  await Plotly.react(hist, figure.data, figure.layout, CONFIG);
  if (picker.watched) return;
  picker.watched = true;
  hist.on("plotly_relayout", (change) => {
    const range = change["xaxis.range"] ?? [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    if (range[0] !== undefined) picker.zoom([Number(range[0]), Number(range[1])]);
  });
  hist.on("plotly_doubleclick", () => picker.zoom(null));
}

/** The divergence curves, or a sentence where there are none. */
async function drawCurves(picker, Plotly) {
  const { curves, empty, curvesArea, legend } = picker.el;
  const figure = picker.shape.figures.divergence;
  const none = figure.data.length === 0;
  empty.hidden = !none;
  for (const part of [curves, curvesArea, legend, curves.parentElement.querySelector(".ql-axis")]) {
    part.style.visibility = none ? "hidden" : "";
  }
  empty.textContent = picker.shape.noCurves;
  const size = { width: picker.width, height: curves.clientHeight };
  const copy = dressed(figure, picker.dress(), size, picker.curvesView);
  await Plotly.react(curves, copy.data, copy.layout, CONFIG);
  if (picker.curvesWatched) return;
  picker.curvesWatched = true;
  curves.on("plotly_relayout", (change) => {
    const start = change["xaxis.range[0]"];
    if (start === undefined) return;
    picker.zoomCurves([Number(start), Number(change["xaxis.range[1]"])]);
  });
  curves.on("plotly_doubleclick", () => picker.zoomCurves(null));
  curves.on("plotly_click", ({ points }) => {
    picker.move(2, points[0].x);
    picker.commitRange();
  });
}
