/**
 * A lab's own session beside the learner's: one to eight runs in lockstep, over a connection and with a painter of its
 * own, so that nothing of it touches the run on the page. It ends with `close`.
 *
 * What is wanted while the connection is down is sent when it is there again; the costs go on where they were.
 */

import { batch, effect, signal } from '../../vendor/signals-core/signals-core.js';
import { PLANE } from '../experiment/experiment.js';
import { count } from '../format.js';
import { Painter } from '../painting/painter.js';
import { atReadingPace } from '../signals.js';
import { floats, History } from '../store/history.js';
import { described } from '../stream/checkpoint.js';
import { Connection } from '../stream/connection.js';
import { Unconfirmed } from '../stream/unconfirmed.js';
import { askVersion } from '../version.js';

/** @typedef {import('../types/protocol').ServerMessage} ServerMessage */
/** @typedef {import('../types/protocol').Points} Points */
/** @typedef {import('../types/protocol').Frame} Frame */
/** @typedef {'connecting' | 'live' | 'reconnecting'} State */
/** @typedef {import('../stream/connection.js').Wait} Wait */
/** @typedef {{data: object, runs: object[], key: string}} Plan `key` is the same for the same plan */
/** @template T @typedef {import('../../vendor/signals-core/signals-core.js').Signal<T>} Signal */

/** Small pictures need no more than some twenty a second: what is saved is the learner's own run's (milliseconds). */
const ACKNOWLEDGE_INTERVAL = 100;
/** How fine they are. */
const RESOLUTION = 64;
/** Numbers that change faster cannot be read (milliseconds). */
const READING_INTERVAL = 200;

export class LabSession {
  connection = signal(/** @type {State} */ ('connecting'));
  /** Why the server has no session for it yet, and when it is asked again. @type {Signal<Wait | null>} */
  waiting = signal(/** @type {Wait | null} */ (null));
  playing = signal(false);
  /** What the server trains. @type {Signal<Plan | null>} */
  running = signal(/** @type {Plan | null} */ (null));
  points = signal(/** @type {Points | null} */ (null));
  /** What is seen, at the pace of reading. @type {Signal<Pick<Frame, 'iteration' | 'runs'> | null>} */
  reading = signal(/** @type {Pick<Frame, 'iteration' | 'runs'> | null} */ (null));
  /** The iteration at which a run diverged, by its index. @type {Signal<ReadonlyMap<number, number>>} */
  diverged = signal(/** @type {ReadonlyMap<number, number>} */ (new Map()));
  /** A sentence: why nothing comes any more, or what went wrong; '' is nothing. */
  said = signal('');
  /** Whether every run is over. */
  over = signal(false);
  /** Every cost of each run. @type {History[]} */
  histories = [];
  painter;

  #connection;
  #opened = false;
  #picture = signal(/** @type {Pick<Frame, 'iteration' | 'runs'> | null} */ (null));
  /** @type {string | null} */
  #session = null;
  /** @type {Plan | null} */
  #wanted = null;
  /** @type {Unconfirmed<Plan>} */
  #unconfirmed = new Unconfirmed();
  /** From a plan that is sent, or lost with its connection, to its confirmation: costs are of another. */
  #stale = true;
  /** What the server said it trains. @type {string | null} */
  #described = null;
  #reached = 0;
  /** @type {number | 'max'} */
  #speed = 'max';
  /** Whether iterations that come are an answer to the learner. */
  #asked = false;
  #trained;
  #acknowledged = -1;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #acknowledging;
  /** @type {(() => void)[]} */
  #stops = [];

