/**
 * What the page knows, as signals, and the commands that change it. Views read the signals and call the commands; `send` leads to
 * the server, and what the server says comes in through `receive…`.
 *
 * While the connection is down commands are kept as what is wanted in the end (`#deferred`), not as a list: it cannot overflow.
 */

import { batch, computed, effect, signal } from '../vendor/signals-core/signals-core.js';
import { configureMessage, sameData, sameRun } from './experiment.js';
import { cost, count } from './format.js';
import { History, floats } from './history.js';

/** @typedef {import('./types/protocol').ClientMessage} ClientMessage */
/** @typedef {import('./types/protocol').ServerMessage} ServerMessage */
/** @typedef {import('./types/protocol').Configured} Configured */
/** @typedef {import('./types/protocol').Points} Points */
/** @typedef {import('./types/protocol').Frame} Frame */
/** @typedef {import('./types/protocol').FrameRun} FrameRun */
/** @typedef {import('./experiment.js').Experiment} Experiment */

/** @typedef {'connecting' | 'live' | 'reconnecting'} ConnectionState */
/** @typedef {{iteration: number, run: FrameRun}} Picture what is drawn */
/** @typedef {{experiment: Experiment, history: History}} Ghost an earlier run on the same data */
/** @typedef {{kind: 'problem' | 'note', text: string}} Notice */
/** @typedef {{layer: number, unit: number}} Selection layer counts from the input, 0 */

const MAX_GHOSTS = 5;
/** Numbers that change faster than this cannot be read (milliseconds). */
const READING_INTERVAL = 80;

/** @template T @typedef {import('../vendor/signals-core/signals-core.js').Signal<T>} Signal */

/** @returns {{restart: 'configure' | 'reset' | null, steps: number, playing: boolean | null}} */
const nothing = () => ({ restart: null, steps: 0, playing: null });


/**
 * A computed value that stays the same object as long as it says the same, so that nothing is drawn anew for it.
 *
 * @template T
 * @param {() => T} compute
 */
function unlessSame(compute) {
  /** @type {T} */
  let before;
  return computed(() => {
    const now = compute();
    if (JSON.stringify(now) !== JSON.stringify(before)) before = now;
    return before;
  });
}

export class Store {
  /** What is set up. @type {Signal<Experiment>} */
  experiment;
  /** @type {Signal<ConnectionState>} */
  connection = signal(/** @type {ConnectionState} */ ('connecting'));
  playing = signal(false);
  /** @type {Signal<Points | null>} */
  points = signal(/** @type {Points | null} */ (null));
  /** The experiment that the costs in `history` are of. @type {Signal<Experiment | null>} */
  running = signal(/** @type {Experiment | null} */ (null));
  /** The latest frame. @type {Signal<Picture | null>} */
  picture = signal(/** @type {Picture | null} */ (null));
  /** The same for what is read rather than looked at: while playing only a few times a second. @type {Signal<Picture | null>} */
  reading = signal(/** @type {Picture | null} */ (null));
  /** Every cost of this run; grows without notice, look at it when `picture` changes. */
  history = new History();
  /** Oldest first. @type {Signal<Ghost[]>} */
  ghosts = signal(/** @type {Ghost[]} */ ([]));
  /** @type {Signal<Notice | null>} */
  notice = signal(/** @type {Notice | null} */ (null));
  /** For screen readers. */
  announcement = signal('');
  /** Why no more iterations come: the run diverged, or ended. @type {Signal<'diverged' | 'ended' | null>} */
  halted = signal(/** @type {'diverged' | 'ended' | null} */ (null));
  /** @type {Signal<Selection | null>} */
  selection = signal(/** @type {Selection | null} */ ({ layer: 1, unit: 0 }));

  /** Units of every layer, inputs and output included. */
  layerSizes = unlessSame(() => [2, ...this.experiment.value.units, 1]);
  /** The selection, as far as the network still has it. */
  selected = unlessSame(() => {
    const chosen = this.selection.value;
    const sizes = this.layerSizes.value;
    if (!chosen) return null;
    const layer = Math.min(chosen.layer, sizes.length - 1);
    return { layer, unit: Math.min(chosen.unit, sizes[layer] - 1) };
  });

  #send;
  /** @type {string | null} */
  #session = null;
  /** Experiments sent to the server that it has not confirmed, oldest first. @type {Experiment[]} */
  #unconfirmed = [];
  #resetUnconfirmed = false;
  /** Between a restart lost with its connection and the next: costs may be of either run. */
  #costsUncertain = false;
  #deferred = nothing();
  #reported = { learningRate: 0, iterationsPerFrame: 0 };

