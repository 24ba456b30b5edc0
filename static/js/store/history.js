/** Every cost of a run, as it came: J of iteration k at index k, and the test cost wherever a frame had it. */

import { columnEnds, meansAt } from './means.js';

const MAX_TESTS = 1 << 16;
const MAX_PICTURES = 16;

/** @typedef {import('../types/protocol').Boundary} Boundary */
/** @typedef {{x: number[], y: number[]}} Curve */

export class History {
  length = 0;
  /** So many iterations see every training example once; 1 without mini-batches. */
  epoch;
  #costs = new Float32Array(1024);
  /** Iterations and test costs in step. @type {{iteration: number, cost: number}[]} */
  tests = [];
  /**
   * ŷ over the plane now and then; when there are many, every other one goes.
   *
   * @type {{iteration: number, cost: number, boundary: Boundary}[]}
   */
  pictures = [];
  /** How often costs that were known have gone. */
  rewritten = 0;
  /** Iterations from one picture to the next, at least. */
  #spacing = 1;

  /** @param {number} [epoch] */
  constructor(epoch = 1) {
    this.epoch = epoch;
  }

  /** J of iterations 0 … length − 1. */
  get costs() {
    return this.#costs.subarray(0, this.length);
  }

  /**
   * What a chart shows of it. With mini-batches the line is the mean over an epoch, or over as many iterations as a column
   * of pixels has if those are more; and the costs of the batches are beside it.
   *
   * @param {number} columns of pixels
   * @returns {{line: Curve, batches: Curve | null, window: number}} `window` is how many costs a mean is of
   */
  curves(columns) {
    const every = thin(this.costs, columns);
    if (this.epoch === 1) return { line: every, batches: null, window: 1 };
    const window = Math.max(this.epoch, Math.ceil(this.length / Math.max(1, columns)));
    const x = columnEnds(0, this.length, columns);
    return { line: { x, y: meansAt(this.costs, window, x) }, batches: every, window };
  }

  /** The cost that a chart's line has at an iteration. @param {number} iteration */
  mean(iteration) {
    return this.epoch === 1 ? this.#costs[iteration] : meansAt(this.costs, this.epoch, [iteration])[0];
  }

  clear() {
    this.rewritten++;
    this.length = 0;
    this.tests = [];
    this.pictures = [];
    this.#spacing = 1;
  }

