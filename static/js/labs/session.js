/**
 * A lab's own session beside the page's: one to eight runs in lockstep, over a stream of its own, so that nothing of it
 * touches the run on the page. It ends with `close`.
 *
 * What is wanted while the connection is down is asked for when it is there again; the costs go on where they were.
 */

import { batch, effect, signal } from '../../vendor/signals-core/signals-core.js';
import { epochsIn, PLANE } from '../experiment/experiment.js';
import { count } from '../format.js';
import { together } from '../signals.js';
import { floats, History } from '../store/history.js';
import { LOST } from '../stream/checkpoint.js';
import { Stream } from '../stream/stream.js';
import { unlessNewer } from '../views/later.js';

/** @typedef {import('../types/protocol').Configured} Configured */
/** @typedef {import('../types/protocol').Ended} Ended */
/** @typedef {import('../types/protocol').Frame} Frame */
/** @typedef {import('../types/protocol').Points} Points */
/** @typedef {import('../types/protocol').RunMessage} RunMessage */
/** @typedef {import('../types/painting').FrameCosts} FrameCosts */
/** @typedef {Pick<Frame, 'iteration' | 'runs'>} Picture */
/** @typedef {{data: object, runs: object[], key: string}} Plan `key` is the same for the same plan */
/** @template T @typedef {import('../../vendor/signals-core/signals-core.js').Signal<T>} Signal */

/** Small pictures need no more than ten a second: what is saved is for the page's own run (milliseconds). */
const REST = 100;
/** How fine they are. */
const RESOLUTION = 64;
/** Numbers that change faster cannot be read (milliseconds). */
const READING_INTERVAL = 200;

export class LabSession {
  /** What the server trains. @type {Signal<Plan | null>} */
  running = signal(/** @type {Plan | null} */ (null));
  points = signal(/** @type {Points | null} */ (null));
  /** What is seen, at the pace of reading. @type {Signal<Picture | null>} */
  picture = signal(/** @type {Picture | null} */ (null));
  /** The iteration at which a run diverged, by its index. @type {Signal<ReadonlyMap<number, number>>} */
  diverged = signal(/** @type {ReadonlyMap<number, number>} */ (new Map()));
  /** A sentence: why nothing comes any more, or what went wrong; '' is nothing. */
  said = signal('');
  /** Whether every run is over. */
  over = signal(false);
  /** Every cost of each run. @type {History[]} */
  histories = [];
  stream;
  dialogue;

  /** @type {Plan | null} */
  #wanted = null;
  /** @type {number | 'max'} */
  #speed = 'max';
  /**
   * What is told of iterations that are an answer to the reader, until they come.
   *
   * @type {((runs: number) => void) | null}
   */
  #asked = null;
  /** Whether it begins again because the server has lost it. */
  #lost = false;
  #stop;

