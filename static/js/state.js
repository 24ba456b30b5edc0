/**
 * What the page knows, as signals, and the commands that change it. Views read the signals and call the commands; `send` leads to
 * the server, and what the server says comes in through `receive…`.
 *
 * While the connection is down commands are kept as what is wanted in the end (`#deferred`), not as a list: it cannot overflow.
 */

import { batch, computed, effect, signal } from '../vendor/signals-core/signals-core.js';
import { MAX_VALUE, OWN, changed, conditions, configureMessage, defaultsOf, layerSizes, liveTraining, obstacle, sameData, sameRun } from './experiment.js';
import { described, fromCheckpoint } from './checkpoint.js';
import { cost, count } from './format.js';
import { History, floats } from './history.js';

/** @typedef {import('./types/protocol').ClientMessage} ClientMessage */
/** @typedef {import('./types/protocol').ServerMessage} ServerMessage */
/** @typedef {import('./types/protocol').Configured} Configured */
/** @typedef {import('./types/protocol').Points} Points */
/** @typedef {import('./types/protocol').Frame} Frame */
/** @typedef {import('./types/protocol').FrameRun} FrameRun */
/** @typedef {import('./types/protocol').LayerParameters} LayerParameters */
/** @typedef {import('./experiment.js').Experiment} Experiment */

/** @typedef {'connecting' | 'live' | 'reconnecting'} ConnectionState */
/** @typedef {import('./connection.js').Wait} Wait */
/** @typedef {{iteration: number, run: FrameRun}} Picture what is drawn */
/** @typedef {{experiment: Experiment, history: History}} Ghost an earlier run on the same data */
/** @typedef {{experiment: Experiment, history: History, picture: Picture, halted: Halt | null}} Run */
/** @typedef {import('./runs.js').KeptRun} KeptRun */
/** @typedef {{kind: 'problem' | 'note', text: string, offer?: {label: string, accept: () => void}}} Notice one with an offer stays until it is answered */
/** @typedef {{layer: number, unit: number}} Selection layer counts from the input, 0 */
/** @typedef {'diverged' | 'ended' | 'stopped'} Halt */
/** @typedef {import('./experiment.js').HiddenLayer} HiddenLayer */
/** @typedef {import('./types/protocol').Catalogue} Catalogue */
/** @typedef {import('./types/protocol').Parameter} Parameter */
/** @typedef {{value?: number, frozen?: boolean}} Edit */
/** @typedef {import('./types/protocol').Question} Question */
/** @typedef {import('./types/painting').Part} Part */
/** @typedef {import('./types/painting').Light} Light */
/** @typedef {import('./types/protocol').Answer} Answer */
/** @typedef {import('./parts.js').Reduction & {highlight: readonly string[]}} Staging what a lesson does to the parts of the page */
/** @typedef {NonNullable<import('./types/protocol').Ended['reason']>} Ending */
/** @typedef {{inspected?: 'batch' | 'example' | 'point', checked?: boolean, timed?: number, swept?: number, compared?: number}} Deeds */

const MAX_GHOSTS = 5;
/** @type {Staging} */
export const UNSTAGED = { hide: [], lock: [], highlight: [] };
/** Numbers that change faster than this cannot be read (milliseconds). */
const READING_INTERVAL = 80;

/** @template T @typedef {import('../vendor/signals-core/signals-core.js').Signal<T>} Signal */

/** @returns {{restart: 'configure' | 'reset' | null, weights: readonly LayerParameters[] | null, seek: number | null, steps: number, playing: boolean | null, edits: Map<string, Parameter & Edit>}} */
const nothing = () => ({ restart: null, weights: null, seek: null, steps: 0, playing: null, edits: new Map() });

