/**
 * The line on which a grid of bytes takes a value: marching squares, joined into long strokes. Where it crosses the
 * edges of the grid the server says; where it does not, the bytes are interpolated.
 */

/** @typedef {import('../types/protocol').Boundary} Boundary */

/** With fewer steps than this between the lowest and the highest byte, a line through them is a staircase. */
const FEW_STEPS = 24;
const BLUR = 4;

/**
 * At how many places a line may cross an edge, and along each side of a cell a corner may be; and the first in a cell
 * that is a picture of its own: of the plane, and of a unit's map.
 */
const OF_PLANE = { steps: 32, lattice: 15, fine: 4 };
const OF_MAPS = { steps: 6, lattice: 5, fine: 1 };
/** A cell that is a picture of its own has so many parts each way. */
const PARTS = 4;

/**
 * What the server says of lines: at 2·sample where they cross the edge to the right, from 0 to 1, and behind it the one
 * upwards; the corner (x, y in samples) in a cell; and cells that are pictures of their own.
 *
 * @typedef {object} Told
 * @property {Float32Array} places
 * @property {Map<number, [number, number]>} corners by the cell's lower left sample
 * @property {Map<number, number>} hard the number of a cell's own picture, by the same
 * @property {Finer | null} finer
 */

/** @typedef {{values: Uint8Array, lines: Told}} Finer pictures of cells */

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
 * where the bytes alone would have them; of cells, whether the line has a corner there; and cells of their own.
 *
 * @param {Uint8Array} values of any number of pictures
 * @param {number} width
 * @param {number} height
 * @param {number} level
 * @param {Uint8Array} shares
 * @param {typeof OF_PLANE} manner
 * @returns {Told}
 */
function told(values, width, height, level, shares, { steps, lattice, fine }) {
  const size = width * height;
  /** @type {Told} */
  const lines = { places: new Float32Array(2 * values.length), corners: new Map(), hard: new Map(), finer: null };
  let at = readPlaces(lines.places, values, 0, 1, width, level, steps, shares, 0);
  at = readPlaces(lines.places, values, 1, width, size, level, steps, shares, at);
  if (at === shares.length) return lines;
  at = readCorners(lines.corners, values, width, size, level, lattice, shares, at);
  if (at < shares.length) lines.finer = readFiner(lines.hard, shares.subarray(at), fine);
  return lines;
}

/**
 * @param {Told['hard']} hard
 * @param {Uint8Array} shares their number, of each how much further it is and its samples' sides, and their lines
 * @param {number} steps
 * @returns {Finer}
 */
function readFiner(hard, shares, steps) {
  const samples = (PARTS + 1) ** 2;
  const count = shares[0] + 256 * shares[1];
  const values = new Uint8Array(count * samples);
  let at = 2;
  for (let number = 0, cell = 0; number < count; number++, at += 7) {
    cell += shares[at] + 256 * shares[at + 1] + 65536 * shares[at + 2];
    hard.set(cell, number);
    for (let sample = 0; sample < samples; sample++)
      values[number * samples + sample] = (shares[at + 3 + (sample >> 3)] >> (sample & 7)) & 1;
  }
  const manner = { steps, lattice: 0, fine: 0 };
  return { values, lines: told(values, PARTS + 1, PARTS + 1, 0.5, shares.subarray(at), manner) };
}

/**
 * @param {Float32Array} places
 * @param {Uint8Array} values
 * @param {number} edge 0 for those to the right, 1 upwards
 * @param {number} step to the sample at the edge's other end
 * @param {number} line the row or picture ends after so many samples
 * @param {number} level
 * @param {number} steps
 * @param {Uint8Array} shares
 * @param {number} at
 * @returns {number} where the shares go on
 */
function readPlaces(places, values, edge, step, line, level, steps, shares, at) {
  for (let start = 0; start < values.length; start += line) {
    const last = start + line - step;
    for (let sample = start; sample < last; sample++) {
      if (values[sample] > level === values[sample + step] > level) continue;
      const guess = guessed(values, sample, step, start, start + line, level, steps);
      places[2 * sample + edge] = (((guess + shares[at++]) % steps) + 0.5) / steps;
    }
  }
  return at;
}

/**
 * In which step of an edge the line would be, if the bytes said so.
 *
 * @param {Uint8Array} values
 * @param {number} sample
 * @param {number} step
 * @param {number} start of its row or picture @param {number} end
 * @param {number} level
 * @param {number} steps
 */
function guessed(values, sample, step, start, end, level, steps) {
  const from = values[sample];
  const to = values[sample + step];
  // Where the bytes rise more steeply beyond the upper one, the line is where they would begin to.
  const upper = Math.max(from, to);
  const beyond = to > from ? sample + 2 * step : sample - step;
  const on = beyond >= start && beyond < end ? values[beyond] - upper : 0;
  if (on <= Math.abs(to - from)) return Math.floor((steps * (level - from)) / (to - from));
  // Where z is 0, where it is drawn just above that.
  const zero = level === 128.5 ? 128 : level;
  const back = Math.max(0, Math.min(steps - 1, Math.floor(((upper - zero) * steps) / on)));
  return to > from ? steps - 1 - back : back;
}

