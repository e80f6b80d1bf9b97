// What every tool would choose, as a table: sortable, and one click takes a row.

const COLUMNS = [
  { key: "label", name: "Choice", unit: "", down: false },
  { key: "width", name: "Range", unit: "real units", down: false },
  { key: "clip_rate", name: "Clip rate", unit: "%", down: false,
    title: "Share of the values outside what the codes can represent" },
  { key: "sqnr_db", name: "Local", unit: "SQNR dB", down: true,
    title: "Signal to quantization noise of this tensor alone, predicted from its histogram; more is better" },
  { key: "weighted_sqnr_db", name: "Weighted", unit: "SQNR dB", down: true },
  { key: "kl", name: "KL", unit: "nats", down: false,
    title: "KL divergence of the quantized from the float distribution, one definition for every row" },
  { key: "js", name: "JS", unit: "nats", down: false,
    title: "Jensen-Shannon divergence, one definition for every row" },
];
const WORDS = { Infinity: Infinity, "-Infinity": -Infinity };

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

class ChoiceTable {
  constructor(picker, root) {
    this.picker = picker;
    this.root = root;
    this.head = root.querySelector("thead tr");
    this.body = root.querySelector("tbody");
    this.waiting = root.querySelector(".ql-waiting");
    this.note = root.parentElement.querySelector(".ql-note-line");
    this.sort = { key: "weighted_sqnr_db", down: true };
    this.opened = new Set();
    this.rows = null;
    this.consumers = "";
    this.drawHead();
  }

  /** Take what Python sent; a word stands for a number that JSON has not. */
  read(text) {
    const { rows, consumers } = JSON.parse(text);
    this.consumers = consumers;
    this.drawHead();
    this.rows = rows && rows.map((row) => ({
      ...row,
      sqnr_db: WORDS[row.sqnr_db] ?? row.sqnr_db,
      weighted_sqnr_db: WORDS[row.weighted_sqnr_db] ?? row.weighted_sqnr_db,
      width: row.rmin === null ? null : row.rmax - row.rmin,
    }));
    return (this.rows ?? []).filter(({ rmin }) => rmin !== null);
  }

  drawHead() {
    this.head.replaceChildren(
      ...COLUMNS.map((column) => {
        const button = element("button", { type: "button", title: this.titleOf(column) },
          element("span", { textContent: column.name }),
          element("small", { textContent: column.unit }));
        button.onclick = () => {
          const again = this.sort.key === column.key;
          this.sort = { key: column.key, down: again ? !this.sort.down : column.down };
          this.drawHead();
          this.draw();
        };
        const cell = element("th", { scope: "col" }, button);
        if (this.sort.key === column.key) {
          cell.setAttribute("aria-sort", this.sort.down ? "descending" : "ascending");
        }
        return cell;
      }),
      element("th", { scope: "col", className: "ql-use", textContent: "Use for" }),
    );
  }

  titleOf({ key, title }) {
    if (key !== "weighted_sqnr_db") return title ?? "";
    return `Behind ${this.consumers}: predicted signal to quantization noise of what is computed from this tensor there. `
      + "Errors that are not passed on do not count; where all are, it is the local SQNR. QuantLens's Best measured goes by it.";
  }

  /** What a row is compared by; where nothing is known of the consumers, its own error counts. */
  valueOf(row, key) {
    return key === "weighted_sqnr_db" ? row.weighted_sqnr_db ?? row.sqnr_db : row[key];
  }

  sorted() {
    const { key, down } = this.sort;
    const sign = down ? -1 : 1;
    return [...this.rows].sort((a, b) => {
      const [x, y] = [this.valueOf(a, key), this.valueOf(b, key)];
      if (x === null || y === null) return (x === null) - (y === null);
      return sign * (typeof x === "string" ? x.localeCompare(y) : x - y || 0);
    });
  }

  draw() {
    const start = performance.now();
    this.drawBody();
    drawLegend(this.picker);
    timed("table", start);
  }

