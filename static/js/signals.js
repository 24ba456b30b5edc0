/** Signals that change less often than what they are made of. */

import { computed } from '../vendor/signals-core/signals-core.js';

/** @template T @typedef {import('../vendor/signals-core/signals-core.js').ReadonlySignal<T>} ReadonlySignal */

/**
 * A computed value that stays the same object as long as it says the same, so that nothing is drawn anew for it.
 *
 * @template T
 * @param {() => T} compute
 */
export function unlessSame(compute) {
  /** @type {T} */
  let before;
  return computed(() => {
    const now = compute();
    if (JSON.stringify(now) !== JSON.stringify(before)) before = now;
    return before;
  });
}

/** Ends several things, one after the other. @param {(() => void)[]} stops @returns {() => void} */
export const together =
  (...stops) =>
  () => {
    for (const stop of stops) stop();
  };
