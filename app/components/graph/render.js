// Draws the part of the graph that is looked at. Panning and zooming only move one transform;
// elements are made and removed when the view leaves what is drawn.

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = 0.75;      // drawn around the view, in views
const TEXT_ZOOM = 0.42;   // below it nodes are drawn without words
const STATES = { int8: "", fused: "fused", dropped: "dropped", float: "float", skipped: "skipped" };

function made(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent?.append(element);
  return element;
}

/** A smooth line from top to bottom through corners; vertical at each of them. */
function edgePath(points) {
  let path = `M${points[0][0]} ${points[0][1]}`;
  for (let i = 1; i < points.length; i += 1) {
    const [x0, y0] = points[i - 1];
    const [x1, y1] = points[i];
    const middle = (y0 + y1) / 2;
    path += x0 === x1 ? `V${y1}` : `C${x0} ${middle} ${x1} ${middle} ${x1} ${y1}`;
  }
  return path;
}

class Topology {
  constructor(text, digest) {
    Object.assign(this, JSON.parse(text), { digest });
    const [, height] = this.box;
    this.below = this.names.map(() => []);
    this.above = this.names.map(() => []);
    this.rows = [];
    this.layers.forEach((layer, i) => { (this.rows[layer] ??= []).push(i); });
    for (const row of this.rows) row.sort((a, b) => this.x[a] - this.x[b]);
    this.lines = this.edges.map(([source, target], i) => {
      const points = [
        [this.x[source], this.y[source] + height / 2], ...this.bends[i],
        [this.x[target], this.y[target] - height / 2],
      ];
      this.below[source].push(target);
      this.above[target].push(source);
      const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
      return {
        index: i, source, target, path: edgePath(points),
        left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys),
      };
    });
  }
}

class Picture {
  constructor(root) {
    this.world = root.querySelector(".ql-graph-world");
    this.edges = root.querySelector(".ql-graph-edges");
    this.codes = root.querySelector(".ql-graph-codes");
    this.lit = root.querySelector(".ql-graph-lit");
    this.flows = new Set();
    this.nodes = root.querySelector(".ql-graph-nodes");
    this.drawn = new Map();
    this.family = getComputedStyle(root).fontFamily;
  }

  show(topology) {
    this.topology = topology;
    this.clear();
  }

  clear() {
    this.nodes.replaceChildren();
    this.drawn.clear();
    this.region = null;
  }

