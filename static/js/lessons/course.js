/**
 * The lesson that is taken: where in it the reader is, what its steps set up and ask for, and whether that is so. Which
 * lesson and which step is the experiment's to say, and so the address's.
 */

import { batch, computed, effect, signal, untracked } from '../../vendor/signals-core/signals-core.js';
import { ask, latest, UNANSWERED } from '../asking.js';
import { experimentOf, runSpec, sameRun } from '../experiment/experiment.js';
import { UNSTAGED } from '../store/state.js';
import { carriedOut, holds, needsDiagnostics } from './quantities.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../types/lessons').Lesson} Lesson */
/** @typedef {import('../types/lessons').Summary} Summary */
/** @typedef {import('./quantities.js').Facts} Facts */
/** @template T @typedef {import('../../vendor/signals-core/signals-core.js').Signal<T>} Signal */

/** What the server has to say, or a sentence that is for the reader. @param {string} path @returns {Promise<any>} */
async function fetched(path) {
  const answer = await ask(path);
  if (!answer) throw new Error(UNANSWERED);
  if (!answer.ok)
    throw new Error(
      answer.status === 404
        ? 'There is no such lesson on this server.'
        : `The server could not tell it (${answer.status}).`,
    );
  return answer.body;
}

/** @returns {Promise<import('../types/lessons').Listed>} throws an Error for the reader */
export const listed = () => fetched('/lessons');

/** @param {string} name @returns {Promise<Lesson>} throws an Error for the reader */
export const lessonOf = (name) => fetched(`/lessons/${name}`);

/** What is said of what is there after a lesson, and what brings the other. @typedef {{text: string, label: string}} Said */
/** @type {Said} */
const LESSONS_STAYS = { text: 'What the lesson has set up stays as it is.', label: 'Back to mine' };
/** @type {Said} */
const OWN_IS_BACK = { text: 'This is what you had before the lesson.', label: 'Back to the lesson’s' };

/** What a lesson may have changed. @param {Experiment} experiment */
const setUp = (experiment) => JSON.stringify([runSpec(experiment), experiment.iterationsPerFrame]);