  constructor() {
    /** @type {Stream<Plan>} */
    this.stream = new Stream(
      {
        configure: ({ data, runs }) => ({ data, runs }),
        settings: () => ({ iterations_per_frame: this.#speed }),
      },
      { painted: { rest: REST, interval: READING_INTERVAL, mark: 'lab-frame-drawn' }, lab: true },
    );
    this.stream.look({
      x: PLANE,
      y: PLANE,
      neurons: false,
      resolution: RESOLUTION,
      encoding: 'differences',
      lines: true,
    });
    this.dialogue = this.stream.dialogue;
    this.#stop = together(
      effect(() => {
        if (!this.stream.blind.value) return;
        void unlessNewer(() => {
          this.said.value = 'What draws the comparison could not be fetched. Reload the page.';
        });
      }),
    );
  }

  open() {
    this.stream.open(this);
  }

  /** Ends it, here and at the server. */
  close() {
    this.#stop();
    this.stream.close();
  }

  // ---- commands

  /**
   * Trains this from now on, from its beginning; what is trained already goes on.
   *
   * @param {Plan} plan
   * @param {(runs: number) => void} trained is told, if it plays
   */
  configure(plan, trained) {
    if (this.#wanted?.key === plan.key) return;
    this.#wanted = plan;
    if (this.dialogue.playing.peek()) this.#asked = trained;
    if (this.dialogue.live) this.#configure(plan);
  }

  /** @param {number | null} iterationsPerFrame null is as many as there is time for */
  set speed(iterationsPerFrame) {
    this.#speed = iterationsPerFrame ?? 'max';
    if (this.#wanted && this.dialogue.live) this.dialogue.adjust(this.#wanted);
  }

  /** @param {(runs: number) => void} trained is told once it has trained */
  play(trained) {
    if (this.over.value) this.reset();
    this.#asked = trained;
    this.dialogue.play();
  }

  pause() {
    // Before there is a plan there is nothing to pause, and the server says so.
    if (this.#wanted) this.dialogue.pause();
  }

  /** @param {(runs: number) => void} trained is told once it has trained */
  step(trained) {
    if (this.over.value) this.reset();
    this.#asked = trained;
    this.dialogue.step(1);
  }

  reset() {
    this.#restarted();
    this.dialogue.forget();
    this.dialogue.reset();
  }

  // ---- what comes over the stream

  /** How many costs there are. */
  get known() {
    return Math.max(0, ...this.histories.map(({ length }) => length));
  }

  /** A plan begins with the weights of its seeds. */
  weights = null;

  begin() {
    const steps = this.dialogue.begin();
    if (this.#wanted) this.#configure(this.#wanted);
    this.dialogue.stepFirst(steps);
  }

  /** @param {RunMessage} message */
  receive(message) {
    batch(() => {
      switch (message.type) {
        case 'configured':
          return message.resumed ? this.#resumed(message) : this.#configured(message);
        case 'state':
          this.dialogue.state(message, this.picture.peek()?.iteration);
          return undefined;
        case 'diverged':
          this.diverged.value = new Map([...this.diverged.value, [message.run, message.iteration]]);
          return undefined;
        case 'ended':
          return this.#ended(message);
        case 'error':
          return this.#refused(message);
        default:
          return undefined;
      }
    });
  }

  /** @param {FrameCosts} frame */
  receiveCosts(frame) {
    if (!this.dialogue.certain.peek()) return;
    if (this.dialogue.costs(frame)) for (const history of this.histories) history.clear();
    const { iteration, runs } = frame;
    if (this.#asked && this.dialogue.settled && iteration > this.known) {
      const trained = this.#asked;
      this.#asked = null;
      trained(runs.length);
    }
    runs.forEach((run, index) => {
      if (run.costs.byteLength > 0) this.histories[index].write(run.first_iteration, floats(run.costs));
    });
  }

  /** @param {Picture} picture */
  show(picture) {
    this.picture.value = picture;
  }

  // ---- within

  /** @param {Plan} plan */
  #configure(plan) {
    this.dialogue.forget();
    this.dialogue.configure(plan, null);
  }

  #restarted() {
    this.over.value = false;
    this.said.value = '';
    this.diverged.value = new Map();
  }

  /** @param {Configured} message */
  #configured(message) {
    this.#restarted();
    if (this.#lost) this.said.value = LOST;
    this.#lost = false;
    this.histories = epochsIn(message).map((epoch) => new History(epoch));
    this.points.value = message.data;
    this.picture.value = null;
    this.running.value = this.#wanted && this.dialogue.configured(message, this.#wanted);
  }

  /** @param {Configured} message */
  #resumed(message) {
    this.points.value = message.data;
    const wanted = this.#wanted;
    if (!wanted) return;
    const anew = this.dialogue.resumed(message, wanted);
    if (anew || wanted.key !== this.running.value?.key) this.#configure(wanted);
  }

  /** @param {Ended} message */
  #ended({ reason, iteration }) {
    this.over.value = true;
    this.dialogue.playing.value = false;
    this.said.value =
      reason === 'diverged'
        ? 'Every network has diverged.'
        : `Every network has come to its end, the last at iteration ${count(iteration)}.`;
  }

  /** @param {import('../types/protocol').ServerError} error */
  #refused({ code, detail }) {
    const refused = this.dialogue.refused(code);
    if (refused === 'session') return this.begin();
    if (refused === 'run') {
      this.#lost = true;
      return this.begin();
    }
    if (refused === 'setup') this.#wanted = this.running.value;
    this.said.value = detail;
    return undefined;
  }
}
