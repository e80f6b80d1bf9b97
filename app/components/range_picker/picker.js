// The overlay on the plots: a range to drag, type or step, with its numbers at once.

const PADDING = 0.03;
const ANSWER_MS = 5000;

class RangePicker {
  constructor(root) {
    this.root = root;
    this.shown = shownTools();
    this.picks = [];
    this.hiddenCurves = new Set();
    this.log = true;
    this.queue = Promise.resolve();
    const one = (selector) => root.querySelector(selector);
    const all = (selector) => [...root.querySelectorAll(selector)];
    this.el = {
      name: one(".ql-name"), subtitle: one(".ql-subtitle"), picks: one(".ql-picks"),
      hist: one(".ql-hist .ql-gd"), curves: one(".ql-curves .ql-gd"),
      area: one(".ql-hist .ql-area"), curvesArea: one(".ql-curves .ql-area"),
      shades: all(".ql-shade"), handles: all(".ql-handle"), mirror: one(".ql-mirror"),
      span: one(".ql-span"), marks: one(".ql-marks"), labels: one(".ql-labels"),
      note: one(".ql-note"), legend: one(".ql-legend"), empty: one(".ql-empty"),
      inputs: all(".ql-inputs input"), reset: one(".ql-reset"), source: one(".ql-source"),
      message: one(".ql-message"), scales: all("[data-scale]"), zooms: all("[data-zoom]"),
      read: Object.fromEntries(all("[data-read]").map((e) => [e.dataset.read, e])),
    };
    this.table = new ChoiceTable(this, one(".ql-choices"));
    this.gestures = new Gestures(this);
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(root);
  }

  destroy() {
    this.observer.disconnect();
    clearTimeout(this.settling);
    for (const gd of [this.el.hist, this.el.curves]) window.Plotly?.purge(gd);
  }

  // ---- what Python sends

  update({ data, setTriggerValue }) {
    const start = performance.now();
    this.send = setTriggerValue;
    const mode = groundMode(this.root);
    const font = getComputedStyle(this.root).fontFamily;
    const dressChanged = mode !== this.mode || font !== this.font;
    this.mode = mode;
    this.font = font;
    this.root.dataset.mode = mode;
    const shapeChanged = data.shape !== this.shapeText;
    if (shapeChanged) this.readShape(data);
    const choiceChanged = shapeChanged || data.choice !== this.choiceText;
    if (choiceChanged) this.readChoice(data);
    const tableChanged = data.table !== this.tableText;
    if (tableChanged) this.readTable(data);
    if (tableChanged || choiceChanged || dressChanged) this.table.draw();
    if (shapeChanged || dressChanged) {
      drawToggles(this);
      const tensor = this.shape.tensor;
      this.draw().then(() => {
        this.place();
        timed("draw", start);
        if (shapeChanged) this.painted(tensor);
      });
    }
    if (choiceChanged || tableChanged || dressChanged) this.place();
  }

  readTable({ table: text }) {
    this.tableText = text;
    this.pointed = null;
    this.picks = this.table.read(text);
  }

  readShape({ shape: text, plotly }) {
    this.shapeText = text;
    this.plotlyUrl = plotly;
    const before = this.shape?.tensor;
    this.shape = JSON.parse(text);
    const { spec } = this.shape;
    this.distribution = new Distribution(this.shape.histogram);
    const { low, high } = this.distribution;
    const room = PADDING * (high - low || 1);
    this.domain = [low < 0 ? low - room : -room / 2, high > 0 ? high + room : room / 2];
    // The one handle of a symmetric range may lie where no value is: where the other side ends.
    this.mirrored = Boolean(spec?.symmetric) && low < 0;
    if (this.mirrored) {
      const end = Math.max(-low, high) + room;
      this.domain = [-end, end];
    }
    // Thresholds are magnitudes: where no value is negative, both plots share one axis.
    this.linked = low === 0;
    const reach = Math.max(-low, high) || 1;
    this.curvesDomain = this.linked ? [...this.domain] : [0, reach * (1 + PADDING)];
    this.flat = low === high;
    // A tensor that stays in float has no codes, so no range either.
    this.plain = spec === null;
    this.root.toggleAttribute("data-plain", this.plain);
    this.el.area.hidden = this.el.curvesArea.hidden = this.flat || this.plain;
    if (before !== this.shape.tensor) {
      this.sent = null;
      this.dragging = undefined;
      this.view = [...this.domain];
      this.curvesView = [...this.curvesDomain];
    }
    // An end that the data does not reach stays at zero; a symmetric range has one free end.
    this.free = spec?.symmetric ? [false, true] : [low < 0, high > 0];
    this.el.name.title = this.shape.title;
    this.el.subtitle.textContent = this.shape.subtitle;
    this.el.subtitle.title = this.shape.subtitle;
    writeName(this);
    const { zeros, count } = this.shape.histogram;
    this.el.note.textContent = zeros
      ? `${formatShare(zeros / count)} of the values are exactly 0 and not drawn` : "";
  }

  readChoice({ choice: text }) {
    this.choiceText = text;
    const choice = JSON.parse(text);
    if (this.sent && choice.ack === this.sent.id) {
      timed("commit", this.sent.time);
      this.sent = null;
    }
    this.choice = choice;
    // What was taken can be given back here until something else is decided.
    if (this.taken && (this.taken.id !== choice.ack || !choice.revocable)) this.taken = null;
    // What Python thought before it heard of a commit is old news, unless it never answers.
    if (this.sent && performance.now() - this.sent.time > ANSWER_MS) this.sent = null;
    if (this.dragging !== undefined || this.sent) return;
    clearTimeout(this.settling);
    this.committed = [...choice.range];
    this.range = [...choice.range];
    this.baseline = this.plain ? NaN : this.errorOf(this.choice.calibrated).sqnr;
    this.el.reset.setAttribute("aria-label", `Reset to ${choice.calibrator}`);
    this.el.reset.title = `Use the range of ${choice.calibrator} again`;
    this.el.source.textContent = choice.source;
    if (this.plain) this.el.source.textContent = "stays in float";
    this.el.source.title = this.el.source.textContent;
    this.el.source.dataset.kind = choice.fixed ? "fixed" : "calibrator";
    this.el.reset.disabled = !choice.fixed;
  }