  /**
   * Puts costs in their place; there is never a gap. Later costs are kept, unless one of these differs from the cost
   * known there: then all after it go.
   *
   * @param {number} first the iteration of `costs[0]`, at most `length`
   * @param {Float32Array} costs
   */
  write(first, costs) {
    if (first > this.length) throw new RangeError(`costs from ${first} do not follow the ${this.length} known`);
    const known = this.#costs.subarray(first, this.length);
    const other = costs.findIndex((cost, index) => index < known.length && cost !== known[index]);
    const length = other < 0 ? Math.max(this.length, first + costs.length) : first + costs.length;
    if (length > this.#costs.length) {
      const larger = new Float32Array(Math.max(length, 2 * this.#costs.length));
      larger.set(this.costs);
      this.#costs = larger;
    }
    this.#costs.set(costs, first);
    if (other >= 0) {
      this.rewritten++;
      this.tests = this.tests.filter(({ iteration }) => iteration < first + other);
      this.pictures = this.pictures.filter(({ iteration }) => iteration < first + other);
    }
    this.length = length;
  }

  /** @param {number} iteration @param {number} cost */
  writeTest(iteration, cost) {
    const last = this.tests[this.tests.length - 1];
    if (last && last.iteration >= iteration) return;
    if (this.tests.length === MAX_TESTS) this.tests = this.tests.filter((_, index) => index % 2 === 0);
    this.tests.push({ iteration, cost });
  }

  /** @param {number} iteration @param {number} cost @param {Boundary} boundary */
  writePicture(iteration, cost, boundary) {
    /** @param {{iteration: number}} other */
    const near = (other) => Math.abs(other.iteration - iteration) < this.#spacing;
    if (this.pictures.some(near)) return;
    this.pictures = [...this.pictures, { iteration, cost, boundary }].sort((a, b) => a.iteration - b.iteration);
    if (this.pictures.length <= MAX_PICTURES) return;
    const [from, to] = [this.pictures[0], this.pictures[MAX_PICTURES]].map((picture) => picture.iteration);
    this.#spacing = (2 * (to - from)) / MAX_PICTURES;
    /** @type {typeof this.pictures} */
    const kept = [];
    for (const picture of this.pictures) {
      const last = kept.at(-1);
      if (!last || picture.iteration - last.iteration >= this.#spacing) kept.push(picture);
    }
    this.pictures = kept;
  }

  /** The test cost known nearest to an iteration. @param {number} iteration */
  testNear(iteration) {
    let low = 0;
    let high = this.tests.length - 1;
    if (high < 0) return null;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.tests[middle].iteration < iteration) low = middle + 1;
      else high = middle;
    }
    const before = this.tests[Math.max(0, low - 1)];
    const after = this.tests[low];
    return iteration - before.iteration < after.iteration - iteration ? before : after;
  }
}

/** Iterations that a table of costs lists, by powers of ten. */
const LISTED = [1, 2, 5];

/**
 * The cost before an iteration: at the first one, at about 1, 2, 5, 10, 20, 50 and so on; some twenty of a million. Where
 * there are test costs, the iterations are those at which they are known.
 *
 * @param {History} history
 * @param {number} end
 */
export function milestonesOf(history, end) {
  const length = Math.min(end, history.length);
  const wanted = [0];
  for (let power = 1; power < length; power *= 10) wanted.push(...LISTED.map((factor) => factor * power));
  /** @type {{iteration: number, train: number, test: number | null}[]} */
  const rows = [];
  for (const milestone of wanted.filter((iteration) => iteration < length)) {
    const known = history.testNear(milestone);
    const test = known && known.iteration < length ? known : null;
    const iteration = test?.iteration ?? milestone;
    if (iteration > (rows.at(-1)?.iteration ?? -1))
      rows.push({ iteration, train: history.costs[iteration], test: test?.cost ?? null });
  }
  return rows;
}

/**
 * The cost nearest to an iteration on a thinned curve.
 *
 * @param {{x: number[], y: number[]}} curve
 * @param {number} iteration at most its last
 */
export function nearestOn({ x, y }, iteration) {
  const after = x.findIndex((known) => known >= iteration);
  const before = Math.max(0, after - 1);
  const index = iteration - x[before] < x[after] - iteration ? before : after;
  return { iteration: x[index], cost: y[index] };
}

/** @param {Uint8Array} bytes float32, little-endian (as every browser's machine is), at any offset */
export const floats = (bytes) => new Float32Array(bytes.slice().buffer);

/**
 * What a screen can show of a curve: of each column of pixels the lowest and the highest value, in the order they came.
 *
 * @param {Float32Array} costs
 * @param {number} columns
 * @returns {{x: number[], y: number[]}}
 */
export function thin(costs, columns) {
  /** @type {number[]} */
  const x = [];
  /** @type {number[]} */
  const y = [];
  const every = Math.max(1, costs.length / columns);
  for (let start = 0; start < costs.length; start += every) {
    const from = Math.floor(start);
    const to = Math.min(costs.length, Math.max(from + 1, Math.floor(start + every)));
    let low = from;
    let high = from;
    for (let k = from + 1; k < to; k++) {
      if (costs[k] < costs[low]) low = k;
      if (costs[k] > costs[high]) high = k;
    }
    const first = Math.min(low, high);
    const second = Math.max(low, high);
    x.push(first);
    y.push(costs[first]);
    if (second !== first) {
      x.push(second);
      y.push(costs[second]);
    }
  }
  return { x, y };
}
