// The cells of the table.

const NAME_ROOM = 54;        // of a name's cell, for its edges and the button beside it
const COPY = '<svg viewBox="0 0 16 16" aria-hidden="true"><rect x="5.5" y="5.5" width="8" height="8" rx="1.5"></rect><path d="M10.5 3.5v-1h-8v8h1"></path></svg>';

/** A name, cut to the room that there is, and a button that copies it whole. */
function nameCell(row, font, room) {
  const cell = document.createElement("th");
  cell.setAttribute("role", "rowheader");
  cell.title = row.name;
  cell.setAttribute("aria-label", row.name);
  const inner = document.createElement("div");
  inner.className = "ql-table-name";
  const text = document.createElement("span");
  text.textContent = fitted(row.short, font, room);
  const copy = document.createElement("button");
  copy.type = "button";
  copy.tabIndex = -1;
  copy.className = "ql-table-copy";
  copy.title = "Copy the whole name";
  copy.setAttribute("aria-label", `Copy ${row.name}`);
  copy.innerHTML = COPY;
  inner.append(text, copy);
  cell.append(inner);
  return cell;
}

/** The row of a table without rows. */
function noneLine(columns, text) {
  const line = document.createElement("tr");
  line.setAttribute("role", "row");
  const cell = document.createElement("td");
  cell.setAttribute("role", "gridcell");
  cell.colSpan = columns;
  cell.className = "ql-table-none";
  cell.textContent = text;
  line.append(cell);
  return line;
}

function spacer(height) {
  if (height <= 0) return null;
  const line = document.createElement("tr");
  line.setAttribute("aria-hidden", "true");
  line.style.height = `${height}px`;
  return line;
}

/** A value as its column shows it, with a bar that is long where it is bad. */
function cellOf(value, column) {
  const cell = document.createElement("td");
  cell.setAttribute("role", "gridcell");
  cell.textContent = written(value, column);
  if (!column.number) {
    if (value !== null) cell.title = value;
    return cell;
  }
  cell.className = "ql-table-number";
  if (column.bar && value !== null) {
    const [none, full] = column.bar;
    const part = Math.min(Math.max((value - none) / (full - none), 0), 1);
    cell.style.setProperty("--ql-table-part", `${(100 * part).toFixed(1)}%`);
  }
  return cell;
}

function written(value, { number, digits, signed }) {
  if (value === null) return "–";
  if (!number) return value;
  if (digits === null) return format(value, 4);
  const text = value.toFixed(digits);
  const plain = Number(text) === 0 ? Math.abs(value).toFixed(digits) : text.replace("-", "−");
  return signed && Number(text) > 0 ? `+${plain}` : plain;
}