  /** @param {Experiment} experiment @param {(message: ClientMessage) => void} send */
  constructor(experiment, send) {
    this.experiment = signal(experiment);
    this.#send = send;
    let read = -Infinity;
    effect(() => {
      const picture = this.picture.value;
      const now = performance.now();
      if (this.playing.value && picture && this.reading.peek() && now - read < READING_INTERVAL) return;
      read = now;
      this.reading.value = picture;
    });
  }

  // ---- commands

  play() {
    if (this.halted.value) this.reset();
    this.playing.value = true;
    this.announcement.value = 'Training';
    if (this.#live) this.#send({ type: 'play' });
    else this.#deferred.playing = true;
  }

  pause() {
    this.playing.value = false;
    this.#announcePause();
    if (this.#live) this.#send({ type: 'pause' });
    else this.#deferred.playing = false;
  }

  toggle() {
    if (this.playing.value) this.pause();
    else this.play();
  }

  step() {
    if (this.halted.value) this.reset();
    this.playing.value = false;
    if (this.#live) {
      this.#send({ type: 'step', iterations: 1 });
    } else {
      this.#deferred.steps += 1;
      this.#deferred.playing = false;
    }
  }

  /** Back to iteration 0 and the same initial weights. */
  reset() {
    this.#restarted();
    this.announcement.value = 'Back at iteration 0, with the same initial weights';
    if (this.#live) {
      this.#resetUnconfirmed = true;
      this.#send({ type: 'reset' });
    } else {
      this.#deferred.restart ??= 'reset';
      this.#deferred.steps = 0;
    }
  }

  /**
   * Changes the experiment; whatever cannot change while training restarts it, playing on if it was playing.
   *
   * @param {Partial<Experiment>} changes
   */
  change(changes) {
    const before = this.experiment.value;
    const after = { ...before, ...changes };
    // In a batch, so that the message is under way before the page is redrawn.
    batch(() => {
      this.experiment.value = after;
      if (!sameRun(before, after)) this.#configure();
      else if (this.#live) this.#adjust();
    });
  }

  /** @param {Selection} selection */
  select(selection) {
    const now = this.selected.value;
    const again = now !== null && now.layer === selection.layer && now.unit === selection.unit;
    this.selection.value = again ? null : selection;
  }

  forgetGhosts() {
    this.ghosts.value = [];
  }

  // ---- the connection

  /** The query of the address to connect to. */
  query() {
    const known = this.#resetUnconfirmed || this.#costsUncertain ? 0 : this.history.length;
    return this.#session === null ? '' : `session=${this.#session}&iteration=${known}`;
  }

  opened() {
    if (this.#session === null) this.#begin();
  }

  closed() {
    if (this.#unconfirmed.length > 0) {
      this.#deferred.restart = 'configure';
      this.#costsUncertain = true;
    } else if (this.#resetUnconfirmed) {
      this.#deferred.restart ??= 'reset';
    }
    this.#unconfirmed = [];
    this.connection.value = 'reconnecting';
  }

  takenOver() {
    this.#session = null;
  }

  /** Whether the server should be talking. */
  expecting() {
    return this.playing.value || this.#unconfirmed.length > 0 || this.#resetUnconfirmed || !this.#live;
  }

  /** @param {ServerMessage} message */
  receive(message) {
    batch(() => {
      switch (message.type) {
        case 'configured':
          return message.resumed ? this.#resumed(message) : this.#configured(message);
        case 'state':
          this.#report(message.runs[0].learning_rate, message.iterations_per_frame);
          if (this.playing.value && !message.playing) this.#announcePause();
          this.playing.value = message.playing;
          return undefined;
        case 'diverged':
          this.#halt('diverged', `Diverged at iteration ${count(message.iteration)}. ${message.reason} Play starts again from the same weights.`);
          return undefined;
        case 'ended':
          this.#halt('ended', `Training ended at iteration ${count(message.iteration)}. Reset starts again from the same weights.`);
          return undefined;
        case 'error':
          return this.#refused(message.code, message.detail);
      }
    });
  }

  /** Keeps the costs of a frame; what it shows is drawn when the screen is ready. @param {Frame} frame */
  receiveCosts({ iteration, runs: [run] }) {
    if (this.#costsUncertain) return;
    const restarted = run.first_iteration === 0 && iteration === run.costs.byteLength / 4;
    if (restarted) this.#resetUnconfirmed = false;
    if (restarted || run.costs.byteLength > 0) this.history.write(run.first_iteration, floats(run.costs));
    if (run.test_cost !== null) this.history.writeTest(iteration, run.test_cost);
  }

  /** @param {Frame} frame */
  show({ iteration, runs: [run] }) {
    this.picture.value = { iteration, run };
  }

  // ---- within

  get #live() {
    return this.connection.value === 'live';
  }

  /** A new session with what is set up. */
  #begin() {
    const { steps } = this.#deferred;
    this.#deferred = nothing();
    this.connection.value = 'live';
    this.#configure();
    if (steps > 0) this.#send({ type: 'step', iterations: steps });
  }

  #configure() {
    this.#restarted();
    if (this.#live) {
      this.#unconfirmed.push(this.experiment.value);
      this.#send(configureMessage(this.experiment.value, this.playing.value));
    } else {
      this.#deferred.restart = 'configure';
      this.#deferred.steps = 0;
    }
  }

  #restarted() {
    if (this.halted.value === null) return;
    this.halted.value = null;
    this.notice.value = null;
  }

  /** The server has taken what was sent first. @param {Configured} message */
  #configured({ session, data, playing, iterations_per_frame, runs: [{ training }] }) {
    this.#session = session;
    const before = this.running.value;
    const now = this.#unconfirmed.shift() ?? this.experiment.value;
    if (before && sameData(before, now)) this.#leaveGhost(before);
    else this.ghosts.value = [];
    this.history = new History();
    this.#costsUncertain = false;
    this.#resetUnconfirmed = false;
    this.running.value = now;
    this.picture.value = null;
    this.#plot(data);
    if (this.#unconfirmed.length > 0) return;
    this.playing.value = playing;
    this.#report(training.learning_rate, iterations_per_frame);
    this.#adjust();
  }

  /** The same session goes on: ask for what was wanted meanwhile. @param {Configured} message */
  #resumed({ data, playing, iterations_per_frame, runs: [{ training }] }) {
    const { restart, steps, playing: wanted } = this.#deferred;
    this.#deferred = nothing();
    this.connection.value = 'live';
    this.#plot(data);
    this.#report(training.learning_rate, iterations_per_frame);
    if (restart === 'configure') {
      this.#configure();
    } else {
      if (restart === 'reset') this.reset();
      this.#adjust();
      if (steps > 0) this.#send({ type: 'step', iterations: steps });
      const goesOn = playing && steps === 0;
      if (wanted !== null && wanted !== goesOn) this.#send({ type: wanted ? 'play' : 'pause' });
      this.playing.value = wanted ?? goesOn;
    }
    this.announcement.value = 'Connected again';
  }

