/**
 * Keeps an inspection up to date: asks when there is something new to see, a few times a second at most, one question
 * at a time.
 */

import { effect, signal } from '../../../vendor/signals-core/signals-core.js';
import { together } from '../../signals.js';

/** @typedef {import('../../store/state.js').Store} Store */
/** @typedef {import('../../types/protocol').Inspection} Inspection */

/**
 * @typedef {{of: 'batch'} | {of: 'example', example: number} | {of: 'point', point: [x1: number, x2: number], label:
 *   number | null}} Aim
 */

/** So long it is from one question to the next (milliseconds). */
const INTERVAL = 300;
/** A question that has no answer after this time has none any more. */
const LOST = 5000;

/** @param {Aim} aim @returns {import('../../types/protocol').Question} */
function question(aim) {
  if (aim.of === 'batch') return { type: 'inspect' };
  if (aim.of === 'example') return { type: 'inspect', example: aim.example };
  return { type: 'inspect', point: aim.point, ...(aim.label !== null && { label: aim.label }) };
}

/**
 * Whether an answer is about what is looked at now: the labels of a point of the reader's say which it was.
 *
 * @param {Inspection} answer
 * @param {Aim} aim
 */
function isOf(answer, aim) {
  if (answer.of !== aim.of) return false;
  if (aim.of === 'example') return answer.example === aim.example;
  if (aim.of === 'point')
    return String(answer.point) === String(aim.point) && (answer.labels?.[0] ?? null) === aim.label;
  return true;
}

export class Follower {
  /** The latest answer. */
  inspection = signal(/** @type {Inspection | null} */ (null));
  /** Why there is none: it would be too much. */
  problem = signal('');

  #store;
  #aim;
  /** Whether a question is under way, and whether there is something newer to ask about. */
  #waiting = false;
  #due = false;
  #last = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #patience;

  /** @param {Store} store @param {import('../../../vendor/signals-core/signals-core.js').Signal<Aim>} aim */
  constructor(store, aim) {
    this.#store = store;
    this.#aim = aim;
  }

  /** Asks until what it returns is called. @returns {() => void} */
  start() {
    const store = this.#store;
    return together(
      store.dialogue.questions.listen('inspection', (answer) => {
        if (!isOf(answer, this.#aim.peek()) || store.obstacle.peek()) return;
        this.problem.value = '';
        this.inspection.value = answer;
        this.#answered();
      }),
      store.dialogue.questions.listen('too_much', ({ detail }) => {
        this.problem.value = detail;
        this.inspection.value = null;
        this.#answered();
      }),
      effect(() => {
        void store.current.picture.value;
        this.#due = true;
        this.#soon();
      }),
      effect(() => {
        if (store.obstacle.value) this.inspection.value = null;
      }),
      effect(() => {
        void [this.#aim.value, store.dialogue.connection.value];
        // An older question gives way to this one, or went with its connection.
        this.#waiting = false;
        this.#last = -Infinity;
        this.#due = true;
        this.#soon();
      }),
      () => {
        for (const timer of [this.#timer, this.#patience]) clearTimeout(timer);
        this.#timer = undefined;
        this.#waiting = false;
      },
    );
  }

  #answered() {
    clearTimeout(this.#patience);
    this.#waiting = false;
    if (this.#due) this.#soon();
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), Math.max(0, this.#last + INTERVAL - performance.now()));
  }

  #ask() {
    const store = this.#store;
    // Until the server has what is set up, there is nothing to ask about; the next reading asks again.
    if (this.#waiting || !store.dialogue.settled || !store.current.picture.peek() || store.obstacle.peek()) return;
    if (!store.dialogue.questions.ask(question(this.#aim.peek()))) return;
    this.#due = false;
    this.#waiting = true;
    this.#last = performance.now();
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => {
      this.#waiting = false;
      this.#soon();
    }, LOST);
  }
}
