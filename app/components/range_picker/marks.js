// What each tool would pick: toggles by tool, lines on the histogram and labels above it.

const LANE_PX = 14;
const LANES = 4;
const MORE_PX = 24;
const SHOWN_AT_FIRST = ["QuantLens", "ONNX Runtime", "TensorRT"];
const SHOWN_KEY = "quantlens:marked tools";
const SHORT = { "ONNX Runtime": "ORT", "MindSpore Lite": "MindSpore" };

let ruler = null;

function textWidth(text, font) {
  ruler ??= document.createElement("canvas").getContext("2d");
  ruler.font = `600 11.5px ${font}`;
  return ruler.measureText(text).width;
}

/** The tools whose picks are marked: what was chosen last in this browser session. */
function shownTools() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(SHOWN_KEY));
    if (Array.isArray(kept)) return new Set(kept);
  } catch { /* a browser without storage starts afresh each time */ }
  return new Set(SHOWN_AT_FIRST);
}

function keepShownTools(shown) {
  try {
    sessionStorage.setItem(SHOWN_KEY, JSON.stringify([...shown]));
  } catch { /* as above */ }
}

function drawToggles(picker) {
  const { picks } = picker.el;
  const { tools } = picker.shape.theme;
  const items = Object.keys(tools).map((name) => ({ name }));
  picks.replaceChildren(...toggles("Marks", items, (name) => picker.shown.has(name), ({ name }) => ({
    text: name,
    title: `Hide or show what ${name} would pick`,
    picture: swatch(tools[name][picker.mode], tools[name].dashes),
    redraw: () => {
      if (!picker.shown.delete(name)) picker.shown.add(name);
      keepShownTools(picker.shown);
      placeMarks(picker);
    },
  })));
  drawLegend(picker);
}

/** A toggle for each curve, with the threshold that costs least under it. */
function drawLegend(picker) {
  const { curves, theme: { styles } } = picker.shape;
  const hidden = picker.hiddenCurves;
  const apart = new Map(curves.map((curve) => [curve.name, otherEnds(picker, curve)]));
  const caption = curves.some(({ name }) => apart.get(name)) ? "Least cost, one |x| for both ends" : "Least cost";
  picker.el.legend.replaceChildren(...toggles(caption, curves, (name) => !hidden.has(name), (curve) => {
    const pick = apart.get(curve.name);
    const costs = `${curve.label} costs least at the threshold ${format(curve.best)}`;
    const differs = pick && ` with one threshold for both ends. Choosing each end by itself, it takes ${format(pick.rmin)} to ${format(pick.rmax)}`;
    return {
      text: `${curve.label} ${format(curve.best)}`,
      title: `${costs}${differs || ""}${gaps(curve)}. Click to hide or show the curve.`,
      picture: swatch(styles[curve.name][picker.mode], styles[curve.name].dashes, curve.symbol),
      redraw: () => {
        if (!hidden.delete(curve.name)) hidden.add(curve.name);
        picker.draw();
      },
    };
  }));
}

/** Why a curve has gaps, if it has. */
function gaps({ undefined: missing, candidates }) {
  if (!missing) return "";
  return `. At ${missing} of ${candidates} thresholds it is infinite: the quantized histogram is empty where values are`;
}

/** What the calibrator of a curve takes where that is not its threshold at both ends. */
function otherEnds(picker, { name, best }) {
  const pick = picker.picks.find((row) => row.name === name);
  if (!pick) return null;
  const { low, high } = picker.distribution;
  const near = (a, b) => Math.abs(a - b) <= 1e-3 * best;
  return near(pick.rmin, Math.max(low, -best)) && near(pick.rmax, Math.min(high, best)) ? null : pick;
}

/** A caption and a toggle for each item. */
function toggles(text, items, isOn, describe) {
  const caption = document.createElement("span");
  caption.className = "ql-caption";
  caption.textContent = text;
  caption.hidden = items.length === 0;
  return [caption, ...items.map((item) => {
    const { text: label, title, picture, redraw } = describe(item);
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.name = item.name;
    button.title = title;
    button.innerHTML = picture;
    button.append(Object.assign(document.createElement("span"), { textContent: label }));
    button.setAttribute("aria-pressed", String(isOn(item.name)));
    button.onclick = () => {
      redraw();
      button.setAttribute("aria-pressed", String(isOn(item.name)));
    };
    return button;
  })];
}

