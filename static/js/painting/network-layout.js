/** Where the network's units and edges lie on a plane of given size: numbers in, numbers out. */

/** @typedef {import('../types/painting').Node} Node */
/** @typedef {import('../types/painting').Edge} Edge */

/**
 * @typedef {object} Layout
 * @property {Node[]} nodes layer by layer
 * @property {Edge[]} edges
 * @property {number} width
 * @property {number} height
 * @property {number[]} columns x of each layer
 * @property {boolean} labelled whether there is room for names under the units
 * @property {boolean} valued whether there is room for values on the edges
 * @property {boolean} inputsBelow whether the inputs' names stand below them; else to their left
 * @property {number} pitch distance between columns
 * @property {number} text how much larger text is than usual
 */

/** Below this a unit is too small to see or to touch. */
export const MIN_UNIT_PITCH = 26;
export const MIN_COLUMN_PITCH = 74;
/** A unit smaller than this has finer lines. */
export const TINY_UNIT = 34;

/** What a unit's name needs below it, at ease and at the least; and the unit that is worth a name. */
const LABEL = 38;
const LEAST_LABEL = 31;
const NAMED_UNIT = 30;
/** What a bias on the corner of the lowest unit needs below it, where no name does. */
const FOOT = 5;
/** Inputs whose names take little room. */
const SHORT_NAMES = ['x1', 'x2'];
/** The room that an input's name takes: below, and to its left if it is short (x₁) or long (sin x₁). */
const INPUT_LABEL = { below: 20, short: 26, long: 52 };
/** Closer than this there is no room below an input for its name. */
const INPUT_PITCH = 46;
/** A bias is drawn on the lower left corner of its unit; so near to it a click is for it. */
const BIAS_REACH = 10;

/** @param {number} value @param {number} low @param {number} high */
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/**
 * @param {number[]} sizes units of each layer, inputs and output included
 * @param {number} width
 * @param {number} height
 * @param {readonly string[]} features the names of the inputs
 * @param {number} [text] how much larger text is than usual
 * @returns {Layout}
 */
export function layoutNetwork(sizes, width, height, features, text = 1) {
  const long = features.some((name) => !SHORT_NAMES.includes(name));
  const last = sizes.length - 1;
  const narrow = width < 480;
  const margin = last === 1 ? 0.24 : narrow ? 0.125 : 0.105;
  const inputSlot = height / sizes[0];
  const inputsBelow = long && narrow && inputSlot >= INPUT_PITCH * text;
  const below = INPUT_LABEL.below * text;
  const inputSide = clamp(
    Math.min(narrow ? 42 : 56, inputSlot - (inputsBelow ? below + 4 : 6)),
    Math.min(16, inputSlot - 2),
    56,
  );
  const label = inputsBelow ? 4 : (long ? INPUT_LABEL.long : INPUT_LABEL.short) * text;
  const left = Math.max(width * margin, inputSide / 2 + label);
  const columns = sizes.map((_, layer) => Math.round(left + ((width * (1 - margin - 0.01) - left) * layer) / last));
  const pitch = (columns[last] - columns[0]) / last;
  const tallest = Math.max(...sizes.slice(1, -1), 2);
  const labelled = height / tallest >= NAMED_UNIT + LEAST_LABEL * text;
  const foot = labelled ? 0 : FOOT;
  const slot = (height - foot) / tallest;

  const widest = pitch * 0.52;
  const hidden = clamp(
    Math.min(slot - (labelled ? clamp(slot - NAMED_UNIT, LEAST_LABEL * text, LABEL * text) : 5), widest),
    Math.min(20, slot - 2),
    narrow ? 46 : 72,
  );
  const side = [
    Math.max(16, Math.min(inputSide, widest)),
    ...sizes.slice(1, -1).map(() => hidden),
    Math.min(narrow ? 62 : 96, Math.max(widest, hidden), height * 0.4),
  ];
  /** @param {number} layer */
  const step = (layer) => {
    if (layer === 0) return Math.min(height / 2.6, hidden + 80, inputSlot);
    return layer === last ? 0 : Math.min((height - foot) / sizes[layer], 150);
  };
  const lift = labelled ? 12 * text : foot / 2;

  /** @type {Node[][]} */
  const layers = sizes.map((units, layer) =>
    Array.from({ length: units }, (_, unit) => ({
      layer,
      unit,
      x: columns[layer],
      y: Math.round(
        height / 2 +
          (unit - (units - 1) / 2) * step(layer) -
          (layer === 0 ? (inputsBelow ? below / 2 : 0) : layer < last ? lift : 0),
      ),
      size: side[layer],
    })),
  );

  /** @type {Edge[]} */
  const edges = [];
  for (let layer = 1; layer <= last; layer++) {
    const inputs = layers[layer - 1];
    const spread = Math.min(layer === last ? 14 : 10, (side[layer] / inputs.length) * 0.7);
    for (const from of inputs) {
      for (const to of layers[layer]) {
        const x0 = from.x + from.size / 2 + 2;
        const x1 = to.x - to.size / 2 - 2;
        const y1 = to.y + (from.unit - (inputs.length - 1) / 2) * spread;
        const bend = (x1 - x0) / 2;
        const points = [x0, from.y, x0 + bend, from.y, x1 - bend, y1, x1, y1];
        const [a, b, c, d, e, f, g, h] = points.map((v) => Math.round(v * 10) / 10);
        edges.push({ layer, from: from.unit, to: to.unit, path: `M${a} ${b}C${c} ${d} ${e} ${f} ${g} ${h}`, points });
      }
    }
  }
  return {
    nodes: layers.flat(),
    edges,
    width,
    height,
    columns,
    labelled,
    valued: pitch - hidden >= 92,
    inputsBelow,
    pitch,
    text,
  };
}

