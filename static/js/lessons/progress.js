/**
 * How far a reader has come in each lesson, kept in the browser's storage.
 *
 * What if it is full or blocked: progress lasts as long as the page. What it holds is believed only as far as it is
 * progress.
 */

import { signal } from '../../vendor/signals-core/signals-core.js';

/**
 * @typedef {object} Progress
 * @property {number} at the step that was last looked at, from 1
 * @property {readonly number[]} done steps, ascending
 * @property {Readonly<Record<number, number>>} chosen of each prediction the index of the choice
 */
/** @typedef {Readonly<Record<string, Progress>>} All by the lessons' names */

const KEY = 'lessons';
const VERSION = 1;
/** As many as the server keeps. */
const MOST_LESSONS = 200;
const MOST_STEPS = 99;
/** @type {Progress} */
const NONE = { at: 1, done: [], chosen: {} };

/** @param {unknown} value @returns {value is number} */
const isStep = (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MOST_STEPS;

/** @param {unknown} value @returns {Progress | null} */
function progressOf(value) {
  if (typeof value !== 'object' || value === null) return null;
  const { at, done, chosen } = /** @type {Record<string, unknown>} */ (value);
  if (!isStep(at) || !Array.isArray(done)) return null;
  const choices = typeof chosen === 'object' && chosen !== null ? Object.entries(chosen) : [];
  return {
    at,
    done: [...new Set(done.filter(isStep))].sort((a, b) => a - b),
    chosen: Object.fromEntries(
      choices.filter(([step, choice]) => isStep(Number(step)) && Number.isInteger(choice) && choice >= 0),
    ),
  };
}

/** What a stored text says, as far as it says anything. @param {string | null} text @returns {All} */
export function read(text) {
  try {
    const stored = JSON.parse(text ?? 'null');
    if (stored?.version !== VERSION) return {};
    const rows = Object.entries(stored.lessons ?? {}).map(
      ([name, value]) => /** @type {const} */ ([name, progressOf(value)]),
    );
    return Object.fromEntries(
      rows.flatMap(([name, progress]) => (progress ? [[name, progress]] : [])).slice(-MOST_LESSONS),
    );
  } catch {
    return {};
  }
}

/** @param {All} lessons */
export const write = (lessons) => JSON.stringify({ version: VERSION, lessons });

export class Book {
  /** @type {import('../../vendor/signals-core/signals-core.js').Signal<All>} */
  all = signal(load());
  /** Whether the browser keeps it when the page is closed. */
  stored = signal(true);

  constructor() {
    // Another tab's progress is this one's too.
    addEventListener('storage', ({ key }) => {
      if (key === KEY) this.all.value = load();
    });
  }

  /** @param {string} name @returns {Progress} */
  of(name) {
    return this.all.value[name] ?? NONE;
  }

  /** @param {string} name @param {number} step */
  visit(name, step) {
    const now = this.of(name);
    if (now.at !== step || !this.all.peek()[name]) this.#enter(name, { ...now, at: step });
  }

  /** @param {string} name @param {number} step */
  did(name, step) {
    const now = this.of(name);
    if (!now.done.includes(step)) this.#enter(name, { ...now, done: [...now.done, step].sort((a, b) => a - b) });
  }

  /** @param {string} name @param {number} step @param {number} choice */
  choose(name, step, choice) {
    const now = this.of(name);
    this.#enter(name, { ...now, chosen: { ...now.chosen, [step]: choice } });
  }

  /** All of it at once: none, or what there was before. @param {All} all */
  replace(all) {
    this.all.value = all;
    try {
      localStorage.setItem(KEY, write(all));
      this.stored.value = true;
    } catch {
      this.stored.value = false;
    }
  }

  /** @param {string} name @param {Progress} progress */
  #enter(name, progress) {
    const { [name]: _, ...others } = this.all.peek();
    this.replace(Object.fromEntries([...Object.entries(others), [name, progress]].slice(-MOST_LESSONS)));
  }
}

function load() {
  try {
    return read(localStorage.getItem(KEY));
  } catch {
    return {};
  }
}