/** A label that takes less room: the tool's name in short. */
function markLabel({ tool, label }) {
  const short = SHORT[tool] ? label.replace(tool, SHORT[tool]) : label;
  return short.replace("asymmetric", "asym").replace("symmetric", "sym");
}

/** A line for each pick and its label above; picks that coincide share both. */
function placeMarks(picker) {
  const groups = [];
  const { tools } = picker.shape.theme;
  const marked = picker.picks.filter(({ tool }) => picker.shown.has(tool));
  if (picker.pointed?.rmin != null) marked.unshift(picker.pointed);
  for (const pick of new Set(marked)) {
    for (const end of [0, 1]) {
      const value = end ? pick.rmax : pick.rmin;
      const at = picker.x(value);
      if (value === 0 || at < -1 || at > picker.plotWidth + 1) continue;
      const same = groups.find((group) => group.end === end && Math.abs(group.at - at) < 2);
      if (same) same.picks.push(pick);
      else groups.push({ at, end, picks: [pick], lane: 0 });
    }
  }
  // The row under the pointer is placed first, then from left to right.
  const rank = ({ picks }) => (picks[0] === picker.pointed ? 0 : 1);
  groups.sort((a, b) => rank(a) - rank(b) || a.at - b.at);
  const labels = labelled(picker, groups);
  picker.el.labels.replaceChildren(...labels);
  picker.el.marks.innerHTML = groups.map(({ at, picks, lane }) => {
    const style = tools[picks[0].tool];
    return `<line x1="${at}" x2="${at}" y1="${-3 - lane * LANE_PX}" y2="100%"
      stroke-width="${picks[0] === picker.pointed ? 3 : 1.4}"
      stroke="${style[picker.mode]}" stroke-dasharray="${style.dashes}"/>`;
  }).join("");
}

/** Labels on the lowest lane with room, over their line or beside it; else the nearest says "+1". */
function labelled(picker, groups) {
  let placed = laidOut(picker, groups, 0);
  if (placed.length < groups.length) placed = laidOut(picker, groups, MORE_PX);
  return placed.map(({ picks, others, names, text, centre, lane }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.tabIndex = -1;
    const more = new Set([...names.slice(1), ...others.map(markLabel)]).size;
    button.textContent = others.length ? `${names[0]} +${more}` : text;
    const line = (p) => `${p.label}: ${format(p.rmin)} to ${format(p.rmax)}`;
    const near = others.length ? `\nNearby:\n${others.map(line).join("\n")}` : "";
    button.title = `${picks.map(line).join("\n")}${near}\nClick to use ${picks[0].label} for this tensor.`;
    const color = picker.shape.theme.tools[picks[0].tool][picker.mode];
    Object.assign(button.style, { left: `${centre}px`, bottom: `${lane * LANE_PX}px`, color });
    button.onclick = () => picker.adopt(picks[0].name, "tensor");
    return button;
  });
}

/** The groups that found room, each with `spare` pixels for a count of those that did not. */
function laidOut(picker, groups, spare) {
  const placed = [];
  for (const group of groups) {
    const names = [...new Set(group.picks.map(markLabel))];
    group.names = names;
    group.text = names.length > 1 ? `${names[0]} +${names.length - 1}` : names[0];
    group.others = [];
    if (fits(picker, group, placed, spare)) placed.push(group);
    else if (placed.length) {
      const nearest = placed.reduce((a, b) =>
        (Math.abs(a.at - group.at) <= Math.abs(b.at - group.at) ? a : b));
      nearest.others.push(...group.picks);
      group.lane = 0;
    }
  }
  return placed;
}

function fits(picker, group, placed, spare) {
  const width = textWidth(group.text, picker.font) + 8 + spare;
  const left = Math.min(width / 2 - 56, group.at);
  const right = Math.max(picker.plotWidth - width / 2 + 12, group.at - width / 2 + 6);
  const beside = width / 2 - 5;
  for (let lane = 0; lane < LANES; lane += 1) {
    for (const shift of [0, beside, -beside]) {
      const centre = Math.min(Math.max(group.at + shift, left), right);
      const [from, to] = [centre - width / 2, centre + width / 2];
      if (placed.every((other) => other.lane !== lane || other.to < from || to < other.from)) {
        Object.assign(group, { lane, centre, from, to });
        return true;
      }
    }
  }
  return false;
}
