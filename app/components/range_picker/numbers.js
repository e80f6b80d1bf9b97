// The numbers of a range, computed in the browser exactly as quant/numerics.py and
// analysis/clipping.py compute them, so that what a drag shows is what a commit gives.

const SPIKE = 1e-5;
const PRECISION = 2 ** -22;
const LEAST_SCALE = 2 ** -126;
const LARGEST = 3.4028234663852886e38;

function roundHalfEven(x) {
  const rounded = Math.round(x);
  return Math.abs(x % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** Scale, zero point and representable range for [rmin, rmax]. */
function paramsOf(range, spec) {
  const low = Math.min(range[0], 0);
  const high = Math.max(range[1], 0);
  const { qmin, qmax, symmetric, signed } = spec;
  const fixed = signed ? 0 : low < 0 ? (qmax + 1) / 2 : qmin;
  const width = symmetric ? Math.max(-low, high) : high - low;
  const steps = symmetric ? qmax - fixed : qmax - qmin;
  let scale = Math.fround(Math.max(width / steps, LEAST_SCALE));
  const zeroPoint = symmetric
    ? fixed
    : roundHalfEven(Math.min(Math.max(qmin - low / scale, qmin), qmax));
  scale = Math.min(scale, Math.fround(LARGEST / Math.max(zeroPoint - qmin, qmax - zeroPoint)));
  if (!(width > 0)) scale = 1;
  return {
    scale,
    zeroPoint,
    rmin: scale * (qmin - zeroPoint),
    rmax: scale * (qmax - zeroPoint),
  };
}

/** One side of zero: bins that are in use, with their edges; the outer ones end where values do. */
function sideOf(counts, width, nearest, largest) {
  const first = Math.floor(nearest / width);
  const last = Math.min(Math.floor(largest / width), counts.length - 1);
  const used = counts.slice(first, last + 1);
  if (!used.some((count) => count > 0)) return null;
  const edges = Float64Array.from({ length: used.length + 1 }, (_, i) => (first + i) * width);
  const end = used.length;
  edges[end] = largest;
  edges[end - 1] = Math.min(edges[end - 1], largest - SPIKE * width);
  edges[0] = Math.min(Math.max(edges[0], nearest), edges[1] - SPIKE * width);
  return { density: used.map((count, i) => count / (edges[i + 1] - edges[i])), edges, width };
}

/** Values clipped, summed squared clipping and summed squared rounding error of one side. */
function sideError(side, scale, steps) {
  const result = { clipped: 0, clipping: 0, rounding: 0 };
  if (!side) return result;
  const { density, edges } = side;
  const limit = steps * (1 + PRECISION);
  let rounded = 0;
  for (let i = 0; i <= density.length; i += 1) {
    const edge = edges[i] / scale;
    const inside = Math.min(edge, steps);
    const code = Math.round(inside);
    const off = inside - code;
    const sum = code + 4 * off * off * off;
    if (i > 0) {
      const d = density[i - 1];
      result.rounding += d * (sum - rounded);
      if (edge > steps) {
        const before = Math.max(edges[i - 1] / scale - steps, 0);
        result.clipping += d * ((edge - steps) ** 3 - before ** 3);
        const start = Math.max(edges[i - 1] / scale - limit, 0);
        result.clipped += d * (Math.max(edge - limit, 0) - start);
      }
    }
    rounded = sum;
  }
  result.rounding *= scale ** 3 / 12;
  result.clipping *= scale ** 3 / 3;
  result.clipped *= scale;
  return result;
}

/** The distribution made ready for errors, bins and searching. */
class Distribution {
  constructor(data) {
    Object.assign(this, data);
    this.negative = decode(data.negative);
    this.positive = Float64Array.from(decode(data.positive));
    if (this.positive.length) this.positive[0] -= data.zeros;
    const oneSided = data.max < 0 || data.min > 0;
    const nearest = oneSided ? Math.min(Math.abs(data.min), Math.abs(data.max)) : 0;
    this.low = Math.min(data.min, 0);
    this.high = Math.max(data.max, 0);
    this.below = sideOf(Float64Array.from(this.negative), data.negativeWidth, nearest, -this.low);
    this.above = sideOf(this.positive, data.positiveWidth, nearest, this.high);
    this.totals = [this.below, this.above].map(runningTotal);
  }

  /** The error of quantizing with these parameters. */
  error(params, spec) {
    const below = sideError(this.below, params.scale, params.zeroPoint - spec.qmin);
    const above = sideError(this.above, params.scale, spec.qmax - params.zeroPoint);
    const count = Math.max(this.count, 1);
    const clipping = (below.clipping + above.clipping) / count;
    const rounding = (below.rounding + above.rounding) / count;
    const noise = clipping + rounding;
    const code = (x) => Math.min(Math.max(
      roundHalfEven(x / params.scale) + params.zeroPoint, spec.qmin), spec.qmax);
    return {
      clipped: below.clipped + above.clipped,
      clipRate: (below.clipped + above.clipped) / count,
      clipping,
      rounding,
      sqnr: noise > 0 ? 10 * Math.log10(this.signalPower / noise) : Infinity,
      codes: [code(this.min), code(this.max)],
    };
  }

  /** Values between -infinity and x, exact zeros left out. */
  upTo(x) {
    const [below, above] = this.totals;
    return x < 0 ? below.all - within(this.below, below, -x) : below.all + within(this.above, above, x);
  }

  /** Counts on equal bins over [low, high]. */
  bins(low, high, number) {
    const counts = new Float32Array(number);
    const width = (high - low) / number;
    let before = this.upTo(low);
    for (let i = 0; i < number; i += 1) {
      const after = this.upTo(low + width * (i + 1));
      counts[i] = Math.max(after - before, 0);
      before = after;
    }
    return counts;
  }
}

function runningTotal(side) {
  if (!side) return { all: 0, sums: null };
  const sums = new Float64Array(side.density.length + 1);
  side.density.forEach((d, i) => {
    sums[i + 1] = sums[i] + d * (side.edges[i + 1] - side.edges[i]);
  });
  return { all: sums[sums.length - 1], sums };
}

/** Values of a side with magnitude up to x. */
function within(side, { all, sums }, x) {
  if (!side || x <= side.edges[0]) return 0;
  const { edges, density, width } = side;
  if (x >= edges[edges.length - 1]) return all;
  let i = Math.min(Math.floor((x - edges[0]) / width), density.length - 1);
  while (edges[i + 1] <= x) i += 1;
  while (edges[i] > x) i -= 1;
  return sums[i] + density[i] * (x - edges[i]);
}

const TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f8: Float64Array };

/** An array written as {dtype, bdata} with base64 in it. */
function decode({ dtype, bdata }) {
  const text = atob(bdata);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return new TYPES[dtype](bytes.buffer);
}

/** The part of a range within the domain; the whole domain for none, or for a sliver. */
function clamped(range, domain) {
  if (!range) return [...domain];
  const view = [Math.max(range[0], domain[0]), Math.min(range[1], domain[1])];
  return view[1] - view[0] > (domain[1] - domain[0]) * 1e-6 ? view : [...domain];
}
