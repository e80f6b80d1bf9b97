"use strict";

// Figures come in two versions, for a light and a dark ground.
const figures = JSON.parse(document.getElementById("figures").textContent);
const places = [...document.querySelectorAll("[data-figure]")];
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const config = { displaylogo: false, responsive: true, plotlyServerURL: "" };

function draw() {
  for (const place of places) {
    const { data, layout } = figures[place.dataset.figure][dark.matches ? "dark" : "light"];
    Plotly.react(place, data, layout, config);
  }
}

// A press on a heading sorts by its column, another one the other way round; what is not known
// stays at the end.
function sort(table, heading) {
  const column = heading.cellIndex;
  const down = heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const text = heading.classList.contains("text");
  const value = (row) => row.cells[column].dataset.value ?? "";
  const compare = text
    ? (a, b) => value(a).localeCompare(value(b))
    : (a, b) => Number(value(a)) - Number(value(b));
  const rows = [...table.tBodies[0].rows];
  const known = rows.filter((row) => value(row) !== "");
  known.sort((a, b) => (down ? compare(b, a) : compare(a, b)));
  table.tBodies[0].append(...known, ...rows.filter((row) => value(row) === ""));
}

for (const table of document.querySelectorAll("table.sortable")) {
  table.tHead.addEventListener("click", (event) => {
    const heading = event.target.closest("th");
    if (heading) sort(table, heading);
  });
}

dark.addEventListener("change", draw);
draw();