  /** Sends what changes while training, where the server has it differently. */
  #adjust() {
    const { learningRate, iterationsPerFrame } = this.experiment.value;
    const changes = {
      ...(learningRate !== this.#reported.learningRate && { learning_rate: learningRate }),
      ...(iterationsPerFrame !== this.#reported.iterationsPerFrame && { iterations_per_frame: iterationsPerFrame }),
    };
    if (Object.keys(changes).length > 0) this.#send({ type: 'set', ...changes });
    this.#report(learningRate, iterationsPerFrame);
  }

  /** @param {number} learningRate @param {number} iterationsPerFrame */
  #report(learningRate, iterationsPerFrame) {
    this.#reported = { learningRate, iterationsPerFrame };
  }

  /** @param {Points} points */
  #plot(points) {
    if (JSON.stringify(points) !== JSON.stringify(this.points.value)) this.points.value = points;
  }

  /** @param {Experiment} experiment the run that ends here */
  #leaveGhost(experiment) {
    if (this.history.length < 2 || this.#costsUncertain) return;
    const ghost = { experiment, history: this.history };
    const twin = this.ghosts.value.find((other) => sameRun(other.experiment, experiment));
    const kept = twin && twin.experiment.learningRate === experiment.learningRate && twin.history.length > ghost.history.length ? twin : ghost;
    this.ghosts.value = [...this.ghosts.value.filter((other) => other !== twin), kept].slice(-MAX_GHOSTS);
  }

  /** @param {'diverged' | 'ended'} why @param {string} text */
  #halt(why, text) {
    if (this.halted.value !== null) return;
    this.halted.value = why;
    this.playing.value = false;
    this.notice.value = { kind: 'problem', text };
  }

  #announcePause() {
    const picture = this.picture.value;
    if (picture) this.announcement.value = `Paused at iteration ${count(picture.iteration)}, cost ${cost(picture.run.train_cost)}`;
  }

  /** @param {string} code @param {string} detail */
  #refused(code, detail) {
    if (code === 'unknown_session') {
      this.#session = null;
      this.notice.value = { kind: 'note', text: 'The server no longer had this session; it started again from the same initial weights.' };
      this.#begin();
      return;
    }
    // What the server refused is undone; it trains on as it was.
    const { running } = this;
    if (this.#unconfirmed.shift() && running.value) this.experiment.value = running.value;
    this.notice.value = { kind: 'problem', text: detail };
  }
}
