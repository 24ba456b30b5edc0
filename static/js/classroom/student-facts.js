/** What the student's bar says of a task and a question, from what the room and the run say. Pure. */

import { cost } from '../format.js';

/** @typedef {import('../types/lessons').Condition} Condition */
/** @typedef {import('../types/protocol').StudentsQuestion} StudentsQuestion */
/** @typedef {import('../types/protocol').FrameRun} FrameRun */

/** What only the page knows. */
const DEEDS = ['inspected', 'checked', 'timed', 'swept', 'compared'];

/** @param {readonly Condition[]} until */
export const needsReport = (until) => until.some(({ quantity }) => DEEDS.includes(quantity));

/** Quantities of which a best is worth saying, and how. @type {Record<string, {more: boolean, say: (value: number) => string}>} */
const MEASURED = {
  test_accuracy: { more: true, say: (value) => `${Math.floor(100 * value)}%` },
  train_accuracy: { more: true, say: (value) => `${Math.floor(100 * value)}%` },
  test_cost: { more: false, say: cost },
  train_cost: { more: false, say: cost },
};

/**
 * How near the run has come to a task, at best.
 *
 * @param {readonly Condition[]} until
 * @param {FrameRun} run
 * @param {number | null} before the best so far
 * @returns {number | null} null: there is nothing to measure
 */
export function better(until, run, before) {
  const name = until.find(({ quantity }) => quantity in MEASURED)?.quantity;
  if (!name) return null;
  const value = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (run))[name];
  if (typeof value !== 'number' || !Number.isFinite(value)) return before;
  if (before === null) return value;
  return MEASURED[name].more ? Math.max(before, value) : Math.min(before, value);
}

/** @param {readonly Condition[]} until @param {number} best */
export const bestInWords = (until, best) => {
  const name = until.find(({ quantity }) => quantity in MEASURED)?.quantity;
  return name ? MEASURED[name].say(best) : '';
};

/** “You said 2, ReLU. So did 14 of 29.” @param {StudentsQuestion} question */
export function outcome({ choices, choice, counts = [] }) {
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (choice === null) return `${all === 1 ? 'One has' : `${all} have`} answered.`;
  return `You said ${choices[choice]}. So did ${counts[choice]} of ${all}.`;
}
