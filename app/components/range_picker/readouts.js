// The numbers of the range in use, as texts.

const SECOND_LINES = new Set(["clipped", "clippingShare", "roundingShare", "sqnrChange", "zeroPoint", "codesFrom"]);

/** Write what a range costs, and its ends. */
function writeNumbers(picker, params) {
  const { read, inputs } = picker.el;
  const { qmin, qmax } = picker.shape.spec;
  const error = picker.distribution.error(params, picker.shape.spec);
  const noise = error.clipping + error.rounding;
  const share = (part) => (noise > 0 ? `${((100 * part) / noise).toFixed(0)}% of the error` : "no error");
  const [first, last] = error.codes;
  const change = error.sqnr - picker.baseline;
  const texts = {
    clipRate: formatShare(error.clipRate),
    clipped: `${formatCount(error.clipped)} of ${formatCount(picker.shape.histogram.count)}`,
    clipping: format(error.clipping > 1e-9 * noise ? error.clipping : 0, 3),
    clippingShare: share(error.clipping),
    rounding: format(error.rounding, 3),
    roundingShare: share(error.rounding),
    sqnr: formatDecibels(error.sqnr) + (Number.isFinite(error.sqnr) ? " dB" : ""),
    sqnrChange: Math.abs(change) < 0.005 || !Number.isFinite(change)
      ? "as calibrated"
      : `${change > 0 ? "+" : "−"}${Math.abs(change).toFixed(2)} dB to calibrated`,
    step: format(params.scale),
    zeroPoint: `zero point ${String(params.zeroPoint).replace("-", "−")}`,
    codes: `${last - first + 1} of ${qmax - qmin + 1}`,
    codesFrom: `${first} to ${last}`.replaceAll("-", "−"),
  };
  for (const [name, text] of Object.entries(texts)) {
    if (read[name].textContent !== text) {
      read[name].textContent = text;
      read[name].title = text;
    }
  }
  inputs.forEach((input, end) => {
    input.disabled = !picker.free[end];
    const text = format(picker.valueOf(end), 5);
    if (document.activeElement !== input || !input.dataset.dirty) input.value = text;
  });
}

/** A tensor without codes has none of the numbers. */
function writeNothing(picker) {
  for (const [name, cell] of Object.entries(picker.el.read)) {
    cell.textContent = SECOND_LINES.has(name) ? "" : "–";
    cell.title = "";
  }
  for (const input of picker.el.inputs) {
    input.disabled = true;
    input.value = "";
  }
}

/** The tensor's name, with its middle left out where there is no room. */
function writeName({ el: { name, subtitle }, shape, font }) {
  const beside = subtitle.scrollWidth ? subtitle.scrollWidth + 10 : 0;
  const room = name.parentElement.clientWidth - beside;
  name.textContent = room > 0 ? fitted(shape.title, `600 15px ${font}`, room) : shape.title;
}
