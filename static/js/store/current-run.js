/**
 * The run that the page shows: all its costs, what is drawn of it, how it ended, and the runs on the same data before
 * it.
 */

import { computed, signal } from '../../vendor/signals-core/signals-core.js';
import { sameData, sameRun } from '../experiment/experiment.js';
import { canBegin } from '../experiment/parameters.js';
import { count } from '../format.js';
import { floats, History } from './history.js';

/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../types/protocol').Diverged} Diverged */
/** @typedef {import('../types/protocol').Ended} Ended */
/** @typedef {import('../types/protocol').FrameRun} FrameRun */
/** @typedef {import('../types/protocol').LayerParameters} LayerParameters */
/** @typedef {{iteration: number, run: FrameRun}} Picture what is drawn */
/** @typedef {{experiment: Experiment, history: History}} Ghost an earlier run on the same data */
/** @typedef {'diverged' | 'ended' | 'stopped'} Halt */
/** @typedef {NonNullable<Ended['reason']>} Ending */
/** @typedef {{halted: Halt, ending: Ending | null, text: string}} End */
/** @typedef {{experiment: Experiment, history: History, picture: Picture, halted: Halt | null}} Run */

/** @template T @typedef {import('../../vendor/signals-core/signals-core.js').Signal<T>} Signal */
/** @template T @typedef {import('../../vendor/signals-core/signals-core.js').ReadonlySignal<T>} ReadonlySignal */

const MAX_GHOSTS = 5;
const NO_HISTORY = new History();
/** @type {Ghost[]} */
const NO_GHOSTS = [];

export class CurrentRun {
  /** The experiment that the costs in `history` are of. @type {Signal<Experiment | null>} */
  experiment = signal(/** @type {Experiment | null} */ (null));
  /**
   * Whether it is put aside: what is set up now cannot be trained, so that no cost and no accuracy is of its points. The
   * network is still there, and so are the weights that the next run may begin with.
   */
  aside = signal(false);
  /**
   * The latest picture, as often as it can be read; of a run that is put aside too: for what shows its network.
   *
   * @type {Signal<Picture | null>}
   */
  drawn = signal(/** @type {Picture | null} */ (null));
  /** The same; none of a run that is put aside. @type {ReadonlySignal<Picture | null>} */
  picture = computed(() => (this.aside.value ? null : this.drawn.value));
  /** Oldest first; none of a run that is put aside. @type {ReadonlySignal<Ghost[]>} */
  ghosts = computed(() => (this.aside.value ? NO_GHOSTS : this.#ghosts.value));
  /**
   * Why no more iterations come: the run diverged, or is at its end, or has met a condition to stop at.
   *
   * @type {Signal<Halt | null>}
   */
  halted = signal(/** @type {Halt | null} */ (null));
  /** Why the run is over, if it is. @type {Signal<Ending | null>} */
  ending = signal(/** @type {Ending | null} */ (null));
  /** The parameters of the latest frame. @type {readonly LayerParameters[] | null} */
  weights = null;
  #history = new History();
  /** @type {Signal<Ghost[]>} */
  #ghosts = signal(NO_GHOSTS);

  /** Every cost that is shown; grows without notice, look at it when `picture` changes. */
  get history() {
    return this.aside.value ? NO_HISTORY : this.#history;
  }

  /** How many costs of this run there are. */
  get known() {
    return this.#history.length;
  }

  /** As far as it has come. @returns {Run | null} */
  get soFar() {
    const [experiment, picture] = [this.experiment.peek(), this.drawn.peek()];
    return experiment && picture ? { experiment, history: this.#history, picture, halted: this.halted.peek() } : null;
  }

  /** The last iteration of this run that there has been, also after going back. */
  get furthest() {
    return Math.max(this.history.length, this.picture.peek()?.iteration ?? 0);
  }

  /**
   * Its weights for a run that is to begin with them: none if they fit no network of such layers, or are of no use.
   *
   * @param {readonly number[]} sizes
   */
  weightsFor(sizes) {
    return this.weights && this.halted.value !== 'diverged' && canBegin(this.weights, sizes) ? this.weights : null;
  }

  /**
   * Another run takes its place.
   *
   * @param {Experiment} experiment
   * @param {object} manner
   * @param {boolean} manner.certain whether every cost received belongs to the run that ends here
   * @param {boolean} manner.carried whether the new one has the weights of the old
   * @param {number} manner.epoch how many of its iterations see every training example once
   */
  begin(experiment, { certain, carried, epoch }) {
    const before = this.experiment.value;
    if (!before || !sameData(before, experiment)) this.forgetGhosts();
    else if (certain) this.#leaveGhost(before);
    this.#history = new History(epoch);
    this.experiment.value = experiment;
    this.drawn.value = null;
    if (!carried) this.weights = null;
  }

  /** The same run goes on. @param {number} epoch how many of its iterations see every training example once */
  goOn(epoch) {
    this.#history.epoch = epoch;
  }

  /** All its costs are to come. */
  forgetCosts() {
    this.#history.clear();
  }

  forgetGhosts() {
    this.#ghosts.value = NO_GHOSTS;
  }

  /** Keeps the costs of a frame. @param {import('../types/painting').FrameCosts} frame */
  write({ iteration, runs: [run] }) {
    if (run.costs.byteLength > 0) this.#history.write(run.first_iteration, floats(run.costs));
    if (run.test_cost !== null && run.test_cost < Infinity) this.#history.writeTest(iteration, run.test_cost);
  }

  /** What has been drawn. @param {Picture} picture */
  show(picture) {
    const { iteration, run } = picture;
    this.drawn.value = picture;
    this.weights = run.layers;
    if (run.boundary) this.#history.writePicture(iteration, run.train_cost, run.boundary);
  }

  /** @param {End} end @returns {boolean} whether that is news */
  halt({ halted, ending }) {
    this.ending.value = ending;
    if (this.halted.value !== null) return false;
    this.halted.value = halted;
    return true;
  }

  /** The run goes on: forget that it had ended. @returns {boolean} whether that is news */
  forgetEnd() {
    if (this.halted.value === null) return false;
    this.halted.value = null;
    this.ending.value = null;
    return true;
  }

  /**
   * Keeps one ghost of runs that differ only in settings that can change during training.
   *
   * @param {Experiment} experiment the run that ends here
   */
  #leaveGhost(experiment) {
    if (this.known < 2) return;
    const ghost = { experiment, history: this.#history };
    const twin = this.#ghosts.value.find((other) => sameRun(other.experiment, experiment));
    const kept =
      twin && twin.experiment.learningRate === experiment.learningRate && twin.history.length > ghost.history.length
        ? twin
        : ghost;
    this.#ghosts.value = [...this.#ghosts.value.filter((other) => other !== twin), kept].slice(-MAX_GHOSTS);
  }
}

/** Why no more iterations come, and what the reader reads of it. @param {Diverged | Ended} message @returns {End} */
export function endOf(message) {
  const at = count(message.iteration);
  // Said with `diverged`; and alone, when the connection was down as it happened.
  if (message.type === 'diverged' || message.reason === 'diverged') {
    const why = message.type === 'diverged' ? message.reason : (message.detail ?? '');
    return {
      halted: 'diverged',
      ending: 'diverged',
      text: `Diverged at iteration ${at}. ${why} Play starts again from the same weights.`,
    };
  }
  const { reason, detail } = message;
  if (reason === 'iterations')
    return {
      halted: 'ended',
      ending: reason,
      text: `Training ended at iteration ${at}. Reset starts again from the same weights.`,
    };
  return { halted: 'stopped', ending: reason ?? null, text: `${detail} Change the condition to train on.` };
}
