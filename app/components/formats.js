// Numbers as every component writes and reads them.

const SUPERSCRIPTS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** A number with so many significant digits, a real minus sign, and powers of ten where needed. */
function format(x, digits = 4) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "–" : x > 0 ? "∞" : "−∞";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e-4 && size < 1e6) {
    const places = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
    const text = size.toFixed(Math.min(places, 12));
    return (x < 0 ? "−" : "") + text;
  }
  const [mantissa, power] = size.toExponential(digits - 1).split("e");
  const raised = [...String(Number(power))].map((c) => SUPERSCRIPTS[c]).join("");
  return `${x < 0 ? "−" : ""}${mantissa}×10${raised}`;
}

/** A ratio in dB without its unit, with the words of quant.error_model.sqnr for its limits. */
function formatDecibels(x) {
  if (Number.isFinite(x)) return x.toFixed(2).replace("-", "−");
  return Number.isNaN(x) ? "unknown" : x > 0 ? "equal" : "no signal";
}

/** A count: exact below ten thousand, else with an SI prefix. */
function formatCount(x) {
  const size = Math.round(x);
  if (size < 10000) return String(size).replace(/\B(?=(\d{3})+$)/g, "\u2009");
  const step = Math.min(Math.floor(Math.log10(size) / 3), 4);
  return `${(size / 1000 ** step).toPrecision(3)}\u2009${["", "k", "M", "G", "T"][step]}`;
}

/** A share as a percentage. */
function formatShare(x) {
  if (!Number.isFinite(x)) return "–";
  const percent = 100 * x;
  if (percent <= 0) return "0%";
  if (percent < 0.0001) return "<0.0001%";
  return `${percent >= 99.995 ? "100" : percent.toPrecision(percent < 1 ? 2 : 3)}%`;
}

/** A number as a person types it: either minus sign, comma or point, 1e-3 or 1×10⁻³. */
function parseNumber(text) {
  const raised = Object.fromEntries(Object.entries(SUPERSCRIPTS).map(([k, v]) => [v, k]));
  const plain = text
    .trim()
    .replace(/[×x*]\s*10\^?([⁻⁰¹²³⁴⁵⁶⁷⁸⁹+-]?[⁰¹²³⁴⁵⁶⁷⁸⁹\d]*)$/, "e$1")
    .replace(/[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]/g, (c) => raised[c])
    .replace(/−/g, "-")
    .replace(/[\s\u2009]/g, "")
    .replace(",", ".");
  return plain === "" ? NaN : Number(plain);
}
