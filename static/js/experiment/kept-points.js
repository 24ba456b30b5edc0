/**
 * Points of one's own in this browser: what no address can hold is found again by a reload, by Back, and in a tab that
 * was closed. The address has the name of the set; the points never leave the browser by this.
 *
 * What if it is full: the set that was looked for longest ago goes, and so does one that nobody looked for in thirty
 * days. Where a browser stores nothing, sets are held until the page is left, and whoever keeps one is told.
 */

import { MAX_VALUE } from './bounds.js';

/** @typedef {import('./points-by-hand.js').Own} Own */

const PREFIX = 'points.';
const MOST_SETS = 8;
/** Characters in the browser's storage, beside as many of the kept runs; browsers give a page some five million. */
const MOST_STORED = 2_000_000;
/** Milliseconds. */
const MOST_AGE = 30 * 24 * 3600 * 1000;

/** Sets of this page, the latest last. @type {Map<string, Own>} */
const held = new Map();
/**
 * What each set is called, as long as somebody has its points.
 *
 * @type {WeakMap<readonly unknown[], [labels: readonly unknown[], name: string]>}
 */
const names = new WeakMap();

/** What a set is called: the same points have the same name. @param {Own} own */
export function nameOf({ points, labels }) {
  const [known, name] = names.get(points) ?? [];
  if (known === labels && name) return name;
  let [high, low] = [0xdeadbeef, 0x41c6ce57];
  // Two halves of a digest for telling sets apart, none for secrets.
  for (const letter of JSON.stringify([points, labels])) {
    const code = letter.charCodeAt(0);
    high = Math.imul(high ^ code, 2_654_435_761);
    low = Math.imul(low ^ code, 1_597_334_677);
  }
  const digest = [high, low].map((half) => (half >>> 0).toString(36).padStart(7, '0')).join('');
  names.set(points, [labels, digest]);
  return digest;
}

/** Holds a set. @param {Own} own @returns {boolean} whether it outlives the page */
export function keepPoints(own) {
  const name = nameOf(own);
  held.delete(name);
  held.set(name, own);
  for (const oldest of [...held.keys()].slice(0, -MOST_SETS)) held.delete(oldest);
  return store(name, `${Date.now()} ${JSON.stringify(own)}`);
}

/** The set of a name, as long as it is there. @param {string} name @returns {Own | null} */
export function keptPoints(name) {
  const text = stored(name);
  const own = held.get(name) ?? (text === null ? null : read(text));
  if (own) keepPoints(own);
  return own;
}

/** Lets go of a set that nothing refers to any more. @param {string} name */
export function forgetPoints(name) {
  held.delete(name);
  try {
    localStorage.removeItem(PREFIX + name);
  } catch {
    // Nothing is stored.
  }
}

/** The set that was kept last, in this tab or another, and when. @returns {{name: string, when: number} | null} */
export function latestPoints() {
  try {
    return sets()[0] ?? null;
  } catch {
    return null;
  }
}

/** Makes room for a set, and stores it. @param {string} name @param {string} text */
function store(name, text) {
  let room = MOST_STORED - text.length;
  if (room < 0) return false;
  try {
    const others = sets().filter((set) => set.name !== name);
    const stay = others.filter(({ when, size }, index) => {
      room -= size;
      return index < MOST_SETS - 1 && room >= 0 && Date.now() - when <= MOST_AGE;
    });
    for (const set of others) if (!stay.includes(set)) forgetPoints(set.name);
    // A browser may have less room than that.
    while (!fits(name, text)) {
      const oldest = stay.pop();
      if (!oldest) return false;
      forgetPoints(oldest.name);
    }
    return true;
  } catch {
    return false;
  }
}

/** @param {string} name @param {string} text */
function fits(name, text) {
  try {
    localStorage.setItem(PREFIX + name, text);
    return true;
  } catch {
    return false;
  }
}

/** What is stored, the latest first. */
function sets() {
  return Object.keys(localStorage)
    .filter((key) => key.startsWith(PREFIX))
    .map((key) => {
      const text = localStorage.getItem(key) ?? '';
      return { name: key.slice(PREFIX.length), when: parseInt(text, 10) || 0, size: text.length };
    })
    .sort((one, other) => other.when - one.when);
}

/** @param {string} name */
function stored(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** What an earlier version of the page wrote otherwise is none. @param {string} text @returns {Own | null} */
function read(text) {
  /** @param {unknown} value */
  const isNumber = (value) => typeof value === 'number' && Math.abs(value) <= MAX_VALUE;
  try {
    const { points, labels } = JSON.parse(text.slice(text.indexOf(' ')));
    const whole =
      points.length === labels.length &&
      labels.every(isNumber) &&
      points.every((/** @type {unknown[]} */ point) => point.length === 2 && point.every(isNumber));
    return whole ? { points, labels } : null;
  } catch {
    return null;
  }
}
