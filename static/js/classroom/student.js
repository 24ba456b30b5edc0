/** A student's place in a room: what the teacher sends, the bar above the page, and what is said to the room. */

import { batch, computed, effect, signal, untracked } from '../../vendor/signals-core/signals-core.js';
import { fromHash, toHash, withKept } from '../experiment/address.js';
import { experimentOf, sameRun } from '../experiment/experiment.js';
import { holds } from '../lessons/quantities.js';
import { guest } from '../stream/stream.js';
import { ELSEWHERE, keepPlace } from './place.js';
import { better, needsReport } from './student-facts.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../types/protocol').StudentsRoom} StudentsRoom */
/** @typedef {import('../types/protocol').ServerMessage} ServerMessage */
/** @typedef {import('./place.js').Place} Place */
/** @template T @typedef {import('../../vendor/signals-core/signals-core.js').Signal<T>} Signal */

/** Errors after which there is no place any more. */
const OUT = ['stranger', 'removed', 'over'];
/** Errors of what was said to the room. */
const OURS = ['closed', 'revealed', 'checked_here', 'not_yours'];

/**
 * @typedef {object} Page
 * @property {Store} store
 * @property {import('../stream/stream.js').Stream<Experiment>} stream
 * @property {import('../experiment/experiment.js').Fields} fields
 * @property {Experiment} defaults
 * @property {import('../types/protocol').Catalogue} catalogue
 */

export class Student {
  /** @type {Signal<Place | null>} */
  place = signal(/** @type {Place | null} */ (null));
  /** @type {Signal<StudentsRoom | null>} */
  room = signal(/** @type {StudentsRoom | null} */ (null));
  /** Why the reader is not in any more; '' is that there is nothing to say. */
  said = signal('');
  /** Whether the class goes on in another tab. */
  elsewhere = signal(false);
  /** How near the run has come to the task. */
  best = signal(/** @type {number | null} */ (null));
  /** Whether the reader's own experiment is there, not the class's. */
  atMine = computed(() => Boolean(this.place.value?.theirs));
  held = computed(() => this.room.value?.held === true);

  #page;
  /** What was sent last, as it is set up here. @type {{number: number, experiment: Experiment} | null} */
  #sent = null;
  /** The lesson that was begun last. */
  #lesson = '';
  #task = computed(() => JSON.stringify(this.room.value?.task ?? null));
  #reported = 0;

