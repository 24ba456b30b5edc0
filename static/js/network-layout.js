/** Where the network's units and edges lie on a plane of given size: numbers in, numbers out. */

/**
 * @typedef {object} Node
 * @property {number} layer 0 is the input
 * @property {number} unit
 * @property {number} x centre
 * @property {number} y centre
 * @property {number} size side of its square
 */

/**
 * @typedef {object} Edge
 * @property {number} layer of its end
 * @property {number} from unit
 * @property {number} to unit
 * @property {string} path
 * @property {number[]} points the Bézier's four, x and y in turn
 */

/**
 * @typedef {object} Layout
 * @property {Node[]} nodes layer by layer
 * @property {Edge[]} edges
 * @property {number[]} columns x of each layer
 * @property {boolean} labelled whether there is room for names under the units
 * @property {boolean} valued whether there is room for values on the edges
 * @property {number} pitch distance between columns
 */

/** Below this a unit is too small to see or to touch. */
export const MIN_UNIT_PITCH = 26;
export const MIN_COLUMN_PITCH = 74;

const LABEL = 38;

/** @param {number} value @param {number} low @param {number} high */
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/**
 * @param {number[]} sizes units of each layer, inputs and output included
 * @param {number} width
 * @param {number} height
 * @returns {Layout}
 */
export function layoutNetwork(sizes, width, height) {
  const last = sizes.length - 1;
  const narrow = width < 480;
  const margin = last === 1 ? 0.24 : narrow ? 0.125 : 0.105;
  const columns = sizes.map((_, layer) => Math.round(width * (margin + ((1 - 2 * margin - 0.01) * layer) / last)));
  const pitch = (columns[last] - columns[0]) / last;
  const tallest = Math.max(...sizes.slice(1, -1), 2);
  const slot = height / tallest;
  const labelled = slot >= 68;

  const widest = pitch * 0.52;
  const hidden = clamp(Math.min(slot - (labelled ? LABEL : 5), widest), 20, narrow ? 46 : 72);
  const side = [
    Math.min(narrow ? 42 : 56, widest),
    ...sizes.slice(1, -1).map(() => hidden),
    Math.min(narrow ? 62 : 96, Math.max(widest, hidden), height * 0.4),
  ];
  /** @param {number} layer */
  const step = (layer) => {
    if (layer === 0) return Math.min(height / 2.6, hidden + 80, height / sizes[0]);
    return layer === last ? 0 : Math.min(height / sizes[layer], 150);
  };
  const lift = labelled ? 12 : 0;

  /** @type {Node[][]} */
  const layers = sizes.map((units, layer) =>
    Array.from({ length: units }, (_, unit) => ({
      layer,
      unit,
      x: columns[layer],
      y: Math.round(height / 2 + (unit - (units - 1) / 2) * step(layer) - (layer > 0 && layer < last ? lift : 0)),
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
  return { nodes: layers.flat(), edges, columns, labelled, valued: pitch - hidden >= 92, pitch };
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