/** A parameter as a key. @param {Parameter} parameter */
export const parameterKey = ({ layer, unit, input }) => `${layer} ${unit} ${input ?? 'b'}`;

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
  /** Why the server has no session for this page yet, and when it is asked again. @type {Signal<Wait | null>} */
  waiting = signal(/** @type {Wait | null} */ (null));
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
  /** Whose training this is: under its name the server gives files of it. @type {Signal<string | null>} */
  session = signal(/** @type {string | null} */ (null));
  /** Parameters that training leaves alone, by their keys. @type {Signal<ReadonlyMap<string, Parameter>>} */
  frozen = signal(/** @type {ReadonlyMap<string, Parameter>} */ (new Map()));
  /** Oldest first. @type {Signal<Ghost[]>} */
  ghosts = signal(/** @type {Ghost[]} */ ([]));
  /** Kept runs that are shown beside this one. @type {Signal<KeptRun[]>} */
  compared = signal(/** @type {KeptRun[]} */ ([]));
  /** @type {Signal<Notice | null>} */
  notice = signal(/** @type {Notice | null} */ (null));
  /** For screen readers. */
  announcement = signal('');
  /** Why no more iterations come: the run diverged, or is at its end, or has met a condition to stop at. @type {Signal<Halt | null>} */
  halted = signal(/** @type {Halt | null} */ (null));
  /** Why the run is over, if it is. @type {Signal<Ending | null>} */
  ending = signal(/** @type {Ending | null} */ (null));
  /** @type {Signal<Staging>} */
  staged = signal(UNSTAGED);
  /** What the reader has done, by names of docs/lessons.md: a lesson asks for some of it, and empties it as a step begins. @type {Signal<Deeds>} */
  deeds = signal(/** @type {Deeds} */ ({}));
  /** Whether somebody looks at the frames' diagnostics. */
  diagnosed = computed(() => this.#watchers.value > 0);
  /** The iteration that the reader wants to see, until it is seen. @type {Signal<number | null>} */
  sought = signal(/** @type {number | null} */ (null));
  /** @type {Signal<Selection | null>} */
  selection = signal(/** @type {Selection | null} */ ({ layer: 1, unit: 0 }));

  /** What the reader points at in the network. @type {Signal<Part | null>} */
  pointed = signal(/** @type {Part | null} */ (null));
  /** What a panel speaks of: it stands out in the network. @type {Signal<Light | null>} */
  lit = signal(/** @type {Light | null} */ (null));

  #watchers = signal(0);
  /** What the server said it trains. @type {string | null} */
  #described = null;
  /** Who is told of which answers. @type {Map<string, Set<(message: any) => void>>} */
  #listeners = new Map();
  /** @type {Signal<Selection | null>} */
  #looked = signal(/** @type {Selection | null} */ (null));

  /** Units of every layer, inputs and output included. */
  layerSizes = unlessSame(() => layerSizes(this.experiment.value));
  /** Names of the network's inputs, in their order. */
  features = unlessSame(() => this.experiment.value.features);
  /** The activation of each hidden layer. */
  activations = unlessSame(() => this.experiment.value.layers.map(({ activation }) => activation));
  problem = computed(() => this.experiment.value.problem);
  /** As in the tables of formulas. */
  outputActivation = computed(() => (this.problem.value === 'regression' ? 'linear' : 'sigmoid'));
  /** The panel of the drawer that is open; '' is none. */
  panel = computed(() => this.experiment.value.panel);
  /** What is hidden and locked, by the address or by a lesson. @type {Signal<import('./parts.js').Reduction>} */
  reduction = unlessSame(() => {
    const { hide, lock } = this.experiment.value;
    const staged = this.staged.value;
    return { hide: [...hide, ...staged.hide], lock: [...lock, ...staged.lock] };
  });
  /** What stands in the way of training what is set up; '' is nothing. */
  obstacle = computed(() => obstacle(this.experiment.value));
  /** The unit that the reader looks at, as far as the network still has it: its map fills the plane. */
  lookedAt = unlessSame(() => {
    const looked = this.#looked.value;
    return looked && looked.unit < (this.layerSizes.value[looked.layer] ?? 0) ? looked : null;
  });
  /** Of each hidden layer, whether its activation is zero on a whole side of z = 0. */
  flat = unlessSame(() => this.activations.value.map((activation) => activation === 'relu'));
  /** The selection, as far as the network still has it. */
  selected = unlessSame(() => {
    const chosen = this.selection.value;
    const sizes = this.layerSizes.value;
    if (!chosen) return null;
    const layer = Math.min(chosen.layer, sizes.length - 1);
    return { layer, unit: Math.min(chosen.unit, sizes[layer] - 1) };
  });

  #send;
  /** Experiments sent to the server that it has not confirmed, oldest first. @type {Experiment[]} */
  #unconfirmed = [];
  /** What each message sets up. @type {WeakMap<ClientMessage, Experiment>} */
  #asked = new WeakMap();
  /** Steps that were asked for with a session that is not there yet. */
  #firstSteps = 0;
  #resetUnconfirmed = false;
  /** Experiments that were begun with the weights there were, not with those of their seed. @type {WeakSet<Experiment>} */
  #carried = new WeakSet();
  /** The weights that were last seen of this run. @type {readonly LayerParameters[] | null} */
  #weights = null;
  /** Between a restart lost with its connection and the next: costs may be of either run. */
  #costsUncertain = false;
  #deferred = nothing();
  /** What the server has last said of what can change while training. @type {Record<string, unknown>} */
  #reported = {};
  /** The iteration of the `seek` that the server has not answered; the next one waits for it. @type {number | null} */
  #seeking = null;
  /** Iterations that the server has told of in this run, since its last seek. */
  #reached = 0;
  /** For a layer that is added where there is none. @type {HiddenLayer} */
  #spareLayer;
  #catalogue;
  /** Under which the server has this run, until it has brought it back. @type {string | null} */
  #saved;

  /** @param {Experiment} experiment @param {Catalogue} catalogue @param {(message: ClientMessage) => void} send @param {string | null} [saved] the id of a saved run to go on with */
  constructor(experiment, catalogue, send, saved = null) {
    this.experiment = signal(experiment);
    this.#saved = saved;
    this.#catalogue = catalogue;
    this.#spareLayer = experiment.layers.at(-1) ?? defaultsOf(catalogue).layers[0];
    this.#send = send;
    let read = -Infinity;
    effect(() => {
      const picture = this.picture.value;
      const now = performance.now();
      if (this.playing.value && picture && this.reading.peek() && now - read < READING_INTERVAL) return;
      read = now;
      this.reading.value = picture;
      if (picture?.run.boundary) this.history.writePicture(picture.iteration, picture.run.train_cost, picture.run.boundary);
    });
  }

  // ---- commands

  play() {
    if (this.#hindered()) return;
    this.#goOn();
    this.playing.value = true;
    this.announcement.value = 'Training';
    if (this.#free) this.#send({ type: 'play' });
    else this.#deferred.playing = true;
  }

  pause() {
    this.playing.value = false;
    this.#announcePause();
    if (this.#free) this.#send({ type: 'pause' });
    else this.#deferred.playing = false;
  }

  toggle() {
    if (this.playing.value) this.pause();
    else this.play();
  }

  /** @param {number} [iterations] */
  step(iterations = 1) {
    if (this.#hindered()) return;
    this.#goOn();
    this.playing.value = false;
    if (this.#free) {
      this.#send({ type: 'step', iterations });
    } else {
      this.#deferred.steps += iterations;
      this.#deferred.playing = false;
    }
  }

  /** Whether the server trains what is set up, as far as it is there to. */
  get settled() {
    return this.#unconfirmed.length === 0;
  }

  /** How many iterations it takes to see every training example once. */
  get epoch() {
    const { batchSize } = this.experiment.value;
    const examples = this.points.value?.split.train.length ?? 0;
    return batchSize === null ? 1 : Math.max(1, Math.ceil(examples / batchSize));
  }

  /** The last iteration of this run that there has been, also after going back. */
  get furthest() {
    return Math.max(this.history.length, this.picture.peek()?.iteration ?? 0);
  }

  /**
   * To exactly that iteration, as far as the run has come, and pauses there. One seek at a time is under way; of those that come
   * meanwhile the latest wins.
   *
   * @param {number} iteration
   */
  seek(iteration) {
    const to = Math.max(0, Math.min(Math.round(iteration), this.furthest));
    this.#restarted();
    this.playing.value = false;
    if (this.#live) this.sought.value = to;
    if (this.#free) {
      this.#sendSeek(to);
    } else {
      this.#deferred.seek = to;
      this.#deferred.steps = 0;
      this.#deferred.edits.clear();
      this.#deferred.playing = false;
    }
  }

  /** Back to iteration 0 and the same initial weights. */
  reset() {
    this.#restarted();
    this.#forgetSeeking();
    this.announcement.value = 'Back at iteration 0, with the same initial weights';
    if (this.running.value && this.#carried.has(this.running.value)) {
      this.#configure();
      return;
    }
    if (this.#live) {
      this.#sendReset();
    } else {
      this.#deferred.restart ??= 'reset';
      this.#deferred.weights = null;
      this.#deferred.seek = null;
      this.#deferred.steps = 0;
      this.#deferred.edits.clear();
    }
  }

  /**
   * Gives a parameter another value, freezes or frees it, without a restart.
   *
   * @param {Parameter} parameter
   * @param {Edit} edit
   */
  edit({ layer, unit, input }, edit) {
    const parameter = { layer, unit, input };
    if (this.#free) {
      this.#send({ type: 'edit', ...parameter, ...edit });
      return;
    }
    const key = parameterKey(parameter);
    this.#deferred.edits.set(key, { ...this.#deferred.edits.get(key), ...parameter, ...edit });
  }

  /**
   * Changes the experiment; whatever cannot change while training restarts it, playing on if it was playing.
   *
   * @param {Partial<Experiment>} changes
   * @param {{keepWeights?: boolean}} [manner] `keepWeights` begins the run with the weights there are, if they fit; Reset still
   *   goes back to those of the seed
   */
  change(changes, { keepWeights = false } = {}) {
    const before = this.experiment.value;
    const after = changed(before, changes, this.#catalogue);
    this.#spareLayer = before.layers.at(-1) ?? this.#spareLayer;
    // In a batch, so that the message is under way before the page is redrawn.
    batch(() => {
      this.experiment.value = after;
      if (!sameRun(before, after)) {
        this.#configure(keepWeights ? this.#weightsFor(after) : null);
        return;
      }
      if (this.running.value && sameRun(this.running.value, after)) {
        if (this.#carried.has(this.running.value)) this.#carried.add(after);
        this.running.value = after;
      }
      if (this.#live) this.#adjust();
    });
  }

  /** One more hidden layer, like the last. */
  addLayer() {
    const { layers } = this.experiment.value;
    this.change({ layers: [...layers, layers.at(-1) ?? this.#spareLayer] });
  }

  /** @param {number} layer as in the lecture: the first hidden one is 1 @param {Partial<HiddenLayer>} changes */
  changeLayer(layer, changes) {
    this.change({ layers: this.experiment.value.layers.map((now, index) => (index === layer - 1 ? { ...now, ...changes } : now)) });
  }

  /** @param {Partial<HiddenLayer>} changes to every hidden layer */
  changeLayers(changes) {
    this.change({ layers: this.experiment.value.layers.map((layer) => ({ ...layer, ...changes })) });
  }

  /** @param {Selection} selection */
  select(selection) {
    const now = this.selected.value;
    const again = now !== null && now.layer === selection.layer && now.unit === selection.unit;
    this.selection.value = again ? null : selection;
  }

  /** @param {Selection | null} selection the unit whose map shall fill the plane */
  look(selection) {
    this.#looked.value = selection;
  }

  forgetGhosts() {
    this.ghosts.value = [];
    this.compared.value = [];
  }

  /**
   * Asks the server something that changes nothing; the answer goes to who listens for it. While the connection is down nothing is
   * asked: ask again once `connection` is live.
   *
   * @param {Question} question
   * @returns {boolean} whether it was asked
   */
  ask(question) {
    if (this.#live) this.#send(question);
    return this.#live;
  }

  /**
   * @template {Answer['type']} T
   * @param {T} type
   * @param {(answer: Extract<Answer, {type: T}>) => void} listener
   * @returns {() => void} stops listening
   */
  listen(type, listener) {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Has frames carry diagnostics, until what it returns is called. @returns {() => void} */
  watchDiagnostics() {
    this.#watchers.value++;
    return () => {
      this.#watchers.value--;
    };
  }

  /** @param {Deeds} deed */
  did(deed) {
    this.deeds.value = { ...this.deeds.peek(), ...deed };
  }

  // ---- the connection

  /** Is told of each run that gives way to another. @type {(run: Run) => void} */
  left = () => undefined;

  /** Asks the server at once, instead of waiting. @type {() => void} */
  tryNow = () => undefined;

  /** The query of the address to connect to. */
  query() {
    const known = this.#resetUnconfirmed || this.#costsUncertain ? 0 : Math.min(this.history.length, this.#reached);
    const session = this.session.value;
    if (session === null) return this.#saved === null ? '' : `saved=${this.#saved}`;
    return `session=${session}&iteration=${known}`;
  }

  opened() {
    if (this.session.value === null && this.#saved === null) this.#begin();
  }

  closed() {
    const lost = this.#unconfirmed.at(-1);
    if (lost) {
      this.#deferred.restart = 'configure';
      this.#deferred.weights = this.#carried.has(lost) ? this.#weights : null;
      this.#costsUncertain = true;
    } else if (this.#resetUnconfirmed) {
      this.#deferred.restart ??= 'reset';
    }
    this.#unconfirmed = [];
    this.#deferred.steps += this.#firstSteps;
    this.#firstSteps = 0;
    this.connection.value = 'reconnecting';
    this.#deferred.seek ??= this.#seeking;
    this.#forgetSeeking();
  }

  takenOver() {
    this.session.value = null;
  }

  /** Something newer was said before the server took this. @param {ClientMessage} message */
  dropped(message) {
    const place = this.#unconfirmed.indexOf(/** @type {Experiment} */ (this.#asked.get(message)));
    if (place >= 0) this.#unconfirmed.splice(place, 1);
  }

  /** Whether the server should be talking. */
  expecting() {
    return this.playing.value || this.#seeking !== null || this.#unconfirmed.length > 0 || this.#resetUnconfirmed || !this.#live;
  }

  /** @param {ServerMessage} message */
  receive(message) {
    batch(() => {
      switch (message.type) {
        case 'configured':
          return message.resumed ? this.#resumed(message) : this.#configured(message);
        case 'state':
          this.#report(message.runs[0], message.iterations_per_frame);
          if (this.#seeking !== null) return this.#sought(message.iteration);
          if (this.playing.value && !message.playing) this.#announcePause();
          this.playing.value = message.playing;
          return undefined;
        case 'diverged':
          this.#diverged(message.iteration, message.reason);
          return undefined;
        case 'ended':
          this.#ended(message);
          return undefined;
        case 'error':
          // Only a question can ask for too much.
          return message.code === 'too_much' ? this.#answer({ type: 'too_much', detail: message.detail }) : this.#refused(message.code, message.detail);
        default:
          return this.#answer(message);
      }
    });
  }

  /** Keeps the costs of a frame. @param {import('./types/painting').Told} told */
  receiveCosts({ iteration, runs: [run] }) {
    if (this.#costsUncertain) return;
    const restarted = run.first_iteration === 0 && iteration === run.costs.byteLength / 4;
    if (restarted && this.#resetUnconfirmed) {
      this.#resetUnconfirmed = false;
      this.#leaveRun();
      this.history.clear();
    }
    this.#reached = iteration;
    if (run.costs.byteLength > 0) this.history.write(run.first_iteration, floats(run.costs));
    if (run.test_cost !== null && run.test_cost < Infinity) this.history.writeTest(iteration, run.test_cost);
  }

  /** What has been drawn. @param {Pick<Frame, 'iteration' | 'runs'>} picture */
  show({ iteration, runs: [run] }) {
    this.picture.value = { iteration, run };
    this.#weights = run.layers;
    if (this.#seeking === null && this.sought.value === iteration) this.sought.value = null;
  }

  /** The run there is, as far as it has come. @returns {Run | null} */
  get run() {
    const [experiment, picture] = [this.running.peek(), this.picture.peek()];
    return experiment && picture && !this.#costsUncertain ? { experiment, history: this.history, picture, halted: this.halted.peek() } : null;
  }

  // ---- within

  /** @param {Answer} answer */
  #answer(answer) {
    for (const listener of this.#listeners.get(answer.type) ?? []) listener(answer);
  }

  #leaveRun() {
    const { run } = this;
    if (run) this.left(run);
  }

  get #live() {
    return this.connection.value === 'live';
  }

  /** Whether a command can be sent at once; else it is wanted in the end. */
  get #free() {
    return this.#live && this.#seeking === null;
  }

  /** A new session with what is set up. */
  #begin() {
    const { steps } = this.#deferred;
    this.#deferred = nothing();
    this.connection.value = 'live';
    this.#configure();
    if (steps === 0 || this.#unconfirmed.length === 0) return;
    this.#firstSteps = steps;
    this.#send({ type: 'step', iterations: steps });
  }

  /** @param {readonly LayerParameters[] | null} [weights] to begin with instead of the seed's */
  #configure(weights = null) {
    this.#restarted();
    this.#forgetSeeking();
    if (this.obstacle.value) {
      // The run there was goes no further; there is none until it can be trained.
      if (this.playing.value) this.pause();
      this.#plotOwn();
      return;
    }
    if (this.#live) {
      const experiment = this.experiment.value;
      this.#unconfirmed.push(experiment);
      if (weights) this.#carried.add(experiment);
      const message = configureMessage(weights ? { ...experiment, parameters: weights } : experiment, this.playing.value);
      this.#asked.set(message, experiment);
      this.#send(message);
      if (weights) for (const parameter of this.frozen.value.values()) this.#send({ type: 'edit', ...parameter, frozen: true });
    } else {
      if (this.experiment.value.dataset === OWN) this.#plotOwn();
      this.#deferred.restart = 'configure';
      this.#deferred.weights = weights;
      this.#deferred.seek = null;
      this.#deferred.steps = 0;
      this.#deferred.edits.clear();
    }
  }

  /** The weights there are, if they are of a network like this one's, and of use. @param {Experiment} experiment */
  #weightsFor(experiment) {
    const weights = this.#weights;
    const { restart, weights: deferred } = this.#deferred;
    if (restart && !deferred) return null;
    if (!weights || this.halted.value === 'diverged' || this.#unconfirmed.some((other) => !this.#carried.has(other))) return null;
    const sizes = layerSizes(experiment);
    const fits = weights.length === sizes.length - 1 && weights.every(({ weights: rows, biases }, index) => rows.length === sizes[index] && biases.length === sizes[index + 1]);
    const small = weights.every(({ weights: rows, biases }) => [...rows.flat(), ...biases].every((value) => Math.abs(value) <= MAX_VALUE));
    return fits && small ? weights : null;
  }

  /** Says why there is nothing to train, if so. */
  #hindered() {
    const text = this.obstacle.value;
    if (text) this.notice.value = { kind: 'problem', text };
    return text !== '';
  }

  /** What has stopped at a condition is played on; what is over starts again. */
  #goOn() {
    if (this.halted.value === 'stopped') this.#restarted();
    else if (this.halted.value) this.reset();
  }

  #sendReset() {
    this.#resetUnconfirmed = true;
    this.#send({ type: 'reset' });
  }

  /** @param {number} iteration */
  #sendSeek(iteration) {
    this.#seeking = iteration;
    this.#send({ type: 'seek', iteration });
  }

  /** The server is at an iteration: perhaps at the one sought. @param {number} iteration */
  #sought(iteration) {
    if (this.#seeking !== iteration) return;
    this.#seeking = null;
    this.#catchUp(false);
    if (this.#seeking === null && (this.playing.value || this.sought.value === this.picture.value?.iteration)) this.sought.value = null;
  }

  #forgetSeeking() {
    this.#seeking = null;
    this.sought.value = null;
    if (this.#live) this.#deferred = nothing();
  }

  /** Asks for what was wanted meanwhile; what comes after a seek waits for its answer. @param {boolean} playing what the server does */
  #catchUp(playing) {
    const { seek, steps, edits, playing: wanted } = this.#deferred;
    this.#deferred = nothing();
    if (seek !== null) {
      this.#deferred = { ...nothing(), steps, edits, playing: wanted };
      this.playing.value = wanted ?? false;
      this.sought.value = seek;
      this.#sendSeek(seek);
      return;
    }
    for (const edit of edits.values()) this.#send({ type: 'edit', ...edit });
    if (steps > 0) this.#send({ type: 'step', iterations: steps });
    const goesOn = playing && steps === 0;
    if (wanted !== null && wanted !== goesOn) this.#send({ type: wanted ? 'play' : 'pause' });
    this.playing.value = wanted ?? goesOn;
  }

  #restarted() {
    if (this.halted.value === null) return;
    this.halted.value = null;
    this.ending.value = null;
    this.notice.value = null;
  }

  /** The server has taken what was sent first. @param {Configured} message */
  #configured(message) {
    const { session, data, playing, iterations_per_frame, runs: [{ training, state = training }] } = message;
    this.#described = described(message);
    this.session.value = session;
    const before = this.running.value;
    const now = this.#unconfirmed.shift() ?? this.experiment.value;
    this.#firstSteps = 0;
    const carried = this.#carried.has(now);
    // What goes on with other points is no run of its own.
    if (!carried) this.#leaveRun();
    if (before && sameData(before, now)) this.#leaveGhost(before);
    else this.ghosts.value = [];
    this.history = new History();
    this.#reached = 0;
    this.#costsUncertain = false;
    this.#resetUnconfirmed = false;
    this.running.value = now;
    this.picture.value = null;
    if (!carried) this.#weights = null;
    this.#plot(data);
    if (this.#unconfirmed.length > 0) return;
    this.playing.value = playing;
    this.#report(carried ? { ...state, frozen: [...this.frozen.value.values()] } : state, iterations_per_frame);
    this.#adjust();
  }

  /** The same session goes on, or one that was saved: ask for what was wanted meanwhile. @param {Configured} message */
  #resumed(message) {
    const { session, data, playing, iterations_per_frame, iteration, from_checkpoint, runs: [{ training, state = training }] } = message;
    const known = this.#described;
    this.#described = described(message);
    // What was configured last may be younger than what the server had kept.
    if (from_checkpoint && known !== this.#described) {
      this.#deferred.restart = 'configure';
      this.#costsUncertain = true;
    }
    const { restart, weights } = this.#deferred;
    const again = this.#saved === null ? 'Connected again' : 'The saved run is open';
    if (this.#saved !== null) {
      this.session.value = session;
      this.running.value = this.experiment.value;
      this.#saved = null;
    }
    this.connection.value = 'live';
    this.#plot(data);
    this.#report(state, iterations_per_frame);
    if (restart === 'configure') {
      this.#configure(weights);
    } else {
      if (restart === 'reset') this.#sendReset();
      this.#adjust();
      this.#catchUp(playing);
    }
    this.announcement.value = again;
    if (from_checkpoint && this.halted.value === null) this.notice.value = { kind: 'note', text: fromCheckpoint(restart === 'configure', iteration) };
  }

  /** Sends what changes while training, where the server has it differently. */
  #adjust() {
    const { iterationsPerFrame } = this.experiment.value;
    const wanted = { ...liveTraining(this.experiment.value), iterations_per_frame: iterationsPerFrame ?? /** @type {const} */ ('max') };
    const changes = Object.fromEntries(Object.entries(wanted).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(this.#reported[name])));
    if (Object.keys(changes).length > 0) this.#send({ type: 'set', ...changes });
    this.#reported = wanted;
  }

  /** @param {import('./types/protocol').RunState} state @param {number | 'max'} iterations_per_frame */
  #report({ learning_rate, l1, l2, stop, frozen = [] }, iterations_per_frame) {
    const now = new Map(frozen.map((parameter) => [parameterKey(parameter), parameter]));
    if (String([...now.keys()]) !== String([...this.frozen.value.keys()])) this.frozen.value = now;
    this.#reported = { learning_rate, l1, l2, stop: conditions(stop), iterations_per_frame };
  }

  /** The reader's own points, until the server says which are held out for test. */
  #plotOwn() {
    const { points, labels } = this.experiment.value;
    this.#plot({ points: [...points], labels: [...labels], split: { train: points.map((_, index) => index), test: [] } });
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

  /** @param {import('./types/protocol').Ended} message */
  #ended({ iteration, reason, detail }) {
    // Told with `diverged`; and alone, when the connection was down as it happened.
    if (reason === 'diverged') {
      this.#diverged(iteration, detail ?? '');
      return;
    }
    const stopped = reason !== 'iterations';
    this.ending.value = reason ?? null;
    this.#halt(stopped ? 'stopped' : 'ended', stopped ? `${detail} Change the condition to train on.` : `Training ended at iteration ${count(iteration)}. Reset starts again from the same weights.`);
  }

  /** @param {number} iteration @param {string} reason */
  #diverged(iteration, reason) {
    this.ending.value = 'diverged';
    this.#halt('diverged', `Diverged at iteration ${count(iteration)}. ${reason} Play starts again from the same weights.`);
  }

  /** @param {Halt} why @param {string} text */
  #halt(why, text) {
    if (this.halted.value !== null) return;
    this.halted.value = why;
    this.playing.value = false;
    this.notice.value = { kind: why === 'stopped' ? 'note' : 'problem', text };
  }

  #announcePause() {
    const picture = this.picture.value;
    if (picture) this.announcement.value = `Paused at iteration ${count(picture.iteration)}, cost ${cost(picture.run.train_cost)}`;
  }

  /** @param {string} code @param {string} detail */
  #refused(code, detail) {
    if (code === 'unknown_session') {
      this.session.value = null;
      this.notice.value = { kind: 'note', text: 'The server no longer had this session; it started again from the same initial weights.' };
      this.#begin();
      return;
    }
    if (code === 'not_found' && this.#saved !== null) {
      this.#saved = null;
      this.notice.value = { kind: 'problem', text: `${detail}. This is the same experiment, from its initial weights.` };
      this.#begin();
      return;
    }
    this.#forgetSeeking();
    // What the server refused is undone; it trains on as it was.
    const { running } = this;
    if (this.#unconfirmed.shift() && running.value) this.experiment.value = running.value;
    this.notice.value = { kind: 'problem', text: detail };
  }
}
