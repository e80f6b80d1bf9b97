// The graph: a topology that comes once, colours that change, and the node that is chosen.

const LEAST_ZOOM = 0.02;
const MOST_ZOOM = 2.5;
const READABLE = 0.8;
const SEND_MS = 220;
const ANSWER_MS = 4000;

const topologies = new Map();

class Graph {
  constructor(root) {
    this.root = root;
    const one = (selector) => root.querySelector(selector);
    this.el = {
      stage: one(".ql-graph-stage"), search: one(".ql-graph-search"), found: one(".ql-graph-found"),
      buttons: [...root.querySelectorAll("[data-do]")], zoom: one(".ql-graph-zoom"),
      strip: one(".ql-graph-strip"), window: one(".ql-graph-window"),
      title: one(".ql-graph-title"), ramp: one(".ql-graph-ramp i"), ticks: one(".ql-graph-ticks"),
      scale: one(".ql-graph-scale"), flows: one(".ql-graph-flows"), said: one(".ql-graph-said"),
    };
    this.picture = new Picture(root);
    this.view = { x: 0, y: 0, k: 1 };
    this.chosen = -1;
    this.matches = null;
    this.hands = new Hands(this);
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.el.stage);
  }

  destroy() {
    this.observer.disconnect();
    clearTimeout(this.sending);
  }

  // ---- what Python sends

  update({ data, setTriggerValue }) {
    this.send = setTriggerValue;
    if (data.topology && !topologies.has(data.digest)) {
      topologies.set(data.digest, new Topology(data.topology, data.digest));
    }
    const topology = topologies.get(data.digest);
    if (!topology) {
      this.send("want", data.digest);
      return;
    }
    const mode = groundMode(this.root);
    const modeChanged = mode !== this.mode;
    this.mode = mode;
    this.root.dataset.mode = mode;
    const fresh = topology !== this.topology;
    if (fresh) {
      this.topology = topology;
      this.picture.show(topology);
      this.el.search.value = "";
      this.matches = null;
      this.el.found.textContent = "";
      this.chosen = -1;
      this.asked = null;
    }
    if (fresh || modeChanged || data.paint !== this.paintText) {
      this.paintText = data.paint;
      this.paint = JSON.parse(data.paint);
      this.legend();
      this.paintAll();
    }
    this.follow(data, fresh);
  }

  /** Choose what Python says, unless it has not heard of the latest click yet. */
  follow({ row, ack }, fresh) {
    const index = this.topology.names.indexOf(row);
    const { asked } = this;
    if (asked && asked.id !== ack && performance.now() - asked.time < ANSWER_MS) return;
    this.asked = null;
    const changed = index !== this.chosen;
    if (fresh || changed) this.mark(index);
    if (!this.size()) return;
    if (fresh) this.arrive();
    else if (changed) this.reveal(index);
  }

  size() {
    const { clientWidth: width, clientHeight: height } = this.el.stage;
    return width && height ? { width, height } : null;
  }

  resized() {
    if (!this.topology || !this.size()) return;
    if (!this.arrived) this.arrive();
    else this.look(this.view);
  }

  /** The first view: everything where that can be read, else the chosen node or the top. */
  arrive() {
    this.arrived = true;
    this.fit();
    if (this.view.k < READABLE / 2) this.reveal(Math.max(this.chosen, 0), true);
    this.root.dataset.drawn = this.topology.digest;
  }

  // ---- looks

  lookOf(i) {
    const place = this.paint.places[i];
    const rgb = place === null ? null : rampColour(place, this.mode);
    return {
      state: this.paint.states[i],
      text: this.paint.texts[i],
      fill: rgb ? cssColour(rgb) : "var(--ql-graph-blank)",
      ink: rgb ? inkOn(rgb) : "var(--ql-graph-ink)",
      chosen: i === this.chosen,
      match: this.matches ? this.matches.has(i) : undefined,
    };
  }

  paintAll() {
    this.picture.flow(this.paint.flows ?? []);
    for (const [i, element] of this.picture.drawn) this.picture.dress(i, element, this.lookOf(i));
    this.drawStrip();
  }

  legend() {
    const { title, ramp, ticks, scale, flows } = this.el;
    title.textContent = this.paint.title;
    ramp.style.background = rampCss(this.mode);
    scale.dataset.empty = String(!this.paint.ticks.length);
    flows.hidden = !this.paint.flows;
    ticks.replaceChildren(...this.paint.ticks.map(([place, text]) => {
      const tick = document.createElement("span");
      tick.textContent = text;
      tick.style.left = `${100 * place}%`;
      return tick;
    }));
  }

  /** The strip beside the graph: at each depth the worst node, so that a deep graph shows where. */
  drawStrip() {
    const size = this.size();
    if (!size || !this.topology) return;
    const { strip, window: box } = this.el;
    strip.hidden = box.hidden = this.topology.columns > 1;  // depth is no height there
    if (strip.hidden) return;
    const height = strip.clientHeight;
    const layers = this.topology.rows.length;
    strip.width = 1;
    strip.height = height;
    const context = strip.getContext("2d");
    for (let line = 0; line < height; line += 1) {
      const first = Math.floor((line / height) * layers);
      const last = Math.max(first + 1, Math.ceil(((line + 1) / height) * layers));
      let worst = null;
      for (const row of this.topology.rows.slice(first, last)) {
        for (const i of row) {
          const place = this.paint.places[i];
          if (place !== null && (worst === null || place > worst)) worst = place;
        }
      }
      if (worst === null) continue;
      context.fillStyle = cssColour(rampColour(worst, this.mode));
      context.fillRect(0, line, 1, 1);
    }
  }

  // ---- the view

  /** Show a view; many calls within a frame draw once. */
  look(view) {
    const size = this.size();
    if (!size) return;
    const k = Math.min(Math.max(view.k, LEAST_ZOOM), MOST_ZOOM);
    const [width, height] = this.topology.size;
    const keep = 60;  // this much of the graph stays in sight
    const x = Math.min(Math.max(view.x, keep - width * k), size.width - keep);
    const y = Math.min(Math.max(view.y, keep - height * k), size.height - keep);
    this.view = { x, y, k };
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.render();
    });
  }

  render() {
    const size = this.size();
    if (!size) return;
    this.picture.move(this.view, size, (i, element) => this.picture.dress(i, element, this.lookOf(i)));
    this.el.zoom.textContent = `${Math.round(100 * this.view.k)} %`;
    const { strip, window: box } = this.el;
    const whole = this.topology.size[1] * this.view.k;
    const top = Math.min(Math.max(-this.view.y / whole, 0), 1);
    const bottom = Math.min(Math.max((size.height - this.view.y) / whole, 0), 1);
    box.style.transform = `translateY(${strip.offsetTop + top * strip.clientHeight}px)`;
    box.style.height = `${Math.max((bottom - top) * strip.clientHeight, 6)}px`;
  }

  zoom(factor, x, y) {
    const size = this.size();
    if (!size) return;
    const at = { x: x ?? size.width / 2, y: y ?? size.height / 2 };
    const k = Math.min(Math.max(this.view.k * factor, LEAST_ZOOM), MOST_ZOOM);
    const ratio = k / this.view.k;
    this.look({ k, x: at.x - (at.x - this.view.x) * ratio, y: at.y - (at.y - this.view.y) * ratio });
  }

  fit() {
    const size = this.size();
    if (!size) return;
    const [width, height] = this.topology.size;
    const k = Math.min((size.width - 64) / width, (size.height - 32) / height, 1.2);
    this.look({ k, x: (size.width - 24 - width * k) / 2, y: Math.max((size.height - height * k) / 2, 16) });
  }

  toDepth(share) {
    const size = this.size();
    this.look({ ...this.view, y: size.height / 2 - share * this.topology.size[1] * this.view.k });
  }

  /** Bring a node into sight, in the middle if it was not there or if asked. */
  reveal(i, centre = false) {
    const size = this.size();
    if (i < 0 || !size) return;
    const k = this.view.k < READABLE / 2 ? READABLE : this.view.k;
    const { x, y, box } = this.topology;
    const at = { x: x[i] * this.view.k + this.view.x, y: y[i] * this.view.k + this.view.y };
    const inside = at.x > box[0] * k / 2 && at.x < size.width - 24 - box[0] * k / 2
      && at.y > box[1] * k && at.y < size.height - box[1] * k;
    if (inside && !centre && k === this.view.k) return;
    this.look({ k, x: size.width / 2 - 12 - x[i] * k, y: size.height / 2 - y[i] * k });
  }

  // ---- what the user does

  mark(i) {
    const before = this.chosen;
    this.chosen = i;
    for (const index of [before, i]) {
      const element = this.picture.drawn.get(index);
      if (element) this.picture.dress(index, element, this.lookOf(index));
    }
    const element = this.picture.drawn.get(i);
    if (element) element.parentNode.append(element);
    this.picture.light(i);
    this.root.dataset.row = i < 0 ? "" : this.topology.names[i];
    if (i < 0) return;
    const { names, ops } = this.topology;
    const { states, texts, title } = this.paint;
    this.el.said.textContent = `${names[i]}, ${ops[i]}, ${states[i]}, ${title} ${texts[i]}`;
  }

  /** Choose a node; Python hears of it once the keys rest. */
  choose(i, { reveal = false, at = SEND_MS } = {}) {
    if (i === this.chosen && !this.sending) return;
    this.mark(i);
    if (reveal) this.reveal(i);
    const id = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 6)}`;
    this.asked = { id, time: performance.now() };
    clearTimeout(this.sending);
    this.sending = setTimeout(() => {
      this.sending = 0;
      this.asked = { id, time: performance.now() };
      this.send("select", { row: this.topology.names[i], id });
    }, at);
  }

  open() {
    if (this.chosen < 0) return;
    clearTimeout(this.sending);
    this.send("open", this.topology.names[this.chosen]);
  }

  /** Go along an edge to the nearest node above or below, or to the neighbour in the layer. */
  walk(where) {
    const { x, above, below, rows, layers } = this.topology;
    const i = this.chosen;
    if (i < 0) {
      this.choose(0, { reveal: true });
      return;
    }
    let to;
    if (where === "left" || where === "right") {
      const row = rows[layers[i]];
      to = row[row.indexOf(i) + (where === "left" ? -1 : 1)];
    } else {
      const near = where === "below" ? below[i] : above[i];
      to = [...near].sort((a, b) => Math.abs(layers[a] - layers[i]) - Math.abs(layers[b] - layers[i])
        || Math.abs(x[a] - x[i]) - Math.abs(x[b] - x[i]))[0];
    }
    if (to !== undefined) this.choose(to, { reveal: true });
  }
}

const graphs = new WeakMap();

export default function (component) {
  return mounted(component, ".ql-graph", graphs, Graph);
}
