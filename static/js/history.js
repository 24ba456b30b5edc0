/** Every cost of a run, as it came: J of iteration k at index k, and the test cost wherever a frame told it. */

const MAX_TESTS = 1 << 16;

export class History {
  length = 0;
  #costs = new Float32Array(1024);
  /** Iterations and test costs in step. @type {{iteration: number, cost: number}[]} */
  tests = [];

  /** J of iterations 0 … length − 1. */
  get costs() {
    return this.#costs.subarray(0, this.length);
  }

  /**
   * Puts costs in their place. What came before stays, what lay beyond goes: costs never have a gap.
   *
   * @param {number} first the iteration of `costs[0]`, at most `length`
   * @param {Float32Array} costs
   */
  write(first, costs) {
    if (first > this.length) throw new RangeError(`costs from ${first} do not follow the ${this.length} known`);
    const length = first + costs.length;
    if (length > this.#costs.length) {
      const larger = new Float32Array(Math.max(length, 2 * this.#costs.length));
      larger.set(this.#costs.subarray(0, first));
      this.#costs = larger;
    }
    this.#costs.set(costs, first);
    if (first < this.length) this.tests = this.tests.filter(({ iteration }) => iteration < first);
    this.length = length;
  }

  /** @param {number} iteration @param {number} cost */
  writeTest(iteration, cost) {
    const last = this.tests[this.tests.length - 1];
    if (last && last.iteration >= iteration) return;
    if (this.tests.length === MAX_TESTS) this.tests = this.tests.filter((_, index) => index % 2 === 0);
    this.tests.push({ iteration, cost });
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
