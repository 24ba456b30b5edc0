/**
 * What is told of the run to those who hear the page: a sentence of the server's about the plane, when it is asked for,
 * on a pause and at milestones; and what a step has changed.
 */

import { effect, signal } from '../../vendor/signals-core/signals-core.js';
import { cost, count } from '../format.js';
import { Milestones } from './milestones.js';

/** @typedef {import('../types/protocol').Described} Described */
/** @typedef {import('./current-run.js').CurrentRun} CurrentRun */
/** @template T @typedef {import('../../vendor/signals-core/signals-core.js').Signal<T>} Signal */

/** Whoever waits for the server's sentence hears the rest without it (milliseconds). */
const PATIENCE = 1000;
/** Steps that follow each other faster are told as one. */
const STEPS_REST = 400;

export class Telling {
  /** The latest of the run there is. @type {Signal<Described | null>} */
  described = signal(/** @type {Described | null} */ (null));

  #questions;
  #announcer;
  #milestones = new Milestones();
  /** Says what waits for the sentence; null if nothing does. @type {((answer: Described | null) => void) | null} */
  #waiting = null;
  /** Whether an answer that comes now is to what waits: one to an older question may still come. */
  #counts = () => true;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #patience;
  /** Whether an answer is of the run there is. */
  #asked = false;
  #stepping = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #rest;

  /**
   * @param {import('../stream/questions.js').Questions} questions
   * @param {import('../announcer.js').Announcer} announcer
   */
  constructor(questions, announcer) {
    this.#questions = questions;
    this.#announcer = announcer;
    questions.listen('described', (answer) => {
      if (!this.#asked) return;
      this.described.value = answer;
      this.#milestones.told(Date.now());
      if (this.#counts()) this.#say(answer);
    });
  }

  /**
   * Asks for the sentence anew, and says it with what comes before it; after a while that alone.
   *
   * @param {(answer: Described | null) => string} before
   * @param {() => boolean} [counts] whether an answer that comes is to this, not to an older question
   */
  tell(before, counts = () => true) {
    this.hush();
    this.#counts = counts;
    this.#waiting = (answer) => this.#announcer.say([before(answer), answer?.text ?? ''].filter(Boolean).join(' '));
    if (this.ask()) this.#patience = setTimeout(() => this.#say(null), PATIENCE);
    else this.#say(null);
  }

  /**
   * Asks for the sentence anew; whoever shows it has it when it comes.
   *
   * @returns {boolean} false: there is nobody to ask
   */
  ask() {
    this.#asked = this.#questions.ask({ type: 'describe' });
    return this.#asked;
  }

  /** What was to be said is out of date. */
  hush() {
    this.#waiting = null;
    this.#stepping = false;
    clearTimeout(this.#patience);
    clearTimeout(this.#rest);
  }

  /** A step is asked for. */
  stepped() {
    this.hush();
    this.#stepping = true;
  }

  /** An iteration is seen. @param {number} iteration @param {number} J */
  seen(iteration, J) {
    if (!this.#stepping) return;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      this.#stepping = false;
      this.#announcer.say(`Iteration ${count(iteration)}, cost ${cost(J)}`);
    }, STEPS_REST);
  }

  /** Another run: nothing is told of it yet. */
  begin() {
    this.hush();
    this.#asked = false;
    this.described.value = null;
    this.#milestones.begin();
  }

  /**
   * Tells a run's milestones, while it trains and as it ends.
   *
   * @param {CurrentRun} current
   * @param {{value: boolean}} playing
   * @returns {() => void} ends it
   */
  watch(current, playing) {
    return effect(() => {
      const picture = current.picture.value;
      const over = current.halted.value !== null;
      if (!picture) return undefined;
      const { iteration, run } = picture;
      const bounded = (run.boundary?.shares?.length ?? 0) > 0;
      this.#milestones.look({ iteration, accuracy: run.train_accuracy, bounded, over });
      const wait = playing.value || over ? this.#milestones.wait(Date.now()) : null;
      if (wait === null) return undefined;
      const timer = setTimeout(() => {
        this.#milestones.told(Date.now());
        this.tell((answer) => (answer ? `Iteration ${count(answer.iteration)}.` : ''));
      }, wait);
      return () => clearTimeout(timer);
    });
  }

  /** @param {Described | null} answer */
  #say(answer) {
    clearTimeout(this.#patience);
    const say = this.#waiting;
    this.#waiting = null;
    say?.(answer);
  }
}
