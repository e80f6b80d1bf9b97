// What each calibrator would pick: toggles, lines on the histogram and labels above it.

const LANE_PX = 14;
const LANES = 4;

let ruler = null;

function textWidth(text, font) {
  ruler ??= document.createElement("canvas").getContext("2d");
  ruler.font = `600 11.5px ${font}`;
  return ruler.measureText(text).width;
}

function drawToggles(picker) {
  const { picks, legend } = picker.el;
  const { styles } = picker.shape.theme;
  picks.replaceChildren(...toggles("Picks", picker.picks, picker.hidden, (pick) => ({
    text: pick.label,
    title: `${pick.label}: ${format(pick.rmin)} to ${format(pick.rmax)}. Click to hide or show its mark.`,
    picture: swatch(styles[pick.name][picker.mode], styles[pick.name].dashes),
    redraw: () => placeMarks(picker),
  })));
  const { curves } = picker.shape;
  legend.replaceChildren(...toggles("Least cost", curves, picker.hiddenCurves, (curve) => ({
    text: `${curve.label} ${format(curve.best)}`,
    title: `${curve.label} costs least at the threshold ${format(curve.best)}. Click to hide or show the curve.`,
    picture: swatch(styles[curve.name][picker.mode], styles[curve.name].dashes, curve.symbol),
    redraw: () => picker.draw(),
  })));
}

/** A caption and a toggle for each item; `hidden` holds the names that are off. */
function toggles(text, items, hidden, describe) {
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
    button.setAttribute("aria-pressed", String(!hidden.has(item.name)));
    button.onclick = () => {
      if (!hidden.delete(item.name)) hidden.add(item.name);
      button.setAttribute("aria-pressed", String(!hidden.has(item.name)));
      redraw();
    };
    return button;
  })];
}

/** A line for each pick and its label above; picks that coincide share both. */
function placeMarks(picker) {
  const groups = [];
  for (const pick of picker.picks.filter(({ name }) => !picker.hidden.has(name))) {
    for (const end of [0, 1]) {
      const value = end ? pick.rmax : pick.rmin;
      const at = picker.x(value);
      if (value === 0 || at < -1 || at > picker.plotWidth + 1) continue;
      const same = groups.find((group) => group.end === end && Math.abs(group.at - at) < 2);
      if (same) same.picks.push(pick);
      else groups.push({ at, end, picks: [pick], lane: 0 });
    }
  }
  groups.sort((a, b) => a.at - b.at);
  const labels = labelled(picker, groups);
  picker.el.labels.replaceChildren(...labels);
  picker.el.marks.innerHTML = groups.map(({ at, picks, lane }) => {
    const style = picker.shape.theme.styles[picks[0].name];
    return `<line x1="${at}" x2="${at}" y1="${-3 - lane * LANE_PX}" y2="100%" stroke-width="1.4"
      stroke="${style[picker.mode]}" stroke-dasharray="${style.dashes}"/>`;
  }).join("");
}

/** Labels on the lowest lane with room, over their line or beside it; else the nearest says "+1". */
function labelled(picker, groups) {
  const placed = [];
  for (const group of groups) {
    const names = [...new Set(group.picks.map(({ label }) => label))];
    group.text = names.length > 2 ? `${names[0]} +${names.length - 1}` : names.join(" · ");
    if (fits(picker, group, placed)) placed.push(group);
    else if (placed.length) {
      const nearest = placed.reduce((a, b) =>
        (Math.abs(a.at - group.at) <= Math.abs(b.at - group.at) ? a : b));
      nearest.others = [...(nearest.others ?? []), ...group.picks];
      group.lane = 0;
    }
  }
  return placed.map(({ picks, others = [], text, centre, lane }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.tabIndex = -1;
    button.textContent = others.length ? `${text} +${others.length}` : text;
    const lines = [...picks, ...others].map((p) => `${p.label}: ${format(p.rmin)} to ${format(p.rmax)}`);
    button.title = `${lines.join("\n")}\nClick to use ${picks[0].label}.`;
    const color = picker.shape.theme.styles[picks[0].name][picker.mode];
    Object.assign(button.style, { left: `${centre}px`, bottom: `${lane * LANE_PX}px`, color });
    button.onclick = () => picker.commit({ range: null, pick: picks[0].name });
    return button;
  });
}

function fits(picker, group, placed) {
  const width = textWidth(group.text, picker.font) + 8;
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
