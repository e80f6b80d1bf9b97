// Mouse, touch and keys on the picker.

const SETTLE_MS = 350;

let lastInput = 0;
for (const kind of ["click", "keydown"]) {
  document.addEventListener(kind, (event) => { lastInput = event.timeStamp; }, { capture: true });
}

function timed(name, start) {
  performance.measure(`quantlens:${name}`, { start, end: performance.now() });
}

class Gestures {
  constructor(picker) {
    this.picker = picker;
    this.listen();
  }

  listen() {
    const { handles, inputs, reset, scales, zooms } = this.picker.el;
    handles.forEach((handle, end) => {
      handle.onpointerdown = (event) => this.grab(event, end);
      handle.onkeydown = (event) => this.step(event, end);
      handle.onblur = () => this.settle();
    });
    inputs.forEach((input, end) => {
      input.oninput = () => { input.dataset.dirty = "1"; };
      input.onkeydown = (event) => {
        if (event.key === "Enter" && input.dataset.dirty) this.typed(input, end);
        if (event.key === "Escape") this.picker.restore();
      };
      input.onblur = () => { if (input.dataset.dirty) this.typed(input, end); };
    });
    reset.onclick = () => this.picker.commit({ range: null, pick: null });
    for (const button of scales) {
      button.onclick = () => {
        this.picker.log = button.dataset.scale === "log";
        for (const other of scales) other.setAttribute("aria-pressed", String(other === button));
        this.picker.draw();
      };
    }
    for (const button of zooms) {
      button.onclick = () => {
        if (button.dataset.zoom === "range") return this.picker.zoomToRange();
        this.picker.curvesView = [...this.picker.curvesDomain];
        return this.picker.zoom(null);
      };
    }
    this.picker.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.picker.restore();
    });
  }

  grab(event, end) {
    if (event.button !== 0) return;
    event.preventDefault();
    const handle = event.currentTarget;
    handle.dataset.mouse = "";  // no focus ring until a key is pressed
    handle.focus({ preventScroll: true });
    handle.setPointerCapture(event.pointerId);
    performance.clearMeasures("quantlens:drag");
    const [from, to] = this.picker.viewOf(end);
    const offset = event.clientX - this.picker.x(this.picker.valueOf(end), [from, to]);
    this.picker.dragging = end;
    handle.dataset.active = "";
    handle.onpointermove = (moved) => {
      if (this.picker.dragging === undefined) return;
      const start = performance.now();
      const at = Math.min(Math.max(moved.clientX - offset, 0), this.picker.plotWidth);
      this.picker.move(end, from + (at / this.picker.plotWidth) * (to - from));
      timed("drag", start);
    };
    handle.onpointerup = () => this.drop(handle, true);
    handle.onpointercancel = () => this.drop(handle, false);
  }

  drop(handle, keep) {
    if (this.picker.dragging === undefined) return;
    this.picker.dragging = undefined;
    delete handle.dataset.active;
    handle.onpointermove = handle.onpointerup = handle.onpointercancel = null;
    if (keep) this.picker.commitRange();
    else this.picker.restore();
  }

  step(event, end) {
    delete event.currentTarget.dataset.mouse;
    const direction = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (event.key === "Enter") this.settle();
    if (direction === undefined) return;
    event.preventDefault();
    const [from, to] = this.picker.viewOf(end);
    const bin = (to - from) / BINS;
    this.picker.move(end, this.picker.valueOf(end) + direction * bin * (event.shiftKey ? 10 : 1));
    clearTimeout(this.picker.settling);
    this.picker.settling = setTimeout(() => this.settle(), SETTLE_MS);
  }

  settle() {
    clearTimeout(this.picker.settling);
    if (this.picker.dragging === undefined) this.picker.commitRange();
  }

  typed(input, end) {
    const value = parseNumber(input.value);
    const wrong = !Number.isFinite(value) || (end === 0 ? value > 0 : value < 0);
    input.setAttribute("aria-invalid", String(wrong));
    input.title = wrong
      ? `Type a number ${end === 0 ? "not above" : "not below"} 0: a range holds zero`
      : "Type a number and press Enter; Esc restores";
    if (wrong) return;
    delete input.dataset.dirty;
    this.picker.move(end, value);
    this.picker.commitRange();
  }
}
