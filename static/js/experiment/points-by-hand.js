/** Points of one's own: what can be done to them, and undone. Nothing here knows the page. */

/** @typedef {readonly [x1: number, x2: number]} Point */
/** @typedef {{points: readonly Point[], labels: readonly number[]}} Own */

/** As many as are set by hand; a table brings more. */
export const BY_HAND = 500;
/** Steps that can be undone. */
const MOST_STEPS = 200;

/** Hundredths, as a link keeps them, so that it opens the same points. @param {number} value */
export const hundredth = (value) => Math.round(value * 100) / 100 + 0;

/** @param {Own} own @param {Point} point @param {number} label @returns {Own} */
export const added = ({ points, labels }, [x1, x2], label) => ({
  points: [...points, [hundredth(x1), hundredth(x2)]],
  labels: [...labels, label],
});

/** @param {Own} own @param {number} index @param {Point} point @returns {Own} */
export const moved = ({ points, labels }, index, [x1, x2]) => ({
  points: points.with(index, [hundredth(x1), hundredth(x2)]),
  labels,
});

/** @param {Own} own @param {number} index @param {number} label @returns {Own} */
export const relabelled = ({ points, labels }, index, label) => ({ points, labels: labels.with(index, label) });

/** @param {Own} own @param {number} index @returns {Own} */
export const erased = ({ points, labels }, index) => ({
  points: points.toSpliced(index, 1),
  labels: labels.toSpliced(index, 1),
});

/**
 * The point nearest to a place, if one is within reach; of several in one place the last, which is drawn on top.
 *
 * @param {readonly Point[]} points
 * @param {Point} place
 * @param {number} reach
 */
export function nearest(points, [x1, x2], reach) {
  let best = -1;
  let distance = reach;
  points.forEach((point, index) => {
    const here = Math.hypot(point[0] - x1, point[1] - x2);
    if (!(here <= distance)) return;
    best = index;
    distance = here;
  });
  return best;
}

/**
 * What was, and what was undone: states before and after each step. A step can only be taken back from where it led to.
 *
 * @template T
 */
export class Steps {
  /** @type {{before: T, after: T}[]} */
  #done = [];
  /** @type {{before: T, after: T}[]} */
  #undone = [];
  #same;

  /** @param {(a: T, b: T) => boolean} same */
  constructor(same) {
    this.#same = same;
  }

  /** @param {T} before @param {T} after */
  take(before, after) {
    this.#done.push({ before, after });
    if (this.#done.length > MOST_STEPS) this.#done.shift();
    this.#undone = [];
  }

  /** Where undoing leads from here. @param {T} now @returns {T | null} */
  back(now) {
    const step = this.#done.at(-1);
    return step && this.#same(step.after, now) ? step.before : null;
  }

  /** Where redoing leads from here. @param {T} now @returns {T | null} */
  forth(now) {
    const step = this.#undone.at(-1);
    return step && this.#same(step.before, now) ? step.after : null;
  }

  /** Takes the last step back, from where it led to. @param {T} now */
  undo(now) {
    const state = this.back(now);
    if (state) this.#undone.push(...this.#done.splice(-1));
    return state;
  }

  /** Takes it again. @param {T} now */
  redo(now) {
    const state = this.forth(now);
    if (state) this.#done.push(...this.#undone.splice(-1));
    return state;
  }
}