  errorOf(range) {
    const params = paramsOf(range, this.shape.spec);
    return this.distribution.error(params, this.shape.spec);
  }

  /** Note the time from the last click or key to the frame that shows this tensor. */
  painted(tensor) {
    requestAnimationFrame(() => requestAnimationFrame(() => {
      if (tensor !== this.shape.tensor) return;
      timed("select", lastInput);
      this.root.dataset.drawn = tensor;
    }));
  }

  // ---- drawing

  resized() {
    if (this.shape) writeName(this);
    const width = Math.round(this.root.clientWidth);
    if (!width || width === this.width) return;
    this.width = width;
    if (this.shape) this.draw().then(() => this.place());
  }

  /** Draw both figures in place; calls queue up and only the last one waiting is done. */
  draw() {
    this.wanted = (this.wanted ?? 0) + 1;
    const ticket = this.wanted;
    this.queue = this.queue.then(() => loadPlotly(this.plotlyUrl)).then(async (Plotly) => {
      if (ticket !== this.wanted) return;
      this.width = Math.round(this.root.clientWidth);
      layOut(this);
      await Promise.all([drawHistogram(this, Plotly), drawCurves(this, Plotly)]);
    }).catch((error) => {
      this.el.message.hidden = false;
      this.el.message.textContent = error.message;
    });
    return this.queue;
  }

  dress() {
    return { theme: this.shape.theme, mode: this.mode, font: this.font, hidden: this.hiddenCurves };
  }

  /** Show this part of the histogram's axis, or all of it. */
  zoom(range) {
    this.view = clamped(range, this.domain);
    if (this.linked) this.curvesView = [...this.view];
    this.draw().then(() => this.place());
  }

  zoomCurves(range) {
    this.curvesView = clamped(range, this.curvesDomain);
    if (this.linked) this.view = [...this.curvesView];
    this.draw().then(() => this.place());
  }

  zoomToRange() {
    const [low, high] = [this.valueOf(0), this.valueOf(1)];
    const room = 0.08 * (high - low || 1);
    this.curvesView = clamped([0, 1.6 * Math.max(-low, high)], this.curvesDomain);
    this.zoom([low - room, high + room]);
  }

  x(value, view = this.view) {
    return ((value - view[0]) / (view[1] - view[0])) * this.plotWidth;
  }

  /** Put the overlay where the range is and write its numbers: all that a drag step costs. */
  place() {
    if (!this.range || !this.plotWidth) return;
    if (this.plain) {
      writeNothing(this);
      return;
    }
    const params = paramsOf(this.range, this.shape.spec);
    placeHandles(this, params);
    writeNumbers(this, params);
    if (this.dragging === undefined) placeMarks(this);
  }

  /** What a handle stands for: the lower end, the upper end, the larger magnitude. */
  valueOf(end) {
    const largest = Math.max(-this.range[0], this.range[1]);
    if (end === 2 || (end === 1 && this.shape.spec?.symmetric)) return largest;
    return end === 0 && this.mirrored ? -largest : this.range[end];
  }

  viewOf(end) {
    return end < 2 ? this.view : this.curvesView;
  }

  // ---- what the user does

  /** Move a handle; the other end follows when symmetric. Ends stay on their side of zero. */
  move(end, value) {
    const { low, high } = this.distribution;
    const least = (this.domain[1] - this.domain[0]) * 1e-7;
    if (this.shape.spec.symmetric) {
      const size = Math.max(end === 0 ? -value : value, least);
      this.range = [!this.shape.spec.signed && low === 0 ? 0 : -size, size];
    } else if (end === 2) {
      const size = Math.max(value, least);
      this.range = [Math.max(low, -size), Math.min(high, size)];
    } else {
      this.range[end] = end === 0 ? Math.min(value, 0) : Math.max(value, 0);
      if (this.range[1] - this.range[0] < least) this.range[end] = end === 0 ? -least : least;
    }
    this.place();
  }

  restore() {
    clearTimeout(this.settling);
    if (this.dragging !== undefined) {
      const handle = this.el.handles[this.dragging];
      this.dragging = undefined;
      delete handle.dataset.active;
      handle.onpointermove = handle.onpointerup = handle.onpointercancel = null;
    }
    for (const input of this.el.inputs) {
      delete input.dataset.dirty;
      input.setAttribute("aria-invalid", "false");
    }
    this.range = [...this.committed];
    this.place();
  }

  commitRange() {
    if (this.range[0] === this.committed[0] && this.range[1] === this.committed[1]) {
      this.place();
      return;
    }
    this.commit({ range: [...this.range], pick: null });
  }

  /** Take a row of the table for this tensor or more. */
  adopt(name, scope) {
    this.commit({ range: null, pick: name, scope });
    this.taken = { id: this.sent.id, row: this.picks.find((row) => row.name === name), scope };
    this.table.drawNote();
  }

  commit(what) {
    if (what.range) this.committed = [...what.range];
    this.place();
    const id = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 6)}`;
    this.sent = { id, time: performance.now() };
    this.send("commit", { scope: "tensor", undo: false, ...what, tensor: this.shape.tensor, id });
  }
}

const pickers = new WeakMap();

export default function (component) {
  return mounted(component, ".ql-rp", pickers, RangePicker);
}
