/** Signals that change less often than what they are made of. */

import { computed, effect } from '../vendor/signals-core/signals-core.js';

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

/** What is read gets at most this share of the page's own thread while it plays. */
const SHARE = 0.25;
/** A page that is so slow is read with what is this old, at most (milliseconds). */
const MOST_REST = 400;

/** Once the screen has what has just been written. @param {() => void} act */
const onceSeen = (act) => globalThis.requestAnimationFrame?.(() => setTimeout(act));

/**
 * What is read rather than looked at: while playing it follows the picture only so often, else at once. A page that
 * takes long to write it does so less often, and has its time for pictures.
 *
 * @template T
 * @param {ReadonlySignal<T | null>} picture
 * @param {ReadonlySignal<boolean>} playing
 * @param {number} interval from one to the next, at least: numbers that change faster cannot be read (milliseconds)
 * @param {(picture: T | null) => void} read is given each
 * @returns {() => void} stops it
 */
export function atReadingPace(picture, playing, interval, read) {
  let last = -Infinity;
  let rest = interval;
  /** @type {T | null} */
  let before = null;
  return effect(() => {
    const latest = picture.value;
    const now = performance.now();
    if (playing.value && latest && before && now - last < rest) return;
    last = now;
    before = latest;
    read(latest);
    onceSeen(() => {
      rest = Math.max(interval, Math.min(MOST_REST, (performance.now() - now) / SHARE));
    });
  });
}