  /** @param {Page} page */
  constructor(page) {
    this.#page = page;
    const { store } = page;
    effect(() => {
      const place = this.place.value;
      if (!place) return;
      const here = this.#address(store.experiment.value);
      keepPlace({ ...place, here: here === '#' ? '' : here });
    });
    effect(() => {
      const task = /** @type {StudentsRoom['task']} */ (JSON.parse(this.#task.value));
      this.best.value = null;
      if (!task) return undefined;
      if (needsReport(task.until) && !store.experiment.peek().lesson) store.forgetDeeds();
      return effect(() => {
        const picture = store.current.picture.value;
        const running = store.current.experiment.value;
        const facts = {
          picture,
          ending: store.current.ending.value,
          experiment: store.experiment.value,
          deeds: store.deeds.value,
        };
        if (!picture || !running || task.solved) return;
        untracked(() => {
          this.best.value = better(task.until, picture.run, this.best.peek());
          if (!needsReport(task.until)) return;
          const done = sameRun(running, facts.experiment) && task.until.every((condition) => holds(condition, facts));
          if (done && this.#reported !== task.id) this.say({ type: 'report', task: task.id, done: true });
          this.#reported = done ? task.id : 0;
        });
      });
    });
    effect(() => {
      const done = store.lessonDone.value;
      const lesson = this.room.peek()?.lesson;
      if (!done || done.lesson !== lesson?.name) return;
      const { lesson: name, step, choice } = done;
      this.say({ type: 'report', lesson: name, step, done: true, ...(choice !== undefined && { choice }) });
    });
    let step = 0;
    effect(() => {
      const { lesson, step: at } = store.experiment.value;
      if (lesson && lesson === this.room.value?.lesson?.name && at !== step)
        this.say({ type: 'report', lesson, step: at, done: false });
      step = at;
    });
  }

  /**
   * Takes the place from now on, as the page opens: what has been trained goes on, unless the address asks for something
   * else than what was there.
   *
   * @param {Place} place
   */
  comeBack(place) {
    const { store, defaults, fields } = this.#page;
    const before = fromHash(place.here, defaults, fields).experiment;
    const asked = location.hash.length > 1 || store.dialogue.opensSaved;
    if (asked && !sameRun(store.experiment.peek(), before)) store.change({}, { anew: true });
    this.enter(place);
  }

  /** Takes the place from now on. @param {Place} place */
  enter(place) {
    batch(() => {
      this.place.value = place;
      this.said.value = '';
      this.elsewhere.value = false;
      guest.value = {
        room: place.room,
        secret: place.secret,
        session: place.session,
        hear: (message) => this.#hear(message),
        // Once the connection has seen to its own end.
        replaced: () => queueMicrotask(() => this.#out('', true)),
        mark: (experiment) =>
          this.#sent && sameRun(/** @type {Experiment} */ (experiment), this.#sent.experiment)
            ? { experiment: this.#sent.number }
            : {},
      };
    });
  }

  /** @param {import('../types/protocol').FromAMember} message */
  say(message) {
    if (guest.peek()) this.#page.stream.say(message);
  }

  /** @param {number} choice */
  answer(choice) {
    const room = this.room.peek();
    if (!room?.question) return;
    this.say({ type: 'answer', question: room.question.id, choice });
    // The server confirms it; until then the choice is as it was pressed.
    this.room.value = { ...room, question: { ...room.question, choice } };
  }

  hand() {
    const room = this.room.peek();
    if (!room) return;
    this.say({ type: 'hand', up: !room.hand });
    this.room.value = { ...room, hand: !room.hand };
  }

  leave() {
    this.say({ type: 'leave' });
    // What was said is under way before the connection goes.
    this.#out('');
    keepPlace(null);
  }

  /** The own experiment or the class's: whichever is not there. */
  swap() {
    const place = this.place.peek();
    const { store, defaults, fields } = this.#page;
    const now = store.experiment.peek();
    if (!place?.mine) return;
    const back = this.atMine.peek();
    const { experiment: other } = fromHash(back ? place.theirs : place.mine, defaults, fields);
    batch(() => {
      this.place.value = {
        ...place,
        ...(back ? { mine: this.#address(now), theirs: '' } : { theirs: this.#address(now) }),
      };
      store.change({ ...other, ...kept(now) });
    });
    store.announcer.say(back ? 'The class’s experiment is back' : 'Your own experiment is back');
  }

  /**
   * An address is never empty here, and has the name of own points that none can hold: this browser finds them again.
   *
   * @param {Experiment} experiment
   */
  #address(experiment) {
    const { defaults, fields } = this.#page;
    return withKept(toHash(experiment, defaults, fields), experiment, fields) || '#';
  }

  /** @param {ServerMessage} message */
  #hear(message) {
    if (message.type === 'room') {
      this.#take(message);
      return true;
    }
    if (message.type === 'over') {
      this.#out(message.detail);
      keepPlace(null);
      return true;
    }
    if (message.type === 'configured') {
      this.#settle(true);
      if (message.resumed && message.setup) this.#adopt(message.setup, message);
    }
    if (message.type !== 'error') return false;
    if (message.code === 'unknown_session') this.#settle(false);
    // While the connection comes up it is the room that is not there.
    const gone = message.code === 'not_found' && !this.#page.store.dialogue.live;
    if (gone || OUT.includes(message.code)) {
      this.#out(message.detail);
      keepPlace(null);
      return true;
    }
    if (!OURS.includes(message.code)) return false;
    this.#page.store.complain(message.detail);
    return true;
  }

  /**
   * What the member's network is, where this page does not know it and nothing else is wanted of it.
   *
   * @param {import('../types/protocol').RunSpec} setup as it began
   * @param {import('../types/protocol').Configured} now
   */
  #adopt(setup, { session, runs: [{ state }] }) {
    const { store, catalogue } = this.#page;
    const here = store.experiment.peek();
    const there = { ...here, ...experimentOf(setup, catalogue) };
    const known = store.current.experiment.peek() && store.dialogue.session.peek() === session;
    if (known || store.dialogue.startsAnew || sameRun(here, there)) return;
    store.experiment.value = {
      ...there,
      ...(state && {
        learningRate: state.learning_rate,
        l1: state.l1,
        l2: state.l2,
        stopCost: state.stop?.cost ?? null,
        stopAccuracy: state.stop?.accuracy ?? null,
        stopPatience: state.stop?.patience ?? null,
      }),
    };
  }

  /** @param {StudentsRoom} room */
  #take(room) {
    const { store } = this.#page;
    const place = this.place.peek();
    batch(() => {
      this.room.value = room;
      store.classroom.value = room.reduction;
      if (place && (place.name !== room.name || place.title !== room.title))
        this.place.value = { ...place, name: room.name, title: room.title };
      if (room.experiment) this.#setUp(room.experiment);
      this.#takeLesson(room.lesson?.name ?? '');
    });
  }

  /** @param {import('../types/protocol').SentExperiment} sent */
  #setUp({ number, page, seed, playing }) {
    const { store, defaults, fields } = this.#page;
    const place = this.place.peek();
    if (!place) return;
    const { experiment } = fromHash(page, defaults, fields);
    const now = store.experiment.peek();
    const after = { ...experiment, ...(seed !== null && { weightSeed: seed, parameters: null }), ...kept(now) };
    this.#sent = { number, experiment: after };
    if (number <= place.set || place.set === ELSEWHERE) return;
    const mine = place.set === 0 || this.atMine.peek() ? this.#address(now) : place.mine;
    this.place.value = { ...place, set: number, mine, theirs: '' };
    store.dialogue.playing.value = playing;
    store.change(after, { anew: true });
  }

  /**
   * Whoever has come from another device has what was sent set up already, if there is a network; else it is to be.
   *
   * @param {boolean} trained
   */
  #settle(trained) {
    const [place, sent] = [this.place.peek(), this.room.peek()?.experiment];
    if (place?.set !== ELSEWHERE) return;
    this.place.value = { ...place, set: trained ? (sent?.number ?? 0) : 0 };
    if (sent) this.#setUp(sent);
  }

  /** @param {string} name '' is none */
  #takeLesson(name) {
    if (name === this.#lesson) return;
    const { store } = this.#page;
    const before = this.#lesson;
    this.#lesson = name;
    const now = store.experiment.peek().lesson;
    if (name && now !== name) store.change({ lesson: name, step: 1 });
    else if (!name && now === before) store.change({ lesson: '', step: 1 });
  }

  /** Not in the room any more: what is set up stays. @param {string} why @param {boolean} [elsewhere] */
  #out(why, elsewhere = false) {
    batch(() => {
      if (!elsewhere) this.place.value = null;
      this.room.value = null;
      this.said.value = why;
      this.elsewhere.value = elsewhere;
      this.#page.store.classroom.value = { hide: [], lock: [] };
      this.#sent = null;
      guest.value = null;
    });
  }
}

/** What is the reader's own to see, whoever sends what. @type {(keyof Experiment)[]} */
const OWN = [
  'panel',
  'showTest',
  'discretise',
  'mistakes',
  'comparison',
  'sweep',
  'sweepSeeds',
  'sweepIterations',
  'lesson',
  'step',
  'hide',
  'lock',
  'embed',
];

/** @param {Experiment} experiment @returns {Partial<Experiment>} */
const kept = (experiment) => Object.fromEntries(OWN.map((name) => [name, experiment[name]]));