/**
 * @param {Told['corners']} corners
 * @param {Uint8Array} values
 * @param {number} width
 * @param {number} size
 * @param {number} level
 * @param {number} lattice
 * @param {Uint8Array} shares
 * @param {number} at
 * @returns {number} where the shares go on
 */
function readCorners(corners, values, width, size, level, lattice, shares, at) {
  for (let row = 0; row < values.length; row += width) {
    // The last row of a picture has no cells above it.
    if ((row + width) % size === 0) continue;
    const last = row + width - 1;
    for (let cell = row; cell < last; cell++) {
      if (JOINS[above(values, cell, width, level)].length !== 2) continue;
      const corner = shares[at++] - 1;
      if (corner < 0) continue;
      const x = ((corner % lattice) + 0.5) / lattice;
      const y = (Math.floor(corner / lattice) + 0.5) / lattice;
      corners.set(cell, [cell - row + x, (row % size) / width + y]);
    }
  }
  return at;
}

/**
 * Which corners of a cell are above the level, as a number: its lower left one counts 1, then 2 to the right, 4 and 8 up.
 *
 * @param {ArrayLike<number>} values
 * @param {number} cell
 * @param {number} width
 * @param {number} level
 */
const above = (values, cell, width, level) =>
  (values[cell] > level ? 1 : 0) +
  (values[cell + 1] > level ? 2 : 0) +
  (values[cell + width] > level ? 4 : 0) +
  (values[cell + width + 1] > level ? 8 : 0);

/** The sides of a cell, as `sideOf` knows them. */
const [BOTTOM, LEFT, TOP, RIGHT] = [0, 1, 2, 3];

/**
 * Which sides of a cell the line joins, in pairs, by which of its corners are above the level; of a saddle those that
 * belong together if its mean is where its lower left corner is.
 */
const JOINS = [
  [],
  [BOTTOM, LEFT],
  [BOTTOM, RIGHT],
  [LEFT, RIGHT],
  [LEFT, TOP],
  [BOTTOM, TOP],
  [LEFT, TOP, BOTTOM, RIGHT],
  [TOP, RIGHT],
  [TOP, RIGHT],
  [LEFT, TOP, BOTTOM, RIGHT],
  [BOTTOM, TOP],
  [LEFT, TOP],
  [LEFT, RIGHT],
  [BOTTOM, RIGHT],
  [BOTTOM, LEFT],
  [],
];
/** Of a saddle whose mean is elsewhere. */
const ACROSS = [LEFT, BOTTOM, TOP, RIGHT];

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
 * A picture on its way to its line. Each point of a line is a number: 2·cell for where it crosses the edge to the right
 * of a cell's lower left sample, 2·cell + 1 for the one upwards, and so much more (`within`) for a corner within the cell.
 *
 * @typedef {object} Grid
 * @property {ArrayLike<number>} values height × width
 * @property {number} width
 * @property {number} height
 * @property {number} level
 * @property {Told | null} lines
 * @property {number} first the picture's first sample, of those that `lines` speak of
 * @property {number} within
 * @property {Box} box
 */

/** @typedef {{x: number, y: number, across: number, up: number}} Box where the first sample is, and how far the next */

const NONE = -1;
/** With which two points each is joined, while a line is looked for: in its order, then none any more. */
let joined = new Int32Array(0);

/**
 * The path, in an SVG's notation, of `values = level`. The grid spans 0…100 in both directions, row 0 at the bottom
 * (100), its outermost samples on the border.
 *
 * What follows are small functions that know nothing of each other's: a browser compiles a large one again and again, for
 * a tenth of a second of another core each time.
 *
 * @param {ArrayLike<number>} values height × width
 * @param {number} width
 * @param {number} height
 * @param {number} level between two bytes (127.5, say), so that no sample lies on the line
 * @param {Told} [lines] else between bytes
 * @param {number} [first] the picture's first sample, of those that `lines` speak of
 */
export function contour(values, width, height, level, lines, first = 0) {
  const box = { x: 0, y: 0, across: 100 / (width - 1), up: 100 / (height - 1) };
  /** @type {number[]} */
  const hard = [];
  let path = lineOf(
    { values, width, height, level, lines: lines ?? null, first, within: 2 * width * height, box },
    hard,
  );
  if (lines?.finer)
    for (const cell of hard) path += ofCell(lines, first + cell, cell % width, Math.floor(cell / width), box);
  return path;
}

/**
 * The path in a cell that is a picture of its own.
 *
 * @param {Told} lines
 * @param {number} cell
 * @param {number} column
 * @param {number} row
 * @param {Box} around that of the picture that has the cell
 */
function ofCell({ hard, finer }, cell, column, row, { across, up }) {
  const width = PARTS + 1;
  const first = /** @type {number} */ (hard.get(cell)) * width * width;
  const { values, lines } = /** @type {Finer} */ (finer);
  const box = { x: column * across, y: row * up, across: across / PARTS, up: up / PARTS };
  const own = values.subarray(first, first + width * width);
  return lineOf({ values: own, width, height: width, level: 0.5, lines, first, within: 2 * width * width, box }, []);
}

