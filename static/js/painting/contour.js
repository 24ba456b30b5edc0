/**
 * The line on which a grid of bytes takes a value: marching squares with linear interpolation, joined into long
 * strokes.
 */

/** @typedef {import('../types/protocol').Boundary} Boundary */

/** With fewer steps than this between the lowest and the highest byte, a line through them is a staircase. */
const FEW_STEPS = 24;
const BLUR = 4;

/** @typedef {Pick<Boundary, 'values' | 'width' | 'height'>} Samples */
/** @type {WeakMap<Samples, string>} */
const known = new WeakMap();

/** Where ŷ is one half. @param {Samples} boundary */
export function boundaryLine(boundary) {
  let path = known.get(boundary);
  if (path === undefined) {
    const { values, width, height } = boundary;
    path = contour(hasFewSteps(values) ? blurred(values, width, height) : values, width, height, 127.5);
    known.set(boundary, path);
  }
  return path;
}

/** @param {Uint8Array} values */
function hasFewSteps(values) {
  let low = 255;
  let high = 0;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return high - low < FEW_STEPS;
}

/**
 * The mean over a square around each sample: what the steps were rounded from, nearly.
 *
 * @param {Uint8Array} values
 * @param {number} width
 * @param {number} height
 */
function blurred(values, width, height) {
  const rows = new Float32Array(values.length);
  const out = new Float32Array(values.length);
  along(values, rows, width, height, 1, width);
  along(rows, out, height, width, width, 1);
  return out;
}

/**
 * @param {ArrayLike<number>} from
 * @param {Float32Array} to
 * @param {number} length
 * @param {number} lines
 * @param {number} stride
 * @param {number} next from line to line
 */
function along(from, to, length, lines, stride, next) {
  for (let line = 0; line < lines; line++) {
    for (let k = 0; k < length; k++) {
      // Fewer at the border, the same number on both sides, so that a slope stays where it is.
      const reach = Math.min(BLUR, k, length - 1 - k);
      let sum = 0;
      for (let offset = -reach; offset <= reach; offset++) sum += from[line * next + (k + offset) * stride];
      to[line * next + k * stride] = sum / (2 * reach + 1);
    }
  }
}

/**
 * The path, in an SVG's notation, of `values = level`. The grid spans 0…100 in both directions, row 0 at the bottom
 * (100), its outermost samples on the border.
 *
 * @param {ArrayLike<number>} values height × width
 * @param {number} width
 * @param {number} height
 * @param {number} level between two bytes (127.5, say), so that no sample lies on the line
 */
export function contour(values, width, height, level) {
  // Each crossing of a grid edge is a point, known by its edge: 2·cell for the edge to the right, 2·cell + 1 for the
  // one upwards.
  /** @type {Map<number, number[]>} */
  const neighbours = new Map();
  /** @param {number} a @param {number} b */
  const join = (a, b) => {
    const ofA = neighbours.get(a);
    if (ofA) ofA.push(b);
    else neighbours.set(a, [b]);
    const ofB = neighbours.get(b);
    if (ofB) ofB.push(a);
    else neighbours.set(b, [a]);
  };
  for (let row = 0; row < height - 1; row++) {
    for (let column = 0; column < width - 1; column++) {
      const cell = row * width + column;
      const lowerLeft = values[cell] > level;
      const lowerRight = values[cell + 1] > level;
      const upperLeft = values[cell + width] > level;
      const upperRight = values[cell + width + 1] > level;
      if (lowerLeft === lowerRight && lowerLeft === upperLeft && lowerLeft === upperRight) continue;
      const bottom = 2 * cell;
      const left = 2 * cell + 1;
      const top = 2 * (cell + width);
      const right = 2 * (cell + 1) + 1;
      if (lowerLeft === upperRight && lowerRight === upperLeft) {
        // A saddle: the mean decides which corners belong together.
        const mean = (values[cell] + values[cell + 1] + values[cell + width] + values[cell + width + 1]) / 4;
        if (mean > level === lowerLeft) {
          join(left, top);
          join(bottom, right);
        } else {
          join(left, bottom);
          join(top, right);
        }
        continue;
      }
      const crossed = [];
      if (lowerLeft !== lowerRight) crossed.push(bottom);
      if (lowerLeft !== upperLeft) crossed.push(left);
      if (upperLeft !== upperRight) crossed.push(top);
      if (lowerRight !== upperRight) crossed.push(right);
      join(crossed[0], crossed[1]);
    }
  }

  /** @param {number} edge */
  const point = (edge) => {
    const cell = edge >> 1;
    const column = cell % width;
    const row = (cell - column) / width;
    const from = values[cell];
    const to = values[edge & 1 ? cell + width : cell + 1];
    const t = (level - from) / (to - from);
    const x = ((edge & 1 ? column : column + t) / (width - 1)) * 100;
    const y = 100 - ((edge & 1 ? row + t : row) / (height - 1)) * 100;
    return `${Math.round(x * 100) / 100} ${Math.round(y * 100) / 100}`;
  };

  let path = '';
  /** Follows a line from one crossing to its end, and forgets it. @param {number} start */
  const follow = (start) => {
    path += `M${point(start)}`;
    for (let here = start; ; ) {
      const next = neighbours.get(here)?.pop();
      if (next === undefined) break;
      const back = /** @type {number[]} */ (neighbours.get(next));
      back.splice(back.indexOf(here), 1);
      path += next === start ? 'Z' : `L${point(next)}`;
      here = next;
    }
  };
  for (const [start, ends] of neighbours) if (ends.length === 1) follow(start); // lines from border to border
  for (const [start, ends] of neighbours) if (ends.length > 0) follow(start); // closed ones
  return path;
}
