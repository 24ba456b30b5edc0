/**
 * What the page knows, as signals, and the commands that change it: views read the signals and call the commands. What
 * has been asked of the server, and what is still wanted, is in dialogue.js; the run that is shown is in
 * current-run.js. What the server says comes in through `receive…`, and goes from here to both.
 */

import { batch, computed, effect, signal, untracked } from '../../vendor/signals-core/signals-core.js';
import { Announcer } from '../announcer.js';
import { UNANSWERED } from '../asking.js';
import {
  changed,
  defaultsOf,
  epochOf,
  epochsIn,
  layerSizes,
  OWN,
  obstacle,
  sameRun,
} from '../experiment/experiment.js';
import { cost, count } from '../format.js';
import { unlessSame } from '../signals.js';
import { fromCheckpoint, LOST } from '../stream/checkpoint.js';
import { Attention } from './attention.js';
import { CurrentRun, endOf } from './current-run.js';
import { Telling } from './telling.js';

/** @typedef {import('../types/protocol').RunMessage} RunMessage */
/** @typedef {import('../types/protocol').Configured} Configured */
/** @typedef {import('../types/protocol').Points} Points */
/** @typedef {import('../types/protocol').LayerParameters} LayerParameters */
/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../stream/dialogue.js').Dialogue<Experiment>} Dialogue */
/** @typedef {import('./current-run.js').Run} Run */
/** @typedef {import('./kept-runs.js').KeptRun} KeptRun */
/**
 * @typedef {{kind: 'problem' | 'note', text: string, offer?: {label: string, accept: () => void}}} Notice one with an
 *   offer stays until it is answered
 */
/** @typedef {import('../experiment/experiment.js').HiddenLayer} HiddenLayer */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */
/** @typedef {import('../types/protocol').Parameter} Parameter */
/** @typedef {import('../experiment/parameters.js').Edit} Edit */
/**
 * @typedef {import('../experiment/parts.js').Reduction & {highlight: readonly string[]}} Staging what a lesson does to
 *   the parts of the page
 */
/**
 * @typedef {{inspected?: 'batch' | 'example' | 'point', checked?: boolean, timed?: number, swept?: number, compared?:
 *   number}} Deeds
 */

/**
 * What Space, → and R do.
 *
 * @typedef {{toggle: () => void, step: () => void, reset: () => void}} Keyed
 */

/** From a picture's coming the screen has it after so long, on a small computer too (milliseconds). */
const SEEN = 150;
/** What is read of another run waits no longer for its first picture (milliseconds): who chose it would notice. */
const MOST_PUT_OFF = 250;

/** @type {Staging} */
export const UNSTAGED = { hide: [], lock: [], highlight: [] };

/** @template T @typedef {import('../../vendor/signals-core/signals-core.js').Signal<T>} Signal */
/** @template T @typedef {import('../../vendor/signals-core/signals-core.js').ReadonlySignal<T>} ReadonlySignal */

export class Store {
  /** What is set up. @type {Signal<Experiment>} */
  experiment;
  /**
   * Each of its properties by itself, for whoever needs no other: most stay as one changes.
   *
   * @type {{[K in keyof Experiment]: ReadonlySignal<Experiment[K]>}}
   */
  setup;

  /**
   * What is set up, for what is read of it: while another run begins, as it was, until the first picture of that one is
   * there, if it comes soon. So it changes together with the picture, and does not hold it up.
   *
   * @type {Signal<Experiment>}
   */
  written;

