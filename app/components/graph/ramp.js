// Colours of numbers: from near the ground to red, which is bad in both modes. The lightness only
// ever goes one way, so that the order reads with any colour vision, and in grey.

const RAMPS = {
  light: [[235, 240, 245], [253, 224, 190], [252, 176, 120], [239, 110, 75], [203, 45, 40], [120, 5, 20]],
  dark: [[38, 50, 64], [80, 56, 60], [130, 62, 58], [186, 74, 60], [236, 108, 84], [255, 178, 158]],
};

/** The colour of a place on the scale, 0 (best) to 1 (worst), as [r, g, b]. */
function rampColour(place, mode) {
  const ramp = RAMPS[mode];
  const at = Math.min(Math.max(place, 0), 1) * (ramp.length - 1);
  const low = Math.min(Math.floor(at), ramp.length - 2);
  return ramp[low].map((c, i) => Math.round(c + (ramp[low + 1][i] - c) * (at - low)));
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