  /** Move to a view {x, y, k} of a stage; draw what came into sight. */
  move(view, size, dress) {
    this.world.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.k})`);
    const worded = view.k >= TEXT_ZOOM;
    const seen = {
      left: -view.x / view.k, top: -view.y / view.k,
      right: (size.width - view.x) / view.k, bottom: (size.height - view.y) / view.k,
    };
    const kept = this.region;
    const inside = kept && kept.worded === worded && kept.k < 4 * view.k
      && seen.left >= kept.left && seen.right <= kept.right
      && seen.top >= kept.top && seen.bottom <= kept.bottom;
    if (!inside) this.draw(seen, worded, view.k, dress);
  }

  draw(seen, worded, k, dress) {
    const wide = MARGIN * (seen.right - seen.left);
    const high = MARGIN * (seen.bottom - seen.top);
    const region = {
      left: seen.left - wide, right: seen.right + wide,
      top: seen.top - high, bottom: seen.bottom + high, worded, k,
    };
    if (this.region && this.region.worded !== worded) this.clear();
    this.region = region;
    const { x, y, box, lines } = this.topology;
    const wanted = new Set();
    for (const row of this.rowsBetween(region.top - box[1], region.bottom + box[1])) {
      for (const i of row) {
        if (x[i] + box[0] / 2 >= region.left && x[i] - box[0] / 2 <= region.right) wanted.add(i);
      }
    }
    for (const [i, element] of this.drawn) {
      if (!wanted.has(i)) {
        element.remove();
        this.drawn.delete(i);
      }
    }
    const fresh = document.createDocumentFragment();
    for (const i of wanted) {
      if (this.drawn.has(i)) continue;
      const element = this.node(i, worded, x[i], y[i]);
      this.drawn.set(i, element);
      dress(i, element);
      fresh.append(element);
    }
    this.nodes.append(fresh);
    this.seen = lines.filter((line) => line.bottom >= region.top && line.top <= region.bottom
      && line.right >= region.left && line.left <= region.right);
    this.edges.setAttribute("d", this.seen.map((line) => line.path).join(""));
    this.drawFlows();
  }

  /** Mark the edges along which integers flow. */
  flow(flows) {
    this.flows = new Set(flows);
    if (this.seen) this.drawFlows();
  }

  drawFlows() {
    const { flows } = this;
    this.codes.setAttribute("d", this.seen.filter((line) => flows.has(line.index)).map((line) => line.path).join(""));
  }

  rowsBetween(top, bottom) {
    const { rows, y } = this.topology;
    return rows.filter((row) => y[row[0]] >= top && y[row[0]] <= bottom);
  }

  node(i, worded, x, y) {
    const { names, shorts, ops, outputs, box: [width, height] } = this.topology;
    const element = made("g", { class: "ql-graph-node", "data-node": i, transform: `translate(${x - width / 2} ${y - height / 2})` });
    made("path", { class: "ql-graph-shape" }, element);
    made("rect", { class: "ql-graph-over", fill: "none", x: width - 12, y: 1, width: 11, height: height - 2, rx: 6 }, element);
    if (worded) {
      const title = made("title", {}, element);
      title.textContent = outputs[i] ? `${names[i]} (${ops[i]}), gives the output ${outputs[i]}` : `${names[i]} (${ops[i]})`;
      made("text", { class: "ql-graph-name", x: 10, y: 19 }, element).textContent = fitted(shorts[i], `600 13px ${this.family}`, width - 20);
      made("text", { class: "ql-graph-op", x: 10, y: 37 }, element);
      made("text", { class: "ql-graph-value", x: width - 14, y: 37, "text-anchor": "end" }, element);
    }
    return element;
  }

  /** Write the colour, the number and the marks of a node. */
  dress(i, element, look) {
    const { ops, outputs, box: [width, height] } = this.topology;
    const [shape, over] = element.children;
    const path = shapePath(ops[i] === "Input" ? "input" : look.state, width, height);
    if (shape.getAttribute("d") !== path) {
      shape.setAttribute("d", path);
    }
    shape.dataset.state = look.state;
    shape.style.fill = look.fill;
    const hatched = look.state === "dropped";
    over.setAttribute("fill", hatched ? "url(#ql-graph-hatch)" : "none");
    element.style.color = look.ink;
    element.classList.toggle("ql-graph-chosen", look.chosen);
    element.classList.toggle("ql-graph-match", look.match === true);
    element.classList.toggle("ql-graph-other", look.match === false);
    const words = element.querySelector(".ql-graph-op");
    if (!words) return;
    const mark = STATES[look.state] || (outputs[i] ? "output" : "");
    const value = element.querySelector(".ql-graph-value");
    value.textContent = look.text;
    const room = width - 28 - widthOf(look.text, `600 13px ${this.family}`);
    words.textContent = fitted(mark ? `${ops[i]}, ${mark}` : ops[i], `12px ${this.family}`, room);
  }

  /** Draw the edges of a node over the others. */
  light(i) {
    const of = this.topology.lines.filter((line) => line.source === i || line.target === i);
    this.lit.setAttribute("d", of.map((line) => line.path).join(""));
  }
}

function shapePath(state, width, height) {
  if (state === "float" || state === "skipped") {
    return `M12 0H${width - 12}L${width} 12V${height - 12}L${width - 12} ${height}H12L0 ${height - 12}V12Z`;
  }
  const r = state === "input" ? height / 2 : 7;
  return `M${r} 0H${width - r}A${r} ${r} 0 0 1 ${width} ${r}V${height - r}A${r} ${r} 0 0 1 ${width - r} ${height}`
    + `H${r}A${r} ${r} 0 0 1 0 ${height - r}V${r}A${r} ${r} 0 0 1 ${r} 0Z`;
}
