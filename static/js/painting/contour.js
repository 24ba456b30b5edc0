/**
 * The line on which a grid of bytes takes a value: marching squares, joined into long strokes. Where it crosses the
 * edges of the grid the server says; where it does not, the bytes are interpolated.
 */

/** @typedef {import('../types/protocol').Boundary} Boundary */

/** With fewer steps than this between the lowest and the highest byte, a line through them is a staircase. */
const FEW_STEPS = 24;
const BLUR = 4;

/**
 * At how many places a line may cross an edge, and along each side of a cell a corner may be: of the plane, and of a
 * unit's map.
 */
const OF_PLANE = { steps: 32, lattice: 15 };
const OF_MAPS = { steps: 6, lattice: 5 };

/**
 * What the server says of lines: at 2·sample where they cross the edge to the right, from 0 to 1, and behind it the one
 * upwards; the corner (x, y in samples) in a cell; and both places in an edge that is crossed twice.
 *
 * @typedef {object} Told
 * @property {Float32Array} places
 * @property {Map<number, [number, number]>} corners by the cell's lower left sample
 * @property {Map<number, [number, number]>} twice by the edge
 */

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
      ? contour(values, width, height, 127.5, told(values, width, height, 127.5, shares, OF_PLANE))
      : contour(hasFewSteps(values) ? blurred(values, width, height) : values, width, height, 127.5);
    known.set(boundary, path);
  }
  return path;
}

/** Where z of a unit is zero, as finely as the plane is drawn. @param {UnitLine} line */
export const unitLine = ({ values, width, height, shares }) =>
  contour(values, width, height, 0.5, told(values, width, height, 0.5, shares, OF_PLANE));

/** @type {WeakMap<UnitMaps, Told>} */
const ofMaps = new WeakMap();

/** Where z of a unit is zero on its map. @param {UnitMaps} maps @param {number} unit @param {number} level */
export function mapLine(maps, unit, level) {
  const { values, width, height, shares } = maps;
  const size = width * height;
  const map = values.subarray(unit * size, (unit + 1) * size);
  if (!shares) return contour(map, width, height, level);
  const all = ofMaps.get(maps) ?? told(values, width, height, level, shares, OF_MAPS);
  ofMaps.set(maps, all);
  return contour(map, width, height, level, all, unit * size);
}

/**
 * Reads what the server says of pictures' lines: first of all edges to the right, then of those upwards, in steps from
 * where the bytes alone would have them; of cells, whether the line has a corner there; and of edges crossed twice.
 *
 * @param {Uint8Array} values of any number of pictures
 * @param {number} width
 * @param {number} height
 * @param {number} level
 * @param {Uint8Array} shares
 * @param {typeof OF_PLANE} manner
 * @returns {Told}
 */