/** The point of an edge at t from 0 to 1. @param {Edge} edge @param {number} t @returns {[number, number]} */
export function along({ points: [x0, y0, x1, y1, x2, y2, x3, y3] }, t) {
  const u = 1 - t;
  const weights = [u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t];
  return [
    weights[0] * x0 + weights[1] * x1 + weights[2] * x2 + weights[3] * x3,
    weights[0] * y0 + weights[1] * y1 + weights[2] * y2 + weights[3] * y3,
  ];
}

/** Steps at which an edge is looked at to find how near a place is to it. */
const STEPS = 24;

/**
 * The bias or the edge at a place, if one is within reach: biases first, they lie on top.
 *
 * @param {Layout} layout
 * @param {number} x
 * @param {number} y
 * @param {number} reach
 * @returns {{layer: number, unit: number, input: number | null, x: number, y: number} | null} what is there, and where
 *   on it
 */
export function parameterAt({ nodes, edges }, x, y, reach) {
  for (const { layer, unit, x: middle, y: centre, size } of nodes) {
    if (layer === 0) continue;
    const corner = { x: middle - size / 2, y: centre + size / 2 };
    if (Math.hypot(corner.x - x, corner.y - y) <= Math.min(reach, BIAS_REACH, size * 0.24))
      return { layer, unit, input: null, ...corner };
  }
  let best = null;
  let nearest = reach;
  for (const edge of edges) {
    const { points } = edge;
    if (
      x < points[0] - reach ||
      x > points[6] + reach ||
      y < Math.min(points[1], points[7]) - reach ||
      y > Math.max(points[1], points[7]) + reach
    )
      continue;
    let [x0, y0] = points;
    for (let step = 1; step <= STEPS; step++) {
      const [x1, y1] = along(edge, step / STEPS);
      const t = clamp(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2), 0, 1);
      const near = { x: x0 + t * (x1 - x0), y: y0 + t * (y1 - y0) };
      const distance = Math.hypot(near.x - x, near.y - y);
      if (distance < nearest) {
        nearest = distance;
        best = { layer: edge.layer, unit: edge.to, input: edge.from, ...near };
      }
      [x0, y0] = [x1, y1];
    }
  }
  return best;
}