  /** @type {Signal<Points | null>} */
  points = signal(/** @type {Points | null} */ (null));
  /** Kept runs that are shown beside this one. @type {Signal<KeptRun[]>} */
  compared = signal(/** @type {KeptRun[]} */ ([]));
  /** @type {Signal<Notice | null>} */
  notice = signal(/** @type {Notice | null} */ (null));
  announcer = new Announcer();
  /**
   * Whose Space, → and R are, while they are not this run's: a lab's whose own Play is on the screen.
   *
   * @type {Signal<Keyed & {what: string, part: string} | null>}
   */
  keyed = signal(/** @type {Keyed & {what: string, part: string} | null} */ (null));
  /** @type {Signal<Staging>} */
  staged = signal(UNSTAGED);
  /** What a class's teacher does to them. @type {Signal<import('../experiment/parts.js').Reduction>} */
  classroom = signal({ hide: [], lock: [] });
  /** What was done of a lesson last. */
  lessonDone = signal(/** @type {{lesson: string, step: number, choice?: number} | null} */ (null));
  /**
   * What the reader has done, by names of docs/lessons.md: a lesson asks for some of it, and empties it as a step
   * begins.
   *
   * @type {Signal<Deeds>}
   */
  deeds = signal(/** @type {Deeds} */ ({}));
  /** How often something else was asked for. */
  #asked = 0;
  /** Whether somebody looks at the frames' diagnostics. */
  diagnosed = computed(() => this.#watchers.value > 0);
  #watchers = signal(0);
  /** Units of every layer, inputs and output included. */
  layerSizes = unlessSame(() => layerSizes(this.experiment.value));
  /** Names of the network's inputs, in their order. */
  features = unlessSame(() => this.experiment.value.features);
  /** The activation of each hidden layer. */
  activations = unlessSame(() => this.experiment.value.layers.map(({ activation }) => activation));
  /** The same as `written`. */
  writtenActivations = unlessSame(() => this.written.value.layers.map(({ activation }) => activation));
  /** The same of the network whose numbers are seen: what is set up may have others already. */
  seenActivations = unlessSame(() =>
    (this.current.experiment.value ?? this.experiment.value).layers.map(({ activation }) => activation),
  );
  problem = computed(() => this.experiment.value.problem);
  regression = computed(() => this.problem.value === 'regression');
  /** As in the tables of formulas. */
  outputActivation = computed(() => (this.regression.value ? 'linear' : 'sigmoid'));
  /** The panel of the drawer that is open; '' is none. */
  panel = computed(() => this.experiment.value.panel);
  /**
   * What is hidden and locked, by the address, by a lesson or by a class's teacher.
   *
   * @type {Signal<import('../experiment/parts.js').Reduction>}
   */
  reduction = unlessSame(() => {
    const { hide, lock } = this.experiment.value;
    const [staged, room] = [this.staged.value, this.classroom.value];
    return { hide: [...hide, ...staged.hide, ...room.hide], lock: [...lock, ...staged.lock, ...room.lock] };
  });
  /** What stands in the way of training what is set up; '' is nothing. */
  obstacle = computed(() => obstacle(this.experiment.value));
  /** Of each hidden layer, whether its activation is zero on a whole side of z = 0. */
  flat = unlessSame(() => this.activations.value.map((activation) => activation === 'relu'));
  attention = new Attention(this.layerSizes);

  /** The points that the server trains on. @type {Points | null} */
  #served = null;
  /** For a layer that is added where there is none. @type {HiddenLayer} */
  #spareLayer;
  /** The run that was asked to begin again, until it has. @type {Experiment | null} */
  #reset = null;
  /** Whether the server is asked to pause, and has not said that it has: what it describes is of before. */
  #pausing = false;
  /** When the first picture of the latest run came (milliseconds). */
  #shown = -Infinity;
  #catalogue;
  #kept;

  /**
   * @param {Experiment} experiment
   * @param {Catalogue} catalogue
   * @param {Dialogue} dialogue with the server
   * @param {import('./kept-runs.js').KeptRuns} kept where each run goes as another takes its place
   */
  constructor(experiment, catalogue, dialogue, kept) {
    this.#kept = kept;
    kept.giveWay(() => this.awaited);
    this.experiment = signal(experiment);
    this.setup = /** @type {Store['setup']} */ (
      Object.fromEntries(
        Object.keys(experiment).map((name) => [
          name,
          computed(() => this.experiment.value[/** @type {keyof Experiment} */ (name)]),
        ]),
      )
    );
    this.#catalogue = catalogue;
    this.#spareLayer = experiment.layers.at(-1) ?? defaultsOf(catalogue).layers[0];
    /** What is asked of the server, and what it does. Views read it; what changes something is a command of the store. */
    this.dialogue = dialogue;
    /** The run that is shown. */
    this.current = new CurrentRun();
    this.telling = new Telling(dialogue.questions, this.announcer);
    this.written = signal(experiment);
    this.#writeInTime();
    // Now it is still known what the run is that another one was to replace.
    effect(() => {
      if (dialogue.certain.value || !dialogue.startsAfresh) return;
      const run = this.current.soFar;
      if (run) untracked(() => kept.enter(run));
    });
  }

  // ---- commands

  play() {
    if (this.#hindered()) return;
    this.#goOn();
    this.dialogue.play();
    this.telling.hush();
    this.announcer.say('Training');
  }

  pause() {
    this.dialogue.pause();
    this.#pausing = this.dialogue.live;
    this.#announcePause();
  }

  toggle() {
    if (this.dialogue.playing.value) this.pause();
    else this.play();
  }

  /** @param {number} [iterations] */
  step(iterations = 1) {
    if (this.#hindered()) return;
    this.#goOn();
    this.telling.stepped();
    this.dialogue.step(iterations);
  }

  /** Asks what the plane shows, in words, and says it. */
  describe() {
    if (this.obstacle.value) this.announcer.say(this.obstacle.value);
    else this.telling.tell((answer) => (answer ? `Iteration ${count(answer.iteration)}.` : UNANSWERED));
  }

  /** How many iterations it takes to see every training example once. */
  get epoch() {
    const { batchSize } = this.experiment.value;
    return epochOf(batchSize, this.points.value?.split.train.length ?? 0);
  }

  /**
   * To exactly that iteration, as far as the run has come, and pauses there.
   *
   * @param {number} iteration
   */
  seek(iteration) {
    if (this.#hindered()) return;
    const to = Math.max(0, Math.min(Math.round(iteration), this.current.furthest));
    this.#restarted();
    this.dialogue.seek(to);
  }

  /** Back to iteration 0 and the same initial weights. */
  reset() {
    if (this.#hindered()) return;
    this.#restarted();
    this.dialogue.forget();
    this.telling.hush();
    this.announcer.say('Back at iteration 0, with the same initial weights');
    const trained = this.current.experiment.value;
    this.#reset ??= trained;
    // The server would go back to the weights that this run began with.
    if (trained && this.dialogue.carries(trained)) this.#configure();
    else this.dialogue.reset();
  }

  /**
   * Gives a parameter another value, freezes or frees it, without a restart.
   *
   * @param {Parameter} parameter
   * @param {Edit} edit
   */
  edit(parameter, edit) {
    this.dialogue.edit(parameter, edit);
  }

  /**
   * Changes the experiment; whatever cannot change while training restarts it, playing on if it was playing.
   *
   * @param {Partial<Experiment>} changes
   * @param {{keepWeights?: boolean, anew?: boolean}} [manner] `keepWeights` begins the run with the weights there are,
   *   if they fit; Reset still goes back to those of the seed. `anew` begins it in any case
   */
  change(changes, { keepWeights = false, anew = false } = {}) {
    const before = this.experiment.value;
    const after = changed(before, changes, this.#catalogue);
    this.#spareLayer = before.layers.at(-1) ?? this.#spareLayer;
    // In a batch, so that the message is under way before the page is redrawn.
    batch(() => {
      this.experiment.value = after;
      if (!anew && this.#isAside(after)) this.#takeBack();
      else if (anew || !sameRun(before, after)) {
        this.#configure(keepWeights && !this.dialogue.startsAfresh ? this.current.weightsFor(layerSizes(after)) : null);
        return;
      }
      const trained = this.current.experiment.value;
      if (trained && sameRun(trained, after)) {
        this.dialogue.goesOnAs(trained, after);
        this.current.experiment.value = after;
      }
      if (this.dialogue.live) this.dialogue.adjust(after);
    });
  }

  /** One more hidden layer, like the last. */
  addLayer() {
    const { layers } = this.experiment.value;
    this.change({ layers: [...layers, layers.at(-1) ?? this.#spareLayer] });
  }

  /** @param {number} layer as in the lecture: the first hidden one is 1 @param {Partial<HiddenLayer>} changes */
  changeLayer(layer, changes) {
    this.change({
      layers: this.experiment.value.layers.map((now, index) => (index === layer - 1 ? { ...now, ...changes } : now)),
    });
  }

  /** @param {Partial<HiddenLayer>} changes to every hidden layer */
  changeLayers(changes) {
    this.change({ layers: this.experiment.value.layers.map((layer) => ({ ...layer, ...changes })) });
  }

  forgetGhosts() {
    this.current.forgetGhosts();
    this.compared.value = [];
  }

  /** Has frames carry diagnostics, until what it returns is called. @returns {() => void} */
  watchDiagnostics() {
    this.#watchers.value++;
    return () => {
      this.#watchers.value--;
    };
  }

  /** Something is wrong, for the reader to read. @param {string} text @param {Notice['offer']} [offer] */
  complain(text, offer) {
    this.notice.value = { kind: 'problem', text, offer };
  }

  /** @param {string} text @param {Notice['offer']} [offer] */
  note(text, offer) {
    this.notice.value = { kind: 'note', text, offer };
  }

  /** @param {Deeds} deed */
  did(deed) {
    this.deeds.value = { ...this.deeds.peek(), ...deed };
  }

  /**
   * The reader begins what ends later. It is done of what is asked for now, and of nothing that is asked for since.
   *
   * @returns {(deed: Deeds) => void} says what was done
   */
  begins() {
    const asked = this.#asked;
    return (deed) => {
      if (this.#asked === asked) this.did(deed);
    };
  }

  /** Something else is asked for: nothing of it is done yet. */
  forgetDeeds() {
    this.#asked++;
    this.deeds.value = {};
  }

  /** Whether the reader waits for the first picture of a run: whatever takes long has time until it is seen. */
  get awaited() {
    const { live, settled } = this.dialogue;
    if (!live || this.obstacle.peek()) return false;
    return !settled || this.current.drawn.peek() === null || performance.now() - this.#shown < SEEN;
  }

  // ---- what comes over the stream

  /** How many costs there are. */
  get known() {
    return this.current.known;
  }

  /** The parameters of the latest frame. */
  get weights() {
    return this.current.weights;
  }

  /** A new session with what is set up. */
  begin() {
    const steps = this.dialogue.begin();
    if (this.current.aside.peek()) {
      // The server has nothing of it any more.
      if (this.run) this.#kept.enter(this.run);
      this.current.experiment.value = null;
    }
    this.#configure();
    this.dialogue.stepFirst(steps);
  }

  /** @param {RunMessage} message */
  receive(message) {
    batch(() => {
      switch (message.type) {
        case 'configured':
          return message.resumed ? this.#resumed(message) : this.#configured(message);
        case 'state':
          if (!message.playing) this.#pausing = false;
          if (this.dialogue.state(message, this.current.drawn.value?.iteration)) this.#announcePause();
          return undefined;
        case 'diverged':
        case 'ended':
          return this.#halt(endOf(message));
        case 'error':
          // Only a question can ask for too much.
          return message.code === 'too_much'
            ? this.dialogue.questions.answered({ type: 'too_much', detail: message.detail })
            : this.#refused(message.code, message.detail);
        default:
          return this.dialogue.questions.answered(message);
      }
    });
  }

  /** Keeps the costs of a frame. @param {import('../types/painting').FrameCosts} frame */
  receiveCosts(frame) {
    if (!this.dialogue.certain.peek()) return;
    if (this.dialogue.costs(frame)) {
      const { run } = this;
      // What has been changed since the reset is of the run that begins here.
      if (run) this.#kept.enter({ ...run, experiment: this.#reset ?? run.experiment });
      this.#reset = null;
      this.current.forgetCosts();
    }
    this.current.write(frame);
  }

  /** What has been drawn. @param {Pick<import('../types/protocol').Frame, 'iteration' | 'runs'>} frame */
  show({ iteration, runs: [run] }) {
    if (this.current.drawn.peek() === null) this.#shown = performance.now();
    this.current.show({ iteration, run });
    this.telling.seen(iteration, run.train_cost);
  }

  /** What is trained; until there is something, what is set up. */
  get running() {
    return (this.current.aside.peek() ? null : this.current.experiment.peek()) ?? this.experiment.peek();
  }

  /** The run there is, as far as it has come. @returns {Run | null} */
  get run() {
    return this.dialogue.certain.peek() ? this.current.soFar : null;
  }

  // ---- within

  #writeInTime() {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let putOff;
    effect(() => {
      const now = this.experiment.value;
      const seen = this.current.experiment.value;
      const begins = this.dialogue.live && !this.obstacle.value && seen !== null && !sameRun(now, seen);
      const write = () => {
        this.written.value = now;
      };
      clearTimeout(putOff);
      if (begins) putOff = setTimeout(write, MOST_PUT_OFF);
      else write();
    });
  }

  /** @param {readonly LayerParameters[] | null} [weights] to begin with instead of the seed's */
  #configure(weights = null) {
    if (this.obstacle.value) {
      this.#putAside();
      return;
    }
    this.#restarted();
    this.dialogue.forget();
    const experiment = this.experiment.value;
    if (!this.dialogue.live && experiment.dataset === OWN) this.#plotOwn();
    this.dialogue.configure(experiment, weights);
  }

  /** The run there was goes no further, and nothing of it is shown; there is none until one can be trained. */
  #putAside() {
    this.dialogue.forget();
    if (this.dialogue.playing.value) this.pause();
    if (this.current.halted.value) this.notice.value = null;
    this.telling.begin();
    this.current.aside.value = true;
    this.#plotOwn();
  }

  /** Whether what is set up is the run that was put aside, which the server still has. @param {Experiment} experiment */
  #isAside(experiment) {
    const trained = this.current.experiment.peek();
    return this.current.aside.peek() && this.dialogue.hasRun && trained !== null && sameRun(trained, experiment);
  }

  /** It goes on where it was. */
  #takeBack() {
    this.current.aside.value = false;
    if (this.#served) this.#plot(this.#served);
  }

  /** Says why there is nothing to train, if so. */
  #hindered() {
    const text = this.obstacle.value;
    if (text) this.complain(text);
    return text !== '';
  }

  /** What has stopped at a condition is played on; what is over starts again. */
  #goOn() {
    if (this.current.halted.value === 'stopped') this.#restarted();
    else if (this.current.halted.value) this.reset();
  }

  #restarted() {
    if (this.current.forgetEnd()) this.notice.value = null;
  }

  /** The server has taken what was sent first. @param {Configured} message */
  #configured(message) {
    const { run } = this;
    const certain = this.dialogue.certain.peek();
    const now = this.dialogue.configured(message, this.experiment.value);
    const carried = this.dialogue.carries(now);
    // What goes on with other points is no run of its own.
    if (run && !carried) this.#kept.enter(run);
    this.#reset = null;
    this.current.begin(now, { certain, carried, epoch: epochsIn(message)[0] });
    this.telling.begin();
    this.#plotServed(message.data);
  }

  /** The same session goes on, or one that was saved. @param {Configured} message */
  #resumed(message) {
    const { opensSaved } = this.dialogue;
    if (message.session !== this.dialogue.session.peek()) this.#becomes();
    this.current.goOn(epochsIn(message)[0]);
    this.#plotServed(message.data);
    const anew = this.dialogue.resumed(message, this.experiment.value);
    if (anew) this.#configure(anew.weights);
    this.announcer.say(opensSaved ? 'The saved run is open' : 'Connected again');
    if (message.from_checkpoint && this.current.halted.value === null)
      this.note(fromCheckpoint(anew !== null, message.iteration));
  }

  /** Another session's run is there, which is what is set up: all its costs are to come. */
  #becomes() {
    const { run } = this;
    const now = this.experiment.value;
    if (run && !sameRun(run.experiment, now)) {
      this.#kept.enter(run);
      this.#restarted();
      this.current.begin(now, { certain: true, carried: false, epoch: run.history.epoch });
    } else {
      this.current.forgetCosts();
      this.current.experiment.value = now;
    }
  }

  /** The reader's own points, until the server says which are held out for test. */
  #plotOwn() {
    const { points, labels } = this.experiment.value;
    this.#plot({
      points: [...points],
      labels: [...labels],
      split: { train: points.map((_, index) => index), test: [] },
    });
  }

  /** Those of the run that the server trains: what cannot be trained has none. @param {Points} points */
  #plotServed(points) {
    this.#served = points;
    if (!this.obstacle.value) this.#takeBack();
  }

  /** @param {Points} points */
  #plot(points) {
    if (JSON.stringify(points) !== JSON.stringify(this.points.value)) this.points.value = points;
  }

  /** @param {import('./current-run.js').End} end */
  #halt(end) {
    if (!this.current.halt(end)) return;
    this.dialogue.playing.value = false;
    if (end.halted === 'stopped') this.note(end.text);
    else this.complain(end.text);
  }

  #announcePause() {
    const picture = this.current.picture.value;
    if (!picture) return;
    const { iteration, run } = picture;
    // The server may have paused a little later than what is drawn.
    this.telling.tell(
      (answer) =>
        `Paused at iteration ${count(answer?.iteration ?? iteration)}, cost ${cost(answer?.cost ?? run.train_cost)}.`,
      () => !this.#pausing,
    );
  }

  /** @param {string} code @param {string} detail */
  #refused(code, detail) {
    switch (this.dialogue.refused(code)) {
      case 'session':
        this.note('The server no longer had this session; it started again from the same initial weights.');
        return this.begin();
      case 'saved':
        this.complain(`${detail}. This is the same experiment, from its initial weights.`);
        return this.begin();
      case 'run':
        this.begin();
        return this.complain(LOST);
      case 'setup':
        // What the server refused is undone; it trains on as it was.
        if (this.current.experiment.value) this.experiment.value = this.current.experiment.value;
        if (!this.obstacle.value) this.#takeBack();
    }
    this.complain(detail);
    return undefined;
  }
}
