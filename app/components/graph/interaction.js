// Mouse, touch, wheel, keys and search on the graph.

const CLICK_PX = 4;
const ZOOM_STEP = 1.25;

class Hands {
  constructor(graph) {
    this.graph = graph;
    this.matches = [];
    const { stage, search, buttons, strip } = graph.el;
    stage.addEventListener("pointerdown", (event) => this.press(event));
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("keydown", (event) => this.key(event));
    stage.addEventListener("dblclick", (event) => {
      if (this.nodeAt(event) !== null) graph.open();
    });
    strip.addEventListener("pointerdown", (event) => this.travel(event));
    for (const button of buttons) button.addEventListener("click", () => this.pressed(button.dataset.do));
    search.addEventListener("input", () => this.find(search.value));
    search.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        this.next(event.shiftKey ? -1 : 1);
      } else if (event.key === "Escape") {
        search.value = "";
        this.find("");
        stage.focus({ preventScroll: true });
      }
    });
  }

  nodeAt(event) {
    const element = event.target.closest?.("[data-node]");
    return element ? Number(element.dataset.node) : null;
  }

  pressed(what) {
    const { graph } = this;
    if (what === "in") graph.zoom(ZOOM_STEP);
    if (what === "out") graph.zoom(1 / ZOOM_STEP);
    if (what === "fit") graph.fit();
    if (what === "row") graph.reveal(graph.chosen, true);
  }

  press(event) {
    const { graph } = this;
    if (event.button !== 0 || event.target === graph.el.strip) return;
    const { stage } = graph.el;
    const start = { x: event.clientX, y: event.clientY, view: { ...graph.view } };
    const node = this.nodeAt(event);
    let moved = false;
    stage.setPointerCapture(event.pointerId);
    stage.onpointermove = (now) => {
      const dx = now.clientX - start.x;
      const dy = now.clientY - start.y;
      if (!moved && Math.hypot(dx, dy) < CLICK_PX) return;
      moved = true;
      stage.dataset.dragging = "";
      graph.look({ ...start.view, x: start.view.x + dx, y: start.view.y + dy });
    };
    stage.onpointerup = stage.onpointercancel = () => {
      stage.onpointermove = stage.onpointerup = stage.onpointercancel = null;
      delete stage.dataset.dragging;
      if (!moved && node !== null) graph.choose(node, { at: 0 });
    };
  }

  wheel(event) {
    event.preventDefault();
    const box = this.graph.el.stage.getBoundingClientRect();
    const lines = event.deltaMode === 1 ? 16 : 1;
    const factor = Math.exp(-Math.max(-240, Math.min(240, event.deltaY * lines)) * 0.0016);
    this.graph.zoom(factor, event.clientX - box.left, event.clientY - box.top);
  }

  /** Click or drag along the strip: go to that depth. */
  travel(event) {
    event.stopPropagation();
    const { graph } = this;
    const { strip } = graph.el;
    const go = (now) => {
      const box = strip.getBoundingClientRect();
      graph.toDepth(Math.min(Math.max((now.clientY - box.top) / box.height, 0), 1));
    };
    strip.setPointerCapture(event.pointerId);
    strip.onpointermove = go;
    strip.onpointerup = strip.onpointercancel = () => { strip.onpointermove = null; };
    go(event);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { graph } = this;
    const steps = { ArrowDown: "below", ArrowUp: "above", ArrowLeft: "left", ArrowRight: "right" };
    if (steps[event.key]) graph.walk(steps[event.key]);
    else if (event.key === "Enter") graph.open();
    else if (event.key === "+" || event.key === "=") graph.zoom(ZOOM_STEP);
    else if (event.key === "-") graph.zoom(1 / ZOOM_STEP);
    else if (event.key === "0") graph.fit();
    else if (event.key === "Home") graph.reveal(graph.chosen, true);
    else if (event.key === "/") graph.el.search.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Highlight the nodes whose name or operator holds the text, and show the first of them. */
  find(text) {
    const { graph } = this;
    const wanted = text.trim().toLowerCase();
    const { names, ops } = graph.topology;
    this.matches = wanted
      ? names.flatMap((name, i) => (name.toLowerCase().includes(wanted) || ops[i].toLowerCase().includes(wanted) ? [i] : []))
      : [];
    this.at = -1;
    graph.matches = wanted ? new Set(this.matches) : null;
    graph.paintAll();
    this.count();
    if (this.matches.length && !this.matches.includes(graph.chosen)) graph.reveal(this.matches[0]);
  }

  next(step) {
    if (!this.matches.length) return;
    this.at = (this.at + step + this.matches.length) % this.matches.length;
    this.graph.choose(this.matches[this.at], { reveal: true });
    this.count();
  }

  count() {
    const { found, search } = this.graph.el;
    const total = this.matches.length;
    if (!search.value.trim()) found.textContent = "";
    else if (!total) found.textContent = "no match";
    else found.textContent = this.at < 0 ? `${total} found` : `${this.at + 1} of ${total}`;
  }
}