/**
 * The path through a grid but for cells that are pictures of their own.
 *
 * @param {Grid} grid
 * @param {number[]} hard takes these
 */
function lineOf(grid, hard) {
  const { width, height, within } = grid;
  if (joined.length < 3 * within) joined = new Int32Array(3 * within).fill(NONE);
  /** @type {number[]} */
  const met = [];
  for (let row = 0; row < height - 1; row++) joinRow(grid, row * width, met, hard);
  let path = '';
  // Lines from border to border, then closed ones.
  for (const start of met)
    if (joined[2 * start] !== NONE && joined[2 * start + 1] === NONE) path += follow(grid, start);
  for (const start of met) if (joined[2 * start] !== NONE) path += follow(grid, start);
  return path;
}

/**
 * Joins what crosses the sides of the cells of a row.
 *
 * @param {Grid} grid
 * @param {number} start
 * @param {number[]} met takes the points, in the order in which they are met
 * @param {number[]} hard takes the cells that are pictures of their own
 */
function joinRow(grid, start, met, hard) {
  const { values, width, level, lines, first } = grid;
  const finer = lines !== null && lines.finer !== null;
  const end = start + width - 1;
  for (let cell = start; cell < end; cell++) {
    const code = above(values, cell, width, level);
    if (finer && lines.hard.has(first + cell)) hard.push(cell);
    else if (code === 0 || code === 15) continue;
    else if (lines?.corners.has(first + cell)) joinByCorner(grid, cell, JOINS[code], met);
    else joinSides(cell, width, JOINS[code].length === 4 ? saddle(grid, cell) : JOINS[code], met);
  }
}

/** The mean decides which corners belong together. @param {Grid} grid @param {number} cell */
function saddle({ values, width, level }, cell) {
  const mean = (values[cell] + values[cell + 1] + values[cell + width] + values[cell + width + 1]) / 4;
  return mean > level === values[cell] > level ? JOINS[6] : ACROSS;
}

/** The point on a side of a cell. @param {number} cell @param {number} side @param {number} width */
const sideOf = (cell, side, width) => 2 * cell + (side === TOP ? 2 * width : side);

/** @param {number} cell @param {number} width @param {number[]} sides @param {number[]} met */
function joinSides(cell, width, sides, met) {
  for (let at = 0; at < sides.length; at += 2)
    join(sideOf(cell, sides[at], width), sideOf(cell, sides[at + 1], width), met);
}

/** @param {Grid} grid @param {number} cell @param {number[]} sides @param {number[]} met */
function joinByCorner({ width, within }, cell, sides, met) {
  join(sideOf(cell, sides[0], width), within + cell, met);
  join(within + cell, sideOf(cell, sides[1], width), met);
}

/** @param {number} a @param {number} b @param {number[]} met */
function join(a, b, met) {
  link(a, b, met);
  link(b, a, met);
}

/** @param {number} from @param {number} to @param {number[]} met */
function link(from, to, met) {
  if (joined[2 * from] === NONE) {
    met.push(from);
    joined[2 * from] = to;
  } else {
    joined[2 * from + 1] = to;
  }
}

/**
 * Where a point is.
 *
 * @param {Grid} grid
 * @param {number} point
 * @returns {[number, number]} column and row
 */
function place({ values, width, level, lines, first, within }, point) {
  const corner = point >= within ? lines?.corners.get(first + point - within) : undefined;
  if (corner) return corner;
  const cell = point >> 1;
  const column = cell % width;
  const row = (cell - column) / width;
  const share = lines
    ? lines.places[2 * first + point]
    : (level - values[cell]) / (values[point & 1 ? cell + width : cell + 1] - values[cell]);
  return point & 1 ? [column, row + share] : [column + share, row];
}

/** Follows a line from one point to its end, and forgets it. @param {Grid} grid @param {number} start */
function follow(grid, start) {
  let path = `M${written(grid, start)}`;
  for (let here = start, next = take(here); next !== NONE; here = next, next = take(here)) {
    drop(next, here);
    path += next === start ? 'Z' : `L${written(grid, next)}`;
  }
  return path;
}

/** The last point that one is joined with, no more then. @param {number} point */
function take(point) {
  const at = joined[2 * point + 1] === NONE ? 2 * point : 2 * point + 1;
  const next = joined[at];
  joined[at] = NONE;
  return next;
}

/** @param {number} point @param {number} other it is joined with that no more */
function drop(point, other) {
  if (joined[2 * point] === other) joined[2 * point] = joined[2 * point + 1];
  joined[2 * point + 1] = NONE;
}

/** @param {Grid} grid @param {number} point */
function written(grid, point) {
  const [column, row] = place(grid, point);
  const x = grid.box.x + column * grid.box.across;
  const y = 100 - grid.box.y - row * grid.box.up;
  return `${Math.round(x * 100) / 100} ${Math.round(y * 100) / 100}`;
}
