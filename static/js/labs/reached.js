/** When a run's cost first came to each of some thresholds. */

/** @typedef {import('../store/history.js').History} History */

/** Costs worth waiting for: of a classification, which begins near 0.69, and of a regression. */
const THRESHOLDS = { classification: [0.5, 0.3, 0.1, 0.03], regression: [0.05, 0.03, 0.01, 0.003] };

/** @param {import('../types/protocol').Problem} problem */
export const thresholdsOf = (problem) => THRESHOLDS[problem];

export class Reached {
  #thresholds;
  #seen = 0;
  /**
   * The first iteration k with J ≤ the threshold, in the thresholds' order; null is not yet.
   *
   * @type {(number | null)[]}
   */
  iterations;

  /** @param {readonly number[]} thresholds */
  constructor(thresholds) {
    this.#thresholds = thresholds;
    this.iterations = thresholds.map(() => null);
  }

  /** Looks at what has come since it last did. @param {History} history of one run */
  look(history) {
    if (history.length < this.#seen) {
      this.#seen = 0;
      this.iterations = this.#thresholds.map(() => null);
    }
    const { costs } = history;
    for (; this.#seen < costs.length; this.#seen++) {
      this.#thresholds.forEach((threshold, index) => {
        if (this.iterations[index] === null && costs[this.#seen] <= threshold) this.iterations[index] = this.#seen;
      });
    }
    return this.iterations;
  }
}
