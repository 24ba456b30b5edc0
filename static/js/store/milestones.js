/** Which moments of a run are worth a sentence while it trains; and not one too often. */

/**
 * @typedef {object} Seen of a run
 * @property {number} iteration
 * @property {number | null} accuracy on the training points; null if nothing is simply right or wrong
 * @property {boolean} bounded whether a boundary crosses the plane
 * @property {boolean} over whether it diverged, has stopped or is at its end
 */

/** From one sentence to the next, at least (milliseconds). */
export const PAUSE = 10_000;

/** What happens once in a run. @type {((seen: Seen) => boolean)[]} */
const MILESTONES = [
  ({ bounded }) => bounded,
  ({ accuracy }) => accuracy !== null && accuracy >= 0.9,
  ({ over }) => over,
];

export class Milestones {
  /** @type {Set<typeof MILESTONES[number]>} */
  #passed = new Set();
  #iteration = -1;
  #due = false;
  #told = -Infinity;

  /**
   * What holds as a run begins, or goes on from an earlier iteration, is no news.
   *
   * @param {Seen} seen
   */
  look(seen) {
    const begins = this.#iteration < 0 || seen.iteration < this.#iteration;
    if (begins) this.begin();
    this.#iteration = seen.iteration;
    for (const milestone of MILESTONES) {
      if (this.#passed.has(milestone) || !milestone(seen)) continue;
      this.#passed.add(milestone);
      this.#due ||= !begins;
    }
  }

  /** Another run. */
  begin() {
    this.#passed.clear();
    this.#iteration = -1;
    this.#due = false;
  }

  /** How long a sentence that is due has to wait; null if none is. @param {number} now milliseconds */
  wait(now) {
    // A clock that is set back makes nobody wait longer.
    return this.#due ? Math.min(PAUSE, Math.max(0, this.#told + PAUSE - now)) : null;
  }

  /** Something was said of the plane as it is. @param {number} now */
  told(now) {
    this.#told = now;
    this.#due = false;
  }
}
