// The two Plotly figures: Python makes them, this keeps them alive and fits them to the theme.

const CONFIG = { displayModeBar: false, responsive: false, doubleClick: false };
const BINS = 512;

let plotlyLoading = null;

function loadPlotly(url) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  plotlyLoading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      plotlyLoading = null;
      reject(new Error(`The plots cannot be drawn: ${url} did not load. Reload the page.`));
    };
    document.head.appendChild(script);
  });
  return plotlyLoading;
}

/** A copy of a Python figure in the colours of the mode, of this size and showing this range. */
function dressed(figure, { theme, mode, font, hidden }, size, range) {
  const ground = theme.grounds[mode];
  const data = figure.data.map((trace) => {
    const copy = { ...trace };
    const role = trace.meta?.role;
    if (role === "distribution") {
      copy.line = { ...trace.line, color: ground.line };
      copy.fillcolor = ground.fill;
    } else if (role) {
      const color = theme.styles[role][mode];
      copy.visible = !hidden.has(role);
      if (trace.line) copy.line = { ...trace.line, color };
      if (trace.marker) copy.marker = { ...trace.marker, color };
    }
    return copy;
  });
  const axis = (given) => ({
    ...given,
    gridcolor: ground.grid,
    zerolinecolor: ground.grid,
    linecolor: ground.muted,
    tickcolor: ground.muted,
    tickfont: { ...given.tickfont, color: ground.muted, family: font },
    title: { ...given.title, font: { ...given.title?.font, color: ground.muted, family: font } },
  });
  const { template, ...rest } = figure.layout;
  const layout = {
    ...rest,
    ...size,
    font: { ...rest.font, color: ground.text, family: font },
    hoverlabel: {
      bgcolor: ground.card, bordercolor: ground.muted,
      font: { family: font, size: 12, color: ground.text },
    },
    xaxis: { ...axis(rest.xaxis), range: [...range] },
    yaxis: axis(rest.yaxis),
  };
  if (rest.yaxis2) layout.yaxis2 = axis(rest.yaxis2);
  return { data, layout };
}

/** Put the distribution in view on at most 512 bins into the histogram's figure. */
function fillHistogram(figure, distribution, range, log) {
  const counts = distribution.bins(range[0], range[1], BINS);
  const width = (range[1] - range[0]) / BINS;
  const centres = Float32Array.from(counts, (_, i) => range[0] + width * (i + 0.5));
  let top = 0;
  let floor = Infinity;
  for (const count of counts) {
    if (count > top) top = count;
    if (count > 0.5 && count < floor) floor = count;
  }
  if (top === 0) top = 1;
  floor = Math.max(Math.min(floor, top), top / 1e9, 0.5);
  const trace = figure.data[0];
  trace.x = centres;
  trace.y = log ? counts.map((count) => Math.max(count, floor / 100)) : counts;
  trace.customdata = counts;
  trace.hovertemplate = "%{customdata:.3s} values<extra></extra>";
  const decades = Math.log10(top / floor);
  figure.layout.yaxis = {
    ...figure.layout.yaxis,
    type: log ? "log" : "linear",
    range: log
      ? [Math.log10(floor) - 0.25, Math.log10(top) + Math.max(0.2, decades * 0.06)]
      : [0, top * 1.06],
    dtick: log ? Math.max(1, Math.ceil(decades / 6)) : null,
    exponentformat: log ? "power" : "SI",
  };
  return figure;
}

const SYMBOLS = {
  circle: '<circle cx="13" cy="5" r="3.6"/>',
  square: '<rect x="9.5" y="1.5" width="7" height="7"/>',
  diamond: '<path d="M13 .6 17.4 5 13 9.4 8.6 5Z"/>',
  "triangle-up": '<path d="M13 .8 17.4 9H8.6Z"/>',
};

/** A line as it is drawn, with its marker if it has one, as the picture on a button. */
function swatch(color, dashes, symbol) {
  return `<svg viewBox="0 0 26 10" aria-hidden="true" fill="${color}"><line x1="0" x2="26" y1="5" y2="5"
    stroke="${color}" stroke-width="2.2" stroke-dasharray="${dashes}"/>${SYMBOLS[symbol] ?? ""}</svg>`;
}
