// Colours of numbers: cividis (J. Nuñez, C. Anderton, R. Renslow, 2018), which reads the same with
// any colour vision. What is worst is farthest from the ground: dark on light, light on dark.

const CIVIDIS = [
  [0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115],
  [138, 134, 120], [165, 156, 116], [195, 179, 105], [254, 232, 56],
];

/** The colour of a place on the scale, 0 (best) to 1 (worst), as [r, g, b]. */
function rampColour(place, mode) {
  const at = Math.min(Math.max(mode === "dark" ? place : 1 - place, 0), 1) * (CIVIDIS.length - 1);
  const low = Math.min(Math.floor(at), CIVIDIS.length - 2);
  return CIVIDIS[low].map((c, i) => Math.round(c + (CIVIDIS[low + 1][i] - c) * (at - low)));
}

function cssColour(rgb) {
  return `rgb(${rgb.join(",")})`;
}

/** Dark or light text, whichever contrasts more with the colour behind it (WCAG luminance). */
function inkOn(rgb) {
  const [r, g, b] = rgb.map((c) => (c <= 10 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#0b1118" : "#ffffff";
}

function rampCss(mode) {
  const stops = Array.from({ length: 9 }, (_, i) => `${cssColour(rampColour(i / 8, mode))} ${i * 12.5}%`);
  return `linear-gradient(90deg, ${stops.join(", ")})`;
}

/** Whether the ground of the page is light or dark. */
function groundMode(element) {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = getComputedStyle(element).getPropertyValue("--st-background-color").trim() || "#fff";
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(probe.fillStyle.slice(i, i + 2), 16));
  return 0.299 * r + 0.587 * g + 0.114 * b < 128 ? "dark" : "light";
}