export function told(values, width, height, level, shares, { steps, lattice }) {
  const places = new Float32Array(2 * values.length);
  const size = width * height;
  /** Where z is 0, where it is drawn just above that. */
  const zero = level === 128.5 ? 128 : level;
  let at = 0;
  /**
   * @param {number} sample
   * @param {number} next
   * @param {number} edge
   * @param {number} line the row or picture ends after so many samples
   */
  const look = (sample, next, edge, line) => {
    const [from, to] = [values[sample], values[next]];
    if (from > level === to > level) return;
    let guess = Math.floor((steps * (level - from)) / (to - from));
    // Where the bytes rise more steeply beyond the upper one, the line is where they would begin to.
    const upper = Math.max(from, to);
    const beyond = to > from ? 2 * next - sample : 2 * sample - next;
    if (beyond >= 0 && Math.floor(beyond / line) === Math.floor(sample / line)) {
      const on = values[beyond] - upper;
      if (on > Math.abs(to - from)) {
        const back = Math.max(0, Math.min(steps - 1, Math.floor(((upper - zero) * steps) / on)));
        guess = to > from ? steps - 1 - back : back;
      }
    }
    places[2 * sample + edge] = (((guess + shares[at++]) % steps) + 0.5) / steps;
  };
  for (let start = 0; start < values.length; start += width)
    for (let sample = start; sample < start + width - 1; sample++) look(sample, sample + 1, 0, width);
  for (let start = 0; start < values.length; start += size)
    for (let sample = start; sample < start + size - width; sample++) look(sample, sample + width, 1, size);

  /** @type {Map<number, [number, number]>} */
  const corners = new Map();
  /** @type {Map<number, [number, number]>} */
  const twice = new Map();
  if (at === shares.length) return { places, corners, twice };
  for (let start = 0; start < values.length; start += size) {
    for (let cell = start; cell < start + size - width; cell++) {
      if (cell % width === width - 1) continue;
      const lowerLeft = values[cell] > level;
      const lowerRight = values[cell + 1] > level;
      const upperLeft = values[cell + width] > level;
      const upperRight = values[cell + width + 1] > level;
      const saddle = lowerLeft === upperRight && lowerRight === upperLeft;
      if (saddle || (lowerLeft === lowerRight && lowerLeft === upperLeft && lowerLeft === upperRight)) continue;
      const corner = shares[at++] - 1;
      if (corner < 0) continue;
      const [column, row] = [corner % lattice, Math.floor(corner / lattice)];
      corners.set(cell, [
        (cell % width) + (column + 0.5) / lattice,
        Math.floor((cell % size) / width) + (row + 0.5) / lattice,
      ]);
    }
  }
  for (let edge = 0; at + 5 <= shares.length; at += 5) {
    edge += shares[at] + 256 * shares[at + 1] + 65536 * shares[at + 2];
    twice.set(edge, [(shares[at + 3] + 0.5) / steps, (shares[at + 4] + 0.5) / steps]);
  }
  return { places, corners, twice };
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
 * @param {Told} [lines] else between bytes
 * @param {number} [first] the picture's first sample, of those that `lines` speak of
 */
export function contour(values, width, height, level, lines, first = 0) {
  // Each point of a line is a number: 2·cell for where it crosses the edge to the right of a cell's lower left sample,
  // 2·cell + 1 for the one upwards; so much more for a second crossing of it, and for a corner within the cell.
  const second = 2 * width * height;
  const within = 2 * second;
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
  const corners = lines?.corners;
  const twice = lines && lines.twice.size > 0 ? lines.twice : null;
  /** @param {number} edge */
  const isTwice = (edge) => twice?.has(2 * first + edge);
  for (let row = 0; row < height - 1; row++) {
    for (let column = 0; column < width - 1; column++) {
      const cell = row * width + column;
      const lowerLeft = values[cell] > level;
      const lowerRight = values[cell + 1] > level;
      const upperLeft = values[cell + width] > level;
      const upperRight = values[cell + width + 1] > level;
      const bottom = 2 * cell;
      const left = 2 * cell + 1;
      const top = 2 * (cell + width);
      const right = 2 * (cell + 1) + 1;
      if (twice && (isTwice(bottom) || isTwice(left) || isTwice(top) || isTwice(right))) {
        // Around the cell, from its lower left.
        /** @type {number[]} */
        const around = [];
        /** @param {number} edge @param {boolean} once @param {boolean} back */
        const pass = (edge, once, back) => {
          if (isTwice(edge)) around.push(...(back ? [edge + second, edge] : [edge, edge + second]));
          else if (once) around.push(edge);
        };
        pass(bottom, lowerLeft !== lowerRight, false);
        pass(right, lowerRight !== upperRight, false);
        pass(top, upperLeft !== upperRight, true);
        pass(left, lowerLeft !== upperLeft, true);
        joinAround(around);
        continue;
      }
      if (lowerLeft === lowerRight && lowerLeft === upperLeft && lowerLeft === upperRight) continue;
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
      if (corners?.has(first + cell)) {
        join(crossed[0], within + cell);
        join(within + cell, crossed[1]);
      } else {
        join(crossed[0], crossed[1]);
      }
    }
  }

  /** @param {number} node @returns {[number, number]} column and row */
  function place(node) {
    const corner = node >= within ? corners?.get(first + node - within) : undefined;
    if (corner) return corner;
    const edge = node % second;
    const cell = edge >> 1;
    const column = cell % width;
    const row = (cell - column) / width;
    const from = values[cell];
    const to = values[edge & 1 ? cell + width : cell + 1];
    const both = twice?.get(2 * first + edge);
    const t = both
      ? both[node < second ? 0 : 1]
      : lines
        ? lines.places[2 * first + edge]
        : (level - from) / (to - from);
    return edge & 1 ? [column, row + t] : [column + t, row];
  }

  /**
   * Joins what crosses the edges of a cell in turn, each with the next: so that as few as can be come back to the edge
   * that they came from, then by the shorter ways.
   *
   * @param {number[]} around
   */
  function joinAround(around) {
    const turned = [...around.slice(1), ...around.slice(0, 1)];
    /** @param {number[]} nodes */
    const badness = (nodes) => {
      let bad = 0;
      for (let at = 0; at + 1 < nodes.length; at += 2) {
        const [[x0, y0], [x1, y1]] = [place(nodes[at]), place(nodes[at + 1])];
        bad += Math.hypot(x1 - x0, y1 - y0) + (nodes[at] % second === nodes[at + 1] % second ? 10 : 0);
      }
      return bad;
    };
    const best = badness(around) <= badness(turned) ? around : turned;
    for (let at = 0; at + 1 < best.length; at += 2) join(best[at], best[at + 1]);
  }

  /** @param {number} node */
  const point = (node) => {
    const [column, row] = place(node);
    const x = (column / (width - 1)) * 100;
    const y = 100 - (row / (height - 1)) * 100;
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