  drawBody() {
    const { rows } = this;
    const { plain } = this.picker;
    this.waiting.hidden = rows !== null && !plain;
    this.waiting.textContent = plain
      ? "This tensor stays in float, so there is nothing to choose."
      : "Computing what every tool would choose …";
    this.drawNote();
    if (rows === null || plain) {
      this.body.replaceChildren();
      return;
    }
    const focused = document.activeElement?.closest?.(".ql-choices [data-id]")?.dataset.id;
    this.starred = this.starColumn();
    this.best = Math.max(...rows.map((row) => row[this.starred]).filter((db) => db !== null));
    this.body.replaceChildren(...this.sorted().flatMap((row) => this.lines(row)));
    if (focused) this.body.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  /** The column whose best is marked: the local error where that sorts, else the weighted one. */
  starColumn() {
    const known = !this.rows || this.rows.some((row) => row.weighted_sqnr_db !== null);
    return known && this.sort.key !== "sqnr_db" ? "weighted_sqnr_db" : "sqnr_db";
  }

  /** The row, and under it what the rule does where that is asked for. */
  lines(row) {
    const { choice, shape, mode } = this.picker;
    const inUse = row.name === choice.inUse;
    const open = this.opened.has(row.name);
    const style = shape.theme.tools[row.tool];
    const about = element("button", { type: "button", className: "ql-about", title: `${row.label}: ${row.summary}` });
    about.dataset.id = `about/${row.name}`;
    about.innerHTML = swatch(style[mode], style.dashes);
    about.append(element("span", { textContent: markLabel(row) }));
    about.setAttribute("aria-expanded", String(open));
    about.onclick = () => {
      if (!this.opened.delete(row.name)) this.opened.add(row.name);
      this.draw();
    };
    const first = element("th", { scope: "row" }, about);
    const line = element("tr", {}, first);
    line.dataset.row = row.name;
    if (inUse) line.setAttribute("aria-current", "true");
    if (row.rmin === null) {
      line.append(element("td", { colSpan: 7, className: "ql-why", textContent: row.why, title: row.why }));
    } else {
      line.append(
        element("td", { textContent: `${format(row.rmin, 3)} to ${format(row.rmax, 3)}`, title: `${format(row.rmin, 6)} to ${format(row.rmax, 6)}` }),
        element("td", { textContent: formatShare(row.clip_rate).replace("%", "") }),
        this.decibels(row, "sqnr_db"),
        this.decibels(row, "weighted_sqnr_db"),
        this.nats(row.kl),
        this.nats(row.js),
        element("td", { className: "ql-use" }, ...choice.targets.map((target) => this.use(row, target, inUse))),
      );
      line.onpointerenter = () => this.point(row);
      line.onpointerleave = () => this.point(null);
    }
    if (!open) return [line];
    const details = element("tr", { className: "ql-details" }, element("td", { colSpan: 8 },
      element("b", { textContent: `${row.label}. ` }), row.summary));
    return [line, details];
  }

  /** A ratio, with a star where it is the best of all rows. */
  decibels(row, key) {
    const db = row[key];
    if (db === null) return element("td", { textContent: "–", title: "Not defined: too few bins hold what the consumers can tell apart" });
    const cell = element("td", { textContent: formatDecibels(db) });
    if (key === this.starred && (db === this.best || this.best - db < 0.005)) {
      cell.className = "ql-best";
      cell.title = "The best of all choices";
      cell.prepend(element("span", { textContent: "★ ", role: "img", ariaLabel: "Best:" }));
    }
    return cell;
  }

  /** A divergence; below a hundred-thousandth it says nothing any more. */
  nats(x) {
    if (x === null) return element("td", { textContent: "–", title: "Not defined at this range: the codes give no probability to values that occur" });
    return element("td", { textContent: x > 0 && x < 1e-5 ? "<0.00001" : x < 1e-3 ? x.toFixed(5) : format(x, 3) });
  }

  use(row, { scope, word, title }, inUse) {
    const here = inUse && scope === "tensor";
    if (here) return element("em", { className: "ql-in-use", textContent: "in use" });
    const button = element("button", { type: "button", textContent: word, title: `Use ${row.label} ${title}` });
    button.setAttribute("aria-label", button.title);
    button.dataset.id = `${scope}/${row.name}`;
    button.onclick = () => this.picker.adopt(row.name, scope);
    return button;
  }

  /** What was taken last, with a way back; else what the table says. */
  drawNote() {
    const { taken, choice } = this.picker;
    const target = taken && choice.targets.find(({ scope }) => scope === taken.scope);
    if (!target) {
      this.note.textContent = choice.fixed
        ? `The range is ${choice.source}, so no row is in use.`
        : `★ best predicted SQNR${this.starColumn() === "weighted_sqnr_db" ? ", weighted" : " of this tensor alone"}. Click a name to read what its rule does.`;
      return;
    }
    const back = element("button", { type: "button", textContent: "Undo" });
    back.onclick = () => {
      this.picker.taken = null;
      this.picker.commit({ range: null, pick: null, undo: true });
      this.drawNote();
    };
    this.note.replaceChildren(element("span", { textContent: `✓ ${taken.row.label} is used ${target.title}.` }), back);
  }

  /** Mark the row under the pointer on the histogram, whether its tool is shown or not. */
  point(row) {
    this.picker.pointed = row;
    if (this.picker.dragging === undefined) placeMarks(this.picker);
  }
}