  /** @param {URL} url @param {(runs: number) => void} trained a plan has been trained, at the learner's wish */
  constructor(url, trained) {
    this.#trained = trained;
    this.painter = new Painter(
      {
        message: (message) => {
          if (!this.#connection.heard(message)) this.#receive(message);
        },
        costs: (frame) => this.#receiveCosts(frame),
        picture: (picture) => {
          this.#picture.value = picture;
        },
        acknowledge: (frame) => this.#acknowledge(frame),
        missing: () => {
          this.said.value = 'What draws the comparison could not be fetched. Reload the page.';
          void askVersion();
        },
      },
      'lab-frame-drawn',
    );
    this.#connection = new Connection(url, {
      query: () =>
        this.#session === null
          ? ''
          : `session=${this.#session}&iteration=${this.#stale || this.#unconfirmed.reset ? 0 : this.#reached}`,
      opened: () => this.#greet(),
      closed: () => this.#closed(),
      takenOver: () => {
        this.#session = null;
      },
      received: (data) => this.painter.receive(data),
      expecting: () => this.playing.peek() || this.#unconfirmed.any,
      waiting: (wait) => {
        this.waiting.value = wait;
      },
      dropped: (message) => this.#unconfirmed.dropped(message),
    });
    this.#stops.push(
      atReadingPace(this.#picture, this.playing, READING_INTERVAL, (picture) => {
        this.reading.value = picture;
      }),
      effect(() => this.painter.manner({ playing: this.playing.value })),
    );
  }

  open() {
    if (this.#opened) return;
    this.#opened = true;
    this.#connection.open();
  }

  /** Ends it, here and at the server. */
  close() {
    for (const stop of this.#stops) stop();
    clearTimeout(this.#acknowledging);
    this.#connection.close();
    this.painter.close();
  }

  /** Asks the server for a session at once, instead of waiting. */
  tryNow() {
    this.#connection.tryNow();
  }

  // ---- commands

  /** Trains this from now on, from its beginning; what is trained already goes on. @param {Plan} plan */
  configure(plan) {
    if (this.#wanted?.key === plan.key) return;
    this.#wanted = plan;
    if (this.connection.value === 'live') this.#configure();
  }

  /** @param {number | null} iterationsPerFrame null is as many as there is time for */
  set speed(iterationsPerFrame) {
    this.#speed = iterationsPerFrame ?? 'max';
    this.#send({ type: 'set', iterations_per_frame: this.#speed });
  }

  play() {
    if (this.over.value) this.reset();
    this.#asked = true;
    this.playing.value = true;
    this.#send({ type: 'play' });
  }

  pause() {
    this.playing.value = false;
    this.#send({ type: 'pause' });
  }

  step() {
    if (this.over.value) this.reset();
    this.#asked = true;
    this.playing.value = false;
    this.#send({ type: 'step', iterations: 1 });
  }

  reset() {
    this.#unconfirmed.reset = true;
    this.#restarted();
    this.#send({ type: 'reset' });
  }

  // ---- within

  /** @param {import('../types/protocol').ClientMessage} message */
  #send(message) {
    if (this.connection.peek() === 'live') this.#connection.send(message);
  }

  #greet() {
    this.#connection.send({
      type: 'view',
      x: PLANE,
      y: PLANE,
      neurons: false,
      resolution: RESOLUTION,
      encoding: 'differences',
    });
    if (this.#session === null) this.#begin();
  }

  #begin() {
    this.connection.value = 'live';
    if (this.#wanted) this.#configure();
  }

  #configure() {
    if (!this.#wanted) return;
    this.#stale = true;
    this.#asked ||= this.playing.peek();
    const message = /** @type {const} */ ({
      type: 'configure',
      data: this.#wanted.data,
      runs: this.#wanted.runs,
      playing: this.playing.peek(),
    });
    this.#unconfirmed.ask(message, this.#wanted);
    this.#send(message);
  }

  #closed() {
    clearTimeout(this.#acknowledging);
    this.#acknowledging = undefined;
    this.#unconfirmed.lost();
    this.#acknowledged = -1;
    this.connection.value = 'reconnecting';
  }

  #restarted() {
    this.over.value = false;
    this.said.value = '';
    this.diverged.value = new Map();
  }

  /** @param {ServerMessage} message */
  #receive(message) {
    batch(() => {
      switch (message.type) {
        case 'configured':
          return message.resumed ? this.#resumed(message) : this.#configured(message);
        case 'state':
          this.playing.value = message.playing;
          return undefined;
        case 'diverged':
          this.diverged.value = new Map([...this.diverged.value, [message.run, message.iteration]]);
          return undefined;
        case 'ended':
          this.over.value = true;
          this.playing.value = false;
          this.said.value =
            message.reason === 'diverged'
              ? 'Every network has diverged.'
              : `Every network has come to its end, the last at iteration ${count(message.iteration)}.`;
          return undefined;
        case 'error':
          return this.#refused(message);
        default:
          return undefined;
      }
    });
  }

  /** @param {import('../types/protocol').Configured} message */
  #configured(message) {
    const { session, data, playing, runs } = message;
    this.#described = described(message);
    this.#session = session;
    const plan = this.#unconfirmed.answered() ?? this.#wanted;
    if (this.#unconfirmed.setups.length > 0) return;
    this.#stale = false;
    this.#unconfirmed.reset = false;
    this.#reached = 0;
    this.#restarted();
    this.histories = runs.map(() => new History());
    this.points.value = data;
    this.#picture.value = null;
    this.running.value = plan;
    this.playing.value = playing;
    this.#send({ type: 'set', iterations_per_frame: this.#speed });
  }

  /** @param {import('../types/protocol').Configured} message */
  #resumed(message) {
    const { data, playing, from_checkpoint } = message;
    this.connection.value = 'live';
    // What was configured last may be younger than what the server had kept.
    this.#stale ||= from_checkpoint && described(message) !== this.#described;
    this.points.value = data;
    if (this.#wanted && (this.#stale || this.#wanted.key !== this.running.value?.key)) return this.#configure();
    if (this.#unconfirmed.reset) this.#send({ type: 'reset' });
    if (playing !== this.playing.value) this.#send({ type: this.playing.value ? 'play' : 'pause' });
    this.#send({ type: 'set', iterations_per_frame: this.#speed });
    return undefined;
  }

  /** @param {import('../types/protocol').ServerError} error */
  #refused({ code, detail }) {
    if (code === 'unknown_session' || code === 'lost') {
      this.#session = null;
      this.#begin();
      return;
    }
    if (this.#unconfirmed.answered()) this.#wanted = this.running.value;
    this.#stale = this.running.value === null;
    this.said.value = detail;
  }

  /** @param {import('../types/painting').FrameCosts} frame */
  #receiveCosts(frame) {
    if (this.#stale) return;
    if (this.#unconfirmed.beganAgain(frame)) {
      this.#reached = 0;
      for (const history of this.histories) history.clear();
    }
    const { iteration, runs } = frame;
    if (this.#asked && iteration > this.#reached) {
      this.#asked = false;
      this.#trained(runs.length);
    }
    this.#reached = iteration;
    runs.forEach((run, index) => {
      if (run.costs.byteLength > 0) this.histories[index].write(run.first_iteration, floats(run.costs));
    });
  }

  /** @param {number} frame */
  #acknowledge(frame) {
    this.#acknowledged = frame;
    this.#acknowledging ??= setTimeout(() => {
      this.#acknowledging = undefined;
      this.#send({ type: 'ack', frame: this.#acknowledged });
    }, ACKNOWLEDGE_INTERVAL);
  }
}