export class Course {
  /** @type {Signal<Lesson | null>} */
  lesson = signal(/** @type {Lesson | null} */ (null));
  /** Why the lesson of the address can't be taken; '' is nothing. */
  problem = signal('');
  /** Whether the reader has left the last step forwards. */
  finished = signal(false);
  /** Grows when the reader goes to another step by a command of the page's, whose place of action is then the step. */
  turns = signal(0);
  /** Whether all that the step asks for has been so at once since it began, and was seen. */
  met = signal(false);
  /**
   * What can be seen of what a step speaks of, if all of it can; the lesson's view says so, a little later than the step
   * is another one.
   *
   * @type {Signal<readonly string[] | null>}
   */
  seen = signal(/** @type {readonly string[] | null} */ (null));
  /** From 1. */
  number = computed(() => Math.min(this.#store.experiment.value.step, this.lesson.value?.steps.length ?? 1));
  step = computed(() => this.lesson.value?.steps[this.number.value - 1] ?? null);
  /** Whether all holds just now that the step asks for. */
  reached = computed(() => {
    const step = this.step.value;
    const { value: picture } = this.#store.current.picture;
    return step?.kind === 'run' && step.until.every((condition) => holds(condition, this.facts(picture)));
  });
  /** How far the reader has come in this lesson. */
  progress = computed(() => this.book.all.value[this.lesson.value?.name ?? ''] ?? this.book.of(''));
  book;

  #store;
  #catalogue;
  #defaults;
  #mine;
  /**
   * A reset is under way: until an earlier iteration is seen than this one, the picture is of what was.
   *
   * @type {Signal<number | null>}
   */
  #outdated = signal(/** @type {number | null} */ (null));
  #fetching = latest();
  #inView = computed(() => JSON.stringify(this.seen.value) === JSON.stringify(this.step.value?.shows));
  /** Whether the run that is seen is of what is set up. */
  #current = computed(() => {
    const running = this.#store.current.experiment.value;
    return running !== null && sameRun(running, this.#store.experiment.value);
  });

  /**
   * @param {Store} store
   * @param {import('../types/protocol').Catalogue} catalogue
   * @param {Experiment} defaults
   * @param {import('./progress.js').Book} book
   * @param {() => Experiment | null} mine what the reader had before the lesson
   */
  constructor(store, catalogue, defaults, book, mine) {
    this.#store = store;
    this.#catalogue = catalogue;
    this.#defaults = defaults;
    this.book = book;
    this.#mine = mine;
    const place = computed(() => `${store.experiment.value.lesson} ${store.experiment.value.step}`);
    effect(() => {
      void place.value;
      untracked(() => this.arrive());
    });
    effect(() => {
      const picture = store.current.picture.value;
      const outdated = this.#outdated.peek();
      if (picture && outdated !== null && picture.iteration < outdated) this.#outdated.value = null;
    });
    effect(() => {
      const needs = this.step.value?.until.some(needsDiagnostics);
      return needs ? untracked(() => store.watchDiagnostics()) : undefined;
    });
    effect(() => {
      if (!this.met.value && this.#inView.value && this.reached.value) untracked(() => this.#done());
    });
  }

  /**
   * What conditions are checked against.
   *
   * @param {Facts['picture']} picture the latest, or the latest to read
   * @returns {Facts}
   */
  facts(picture) {
    const { experiment, deeds, current } = this.#store;
    const seen = this.#current.value && this.#outdated.value === null;
    return {
      picture: seen ? picture : null,
      ending: seen ? current.ending.value : null,
      experiment: experiment.value,
      deeds: deeds.value,
    };
  }

  /** @param {Lesson} lesson @param {number} step */
  begin(lesson, step) {
    const { name } = lesson;
    const at = Math.max(1, Math.min(step, lesson.steps.length));
    this.#fetching();
    batch(() => {
      this.lesson.value = lesson;
      this.#setUp(at, { lesson: name, step: at });
    });
    this.#enter();
  }

  /** To another step; beyond the last the lesson is finished. @param {number} number */
  go(number) {
    const lesson = this.lesson.peek();
    const step = this.step.peek();
    if (!lesson || !step) return;
    const from = this.number.peek();
    if (number > from && step.kind === 'explain') this.#done();
    if (number > lesson.steps.length) {
      this.finished.value = true;
      this.turns.value++;
      return;
    }
    const back = this.finished.peek();
    this.finished.value = false;
    const to = Math.max(1, number);
    if (back && to === from) {
      this.turns.value++;
      return;
    }
    if (this.#runAt(to) === this.#runAt(from)) this.#store.change({ step: to });
    else this.#setUp(to, { step: to });
    this.#enter();
  }

  /** The step from its beginning, with what it sets up. */
  again() {
    this.#setUp(this.number.peek());
    this.#enter();
  }

  /** @param {number} choice its index */
  predict(choice) {
    const lesson = this.lesson.peek();
    if (!lesson) return;
    this.book.choose(lesson.name, this.number.peek(), choice);
    this.#done(choice);
  }

  /**
   * Ends the lesson, says whose experiment is there now, and offers the other: neither is lost.
   *
   * @param {boolean} [back] takes the reader's own at once
   */
  leave(back = false) {
    const mine = this.#mine();
    const began = this.lesson.peek() !== null;
    const here = { ...this.#store.experiment.peek(), lesson: '', step: 1 };
    if (back && mine) this.#exchange(here, mine, OWN_IS_BACK, LESSONS_STAYS);
    else if (began) this.#exchange(mine, here, LESSONS_STAYS, OWN_IS_BACK);
    else this.#store.change(here);
  }

  /** Whether there is something to go back to. */
  get hasBefore() {
    return this.#mine() !== null;
  }

  /**
   * Sets one experiment up, says so, and offers the other.
   *
   * @param {Experiment | null} other null if there is none
   * @param {Experiment} now
   * @param {Said} said
   * @param {Said} otherwise what is said once the other is there
   */
  #exchange(other, now, said, otherwise) {
    this.#store.change(now);
    if (!other) this.#store.note(said.text);
    else if (setUp(other) !== setUp(now))
      this.#store.note(said.text, {
        label: said.label,
        accept: () => this.#exchange(this.#store.experiment.peek(), other, otherwise, said),
      });
  }

  /** The step whose run a step is taken with, from 1; 0 is the lesson's. @param {number} number */
  #runAt(number) {
    const lesson = /** @type {Lesson} */ (this.lesson.peek());
    return lesson.steps.slice(0, number).findLastIndex(({ run }) => run) + 1;
  }

