/**
 * The line on which a grid of bytes takes a value: marching squares, joined into long strokes. Where it crosses the
 * edges of the grid the server says; where it does not, the bytes are interpolated.
 */

/** @typedef {import('../types/protocol').Boundary} Boundary */

/** With fewer steps than this between the lowest and the highest byte, a line through them is a staircase. */
const FEW_STEPS = 24;
const BLUR = 4;

/** Places of an edge of the plane, and of a unit's map, at which a line may cross it. */
const STEPS = 32;
const MAP_STEPS = 8;

/** @typedef {Pick<Boundary, 'values' | 'width' | 'height' | 'shares'>} Samples */
/** @typedef {import('../types/protocol').UnitMaps} UnitMaps */
/** @typedef {NonNullable<import('../types/protocol').Lines['unit']>} UnitLine */
/** @type {WeakMap<Samples, string>} */
const known = new WeakMap();

/** Where ŷ is one half. @param {Samples} boundary */
export function boundaryLine(boundary) {
  let path = known.get(boundary);
  if (path === undefined) {
    const { values, width, height, shares } = boundary;
    path = shares
      ? contour(values, width, height, 127.5, placesOf(values, width, height, 127.5, shares, STEPS))
      : contour(hasFewSteps(values) ? blurred(values, width, height) : values, width, height, 127.5);
    known.set(boundary, path);
  }
  return path;
}

/** Where z of a unit is zero, as finely as the plane is drawn. @param {UnitLine} line */
export const unitLine = ({ values, width, height, shares }) =>
  contour(values, width, height, 0.5, placesOf(values, width, height, 0.5, shares, STEPS));

/** @type {WeakMap<UnitMaps, Float32Array>} */
const mapPlaces = new WeakMap();

/** Where z of a unit is zero on its map. @param {UnitMaps} maps @param {number} unit @param {number} level */
export function mapLine(maps, unit, level) {
  const { values, width, height, shares } = maps;
  const size = width * height;
  const map = values.subarray(unit * size, (unit + 1) * size);
  if (!shares) return contour(map, width, height, level);
  const places = mapPlaces.get(maps) ?? placesOf(values, width, height, level, shares, MAP_STEPS);
  mapPlaces.set(maps, places);
  return contour(map, width, height, level, places.subarray(2 * unit * size, 2 * (unit + 1) * size));
}

/**
 * Where lines cross the edges of pictures, as the server says it: in steps from where the bytes alone would have them,
 * first of all edges to the right, then of those upwards.
 *
 * @param {Uint8Array} values of any number of pictures
 * @param {number} width
 * @param {number} height
 * @param {number} level
 * @param {Uint8Array} shares
 * @param {number} steps
 * @returns {Float32Array} at 2·sample that of the edge to the right, from 0 to 1, and behind it that of the one upwards
 */
function placesOf(values, width, height, level, shares, steps) {
  const places = new Float32Array(2 * values.length);
  const size = width * height;
  let at = 0;
  /** @param {number} sample @param {number} next @param {number} edge */
  const look = (sample, next, edge) => {
    const [from, to] = [values[sample], values[next]];
    if (from > level === to > level) return;
    const guess = Math.floor((steps * (level - from)) / (to - from));
    places[2 * sample + edge] = (((guess + shares[at++]) % steps) + 0.5) / steps;
  };
  for (let start = 0; start < values.length; start += width)
    for (let sample = start; sample < start + width - 1; sample++) look(sample, sample + 1, 0);
  for (let start = 0; start < values.length; start += size)
    for (let sample = start; sample < start + size - width; sample++) look(sample, sample + width, 1);
  return places;
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
 * @param {Float32Array} [places] as `placesOf` has them; else between bytes
 */
export function contour(values, width, height, level, places) {
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
    const t = places ? places[edge] : (level - from) / (to - from);
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
