// A table with a row for each layer: sorted here, walked by keys, drawn as far as it is seen.

const ROW_PX = 32;
const HEAD_PX = 34;
const SPARE = 10;            // rows drawn above and below what is seen
const REST_MS = 180;         // Python hears of a row once the keys rest
const HEARD_MS = 4000;
const NAME_SHARE = 0.62;     // of the width, at most, for the names

const sorts = new Map();     // what a table is sorted by stays when its page is left

class RowTable {
  constructor(root) {
    this.root = root;
    this.box = root.querySelector(".ql-table-box");
    this.cols = root.querySelector("colgroup");
    this.head = root.querySelector("thead tr");
    this.body = root.querySelector("tbody");
    this.said = root.querySelector(".ql-table-said");
    this.marked = new Set();
    this.chosen = null;
    root.style.setProperty("--ql-table-row", `${ROW_PX}px`);
    this.box.addEventListener("scroll", () => this.draw());
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => this.click(event));
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.box);
  }

  destroy() {
    this.observer.disconnect();
    clearTimeout(this.sending);
  }

  // ---- what Python sends

  update({ data, setTriggerValue }) {
    this.send = setTriggerValue;
    this.id = data.id;
    this.root.dataset.mode = groundMode(this.root);
    const fresh = data.table !== this.text;
    if (fresh) {
      this.text = data.table;
      Object.assign(this, JSON.parse(data.table));
      this.box.style.height = this.height;
      this.box.setAttribute("aria-label", this.about);
      this.box.setAttribute("aria-multiselectable", String(this.marks));
      this.box.setAttribute("aria-colcount", String(this.columns.length));
      this.order();
      this.measure();
      this.drawHead();
    }
    const seen = this.follow(data);
    if (fresh || seen) this.draw(true);
  }

  /** Choose and mark what Python says, unless it has not heard of the latest click yet. */
  follow({ chosen, marked, ack }) {
    const { asked } = this;
    if (asked && asked.id !== ack && performance.now() - asked.time < HEARD_MS) return false;
    this.asked = null;
    this.marked = new Set(marked);
    if (chosen !== this.chosen) {
      this.chosen = chosen;
      this.reveal();
    }
    return true;
  }

  // ---- order and sizes

  order() {
    const sort = sorts.get(this.id);
    const at = this.columns.findIndex(({ key }) => key === sort?.key);
    this.sort = at < 0 ? null : { ...sort, at };
    this.shown = this.rows.map((_, i) => i);
    if (!this.sort) return;
    const { down } = this.sort;
    this.shown.sort((i, j) => {
      const [x, y] = [this.rows[i].cells[at], this.rows[j].cells[at]];
      if (x === null || y === null) return (x === null) - (y === null);
      const size = typeof x === "string" ? x.localeCompare(y, undefined, { numeric: true }) : x - y;
      return (down ? -size : size) || i - j;
    });
  }

  sortBy(column) {
    const sort = sorts.get(this.id);
    const first = column.down;
    if (sort?.key !== column.key) sorts.set(this.id, { key: column.key, down: first });
    else if (sort.down === first) sorts.set(this.id, { key: column.key, down: !first });
    else sorts.delete(this.id);
    this.order();
    this.drawHead();
    this.reveal();
    this.draw(true);
  }

  /** The names as wide as the widest, as long as numbers keep their place. */
  measure() {
    const style = getComputedStyle(this.root);
    this.font = `600 13.5px ${style.fontFamily}`;
    this.widest = Math.max(0, ...this.rows.map(({ short }) => widthOf(short, this.font))) + NAME_ROOM;
    this.resized();
  }

  resized() {
    const { clientWidth } = this.box;
    if (!clientWidth || !this.columns) return;
    const rest = this.columns.slice(1).map(({ width }) => width);
    const others = rest.reduce((sum, width) => sum + width, 0);
    const name = Math.max(96, Math.min(this.widest, Math.max(NAME_SHARE * clientWidth, clientWidth - others)));
    this.nameRoom = name - NAME_ROOM;
    this.cols.replaceChildren(...[name, ...rest].map((width) => {
      const col = document.createElement("col");
      col.style.width = `${width}px`;
      return col;
    }));
    this.cols.parentElement.style.width = `${Math.max(name + others, clientWidth)}px`;
    this.draw(true);
  }

  // ---- drawing

  drawHead() {
    this.head.replaceChildren(...this.columns.map((column, at) => {
      const cell = document.createElement("th");
      cell.setAttribute("role", "columnheader");
      if (column.number) cell.className = "ql-table-number";
      const button = document.createElement("button");
      button.type = "button";
      button.tabIndex = -1;
      const mine = this.sort?.at === at;
      button.textContent = mine ? `${column.title} ${this.sort.down ? "↓" : "↑"}` : column.title;
      button.title = `${column.help ? `${column.help} ` : ""}Click to sort.`;
      button.onclick = () => this.sortBy(column);
      if (mine) cell.setAttribute("aria-sort", this.sort.down ? "descending" : "ascending");
      cell.append(button);
      return cell;
    }));
  }

  /** Draw the rows in sight; all anew if what they show has changed. */
  draw(anew = false) {
    if (!this.columns) return;
    const top = Math.floor(this.box.scrollTop / ROW_PX);
    const count = Math.ceil(this.box.clientHeight / ROW_PX);
    const first = Math.max(0, top - SPARE);
    const last = Math.min(this.shown.length, top + count + SPARE);
    if (!anew && this.drawn && top >= this.drawn.top - SPARE / 2 && top <= this.drawn.top + SPARE / 2) return;
    this.drawn = { top };
    this.box.setAttribute("aria-rowcount", String(this.shown.length + 1));
    const lines = [];
    for (let place = first; place < last; place += 1) lines.push(this.line(place));
    const rows = [spacer(first * ROW_PX), ...lines, spacer((this.shown.length - last) * ROW_PX)];
    if (!this.shown.length) rows.push(noneLine(this.columns.length, this.empty));
    this.body.replaceChildren(...rows.filter(Boolean));
    const at = this.placeOf(this.chosen);
    if (at >= first && at < last) this.box.setAttribute("aria-activedescendant", this.idOf(at));
    else this.box.removeAttribute("aria-activedescendant");
  }

  line(place) {
    const row = this.rows[this.shown[place]];
    const line = document.createElement("tr");
    line.id = this.idOf(place);
    line.dataset.row = row.name;
    line.setAttribute("role", "row");
    line.setAttribute("aria-rowindex", String(place + 2));
    line.setAttribute("aria-selected", String(row.name === this.chosen || this.marked.has(row.name)));
    if (row.name === this.chosen) line.dataset.chosen = "";
    line.append(nameCell(row, this.font, this.nameRoom), ...this.columns.slice(1).map((column, at) => cellOf(row.cells[at + 1], column)));
    return line;
  }

  idOf(place) {
    return `ql-table-${this.id.replace(/\W/g, "-")}-${this.shown[place]}`;
  }

  placeOf(name) {
    return this.shown.findIndex((i) => this.rows[i].name === name);
  }

  /** Scroll until the chosen row is in sight. */
  reveal() {
    const at = this.placeOf(this.chosen);
    if (at < 0 || !this.box.clientHeight) return;
    const [top, room] = [at * ROW_PX, this.box.clientHeight - HEAD_PX - ROW_PX];
    const { scrollTop } = this.box;
    if (top < scrollTop) this.box.scrollTop = top;
    else if (top > scrollTop + room) this.box.scrollTop = top - room / 2;
  }

  // ---- what the user does

  click(event) {
    const name = event.target.closest("[data-row]")?.dataset.row;
    if (!name) return;
    if (event.target.closest(".ql-table-copy")) {
      navigator.clipboard?.writeText(name).then(() => { this.said.textContent = `Copied ${name}`; });
      return;
    }
    if (this.marks && (event.ctrlKey || event.metaKey)) this.mark(name);
    else if (this.marks && event.shiftKey) this.markTo(name);
    else this.choose(name, 0);
  }

  key(event) {
    if (event.target !== this.box || event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.box.clientHeight / ROW_PX) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const at = this.placeOf(this.chosen);
    if (event.key in steps) {
      const to = Math.min(Math.max(at + steps[event.key], 0), this.shown.length - 1);
      if (to < 0) return;
      const { name } = this.rows[this.shown[to]];
      if (event.shiftKey && this.marks && at >= 0) {
        for (const one of [this.chosen, name]) this.marked.add(one);
      }
      this.choose(name, REST_MS, event.shiftKey);
    } else if (event.key === " " && this.marks && at >= 0) {
      this.mark(this.chosen);
    } else if (event.key === "Enter" && at >= 0) {
      this.tell("select", { row: this.chosen }, 0);
    } else return;
    event.preventDefault();
  }

  /** Choose a row; without keeping them, the marks of others are taken off. */
  choose(name, rest, keep = false) {
    const lifted = !keep && this.marked.size > 0;
    if (lifted) this.marked.clear();
    if (name !== this.chosen || lifted || keep) {
      this.chosen = name;
      this.reveal();
      this.draw(true);
    }
    this.tell("select", { row: name, marked: [...this.marked] }, rest);
  }

  mark(name) {
    if (!this.marked.size && this.chosen !== null && this.chosen !== name) this.marked.add(this.chosen);
    if (!this.marked.delete(name)) this.marked.add(name);
    this.draw(true);
    this.tell("select", { row: this.chosen ?? name, marked: [...this.marked] }, REST_MS);
  }

  /** Mark all rows between the chosen one and another. */
  markTo(name) {
    const ends = [this.placeOf(this.chosen), this.placeOf(name)];
    const [from, to] = [Math.max(Math.min(...ends), 0), Math.max(...ends)];
    for (let place = from; place <= to; place += 1) this.marked.add(this.rows[this.shown[place]].name);
    this.draw(true);
    this.tell("select", { row: this.chosen ?? name, marked: [...this.marked] }, REST_MS);
  }

  tell(what, value, rest) {
    const id = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 6)}`;
    const note = () => { this.asked = { id, time: performance.now() }; };
    note();
    clearTimeout(this.sending);
    this.sending = setTimeout(() => {
      note();
      this.send(what, { marked: [...this.marked], ...value, id });
    }, rest);
  }
}

const tables = new WeakMap();

export default function (component) {
  return mounted(component, ".ql-table", tables, RowTable);
}