  /**
   * What there is as a step begins: a run, with what the steps since have asked to set up.
   *
   * @param {number} number of the step
   * @param {Partial<Experiment>} [changes]
   */
  #setUp(number, changes = {}) {
    const store = this.#store;
    const { run, steps } = /** @type {Lesson} */ (this.lesson.peek());
    const from = this.#runAt(number);
    const before = store.experiment.peek();
    const start = { ...before, ...experimentOf(steps[from - 1]?.run ?? run, this.#catalogue), ...changes };
    const asked = steps.slice(Math.max(0, from - 1), number - 1).flatMap(({ until }) => until);
    const after = asked.reduce(
      (experiment, condition) => carriedOut(experiment, condition, this.#defaults.layers[0]),
      start,
    );
    batch(() => {
      if (store.dialogue.playing.peek()) store.pause();
      store.change(after);
      if (!sameRun(before, store.experiment.peek())) return;
      // It is there, but not at its beginning.
      this.#outdated.value = store.current.picture.peek()?.iteration || null;
      store.reset();
    });
  }

  /** The address, or a command, says where the reader is; a lesson that could not be opened is asked for again. */
  arrive() {
    const { lesson: name, step } = this.#store.experiment.peek();
    const lesson = this.lesson.peek();
    if (!name) {
      this.#fetching();
      this.lesson.value = null;
      this.problem.value = '';
      this.finished.value = false;
      this.#store.staged.value = UNSTAGED;
    } else if (lesson?.name !== name) {
      void this.#follow(name);
    } else {
      const number = Math.min(step, lesson.steps.length);
      const { highlight } = lesson.steps[number - 1];
      this.problem.value = '';
      this.#refresh();
      this.#store.staged.value = {
        hide: lesson.hide,
        lock: lesson.lock,
        highlight: [...lesson.highlight, ...highlight],
      };
      this.book.visit(name, number);
    }
  }

  /** A link to a lesson. One that says no more sets up what its step begins with. @param {string} name */
  async #follow(name) {
    const counts = this.#fetching();
    this.lesson.value = null;
    this.problem.value = '';
    try {
      const lesson = await lessonOf(name);
      if (!counts()) return;
      const now = this.#store.experiment.peek();
      batch(() => {
        this.lesson.value = lesson;
        if (sameRun(now, this.#defaults)) this.#setUp(Math.min(now.step, lesson.steps.length));
      });
      this.arrive();
    } catch (error) {
      if (counts()) this.problem.value = /** @type {Error} */ (error).message;
    }
  }

  /** Nothing is done yet of what the step asks for. */
  #refresh() {
    batch(() => {
      this.finished.value = false;
      this.met.value = false;
      this.#store.forgetDeeds();
    });
  }

  #enter() {
    this.#refresh();
    this.turns.value++;
  }

  /** @param {number} [choice] of a prediction */
  #done(choice) {
    const lesson = this.lesson.peek();
    const step = this.step.peek();
    if (!lesson || !step) return;
    if (step.kind === 'run') {
      this.met.value = true;
      this.#store.announcer.say(`Done: ${step.title}`);
    }
    this.book.did(lesson.name, this.number.peek());
    this.#store.lessonDone.value = { lesson: lesson.name, step: this.number.peek(), choice };
  }
}
