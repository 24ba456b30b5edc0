/**
 * The page's side of the talk with the server: what has been asked (and is in unconfirmed.js until the server confirms
 * it), what is wanted while it cannot be asked (in wanted.js), and what the server last reported. What is set up it
 * hands on unread, in the terms that it is given.
 *
 * The server cannot be asked while the connection is down, nor until it has answered a seek: what is wanted then is
 * asked afterwards.
 */

import { signal } from '../../vendor/signals-core/signals-core.js';
import { conditions } from '../experiment/experiment.js';
import { parameterKey } from '../experiment/parameters.js';
import { whatIsTrained } from './checkpoint.js';
import { Questions } from './questions.js';
import { Unconfirmed } from './unconfirmed.js';
import { Wanted } from './wanted.js';

/** @typedef {import('../types/protocol').ClientMessage} ClientMessage */
/** @typedef {import('../types/protocol').Configured} Configured */
/** @typedef {import('../types/protocol').State} State */
/** @typedef {import('../types/protocol').RunState} RunState */
/** @typedef {import('../types/protocol').LayerParameters} LayerParameters */
/** @typedef {import('../types/protocol').Parameter} Parameter */
/** @typedef {import('../experiment/parameters.js').Edit} Edit */
/** @template T @typedef {import('../types/terms').Terms<T>} Terms */
/** @typedef {'connecting' | 'live' | 'reconnecting'} ConnectionState */

/** @template T @typedef {import('../../vendor/signals-core/signals-core.js').Signal<T>} Signal */

/** @template {object} T what is set up */
export class Dialogue {
  /** @type {Signal<ConnectionState>} */
  connection = signal(/** @type {ConnectionState} */ ('connecting'));
  /** Whose training this is: under its name the server gives files of it. @type {Signal<string | null>} */
  session = signal(/** @type {string | null} */ (null));
  /** Whether it trains or, while it cannot be asked to, shall. */
  playing = signal(false);
  /** The iteration that the reader wants to see, until it is seen. @type {Signal<number | null>} */
  sought = signal(/** @type {number | null} */ (null));
  /** While the connection is down nothing is asked: ask again once it is live. */
  questions = new Questions((question) => {
    if (this.live) this.#send(question);
    return this.live;
  });
  /**
   * Whether costs that arrive belong to the current run. After a restart was lost with its connection they may belong to
   * either run, until the next `configured`.
   */
  certain = signal(true);
  /** Parameters that training leaves alone, by their keys. @type {Signal<ReadonlyMap<string, Parameter>>} */
  frozen = signal(/** @type {ReadonlyMap<string, Parameter>} */ (new Map()));

  #send;
  #terms;
  /** Under which the server has this run, until it has brought it back. @type {string | null} */
  #saved;
  /** @type {Unconfirmed<T>} */
  #unconfirmed = new Unconfirmed();
  /** Steps that were asked for with a session that is not there yet. */
  #firstSteps = 0;
  /** The iteration of the `seek` that the server has not answered; the next one waits for it. @type {number | null} */
  #seeking = null;
  #wanted = new Wanted();
  /**
   * What was begun with the weights there were, not with those of its seed.
   *
   * @type {WeakSet<T>}
   */
  #carried = new WeakSet();
  /** Iterations that the server has reported in this run, since its last seek. */
  #reached = 0;
  /** What the server said it trains. @type {string | null} */
  #described = null;
  /** What the server has last said of what can change while training. @type {Record<string, unknown>} */
  #reported = {};

  /**
   * @param {(message: ClientMessage) => void} send
   * @param {Terms<T>} terms in which the server is asked
   * @param {string | null} [saved] the id of a saved run to go on with
   */
  constructor(send, terms, saved = null) {
    this.#send = send;
    this.#terms = terms;
    this.#saved = saved;
  }

  get live() {
    return this.connection.value === 'live';
  }

  /** Whether the server trains what is set up, as far as it is there to. */
  get settled() {
    return this.#unconfirmed.setups.length === 0;
  }

  /** Whether the server has the run that it has confirmed last, and can be asked to go on with it. */
  get hasRun() {
    return this.live && this.settled && this.certain.peek() && this.session.peek() !== null;
  }

  /**
   * Whether a run from the seed's weights is asked for or wanted; then the weights on screen will soon be useless.
   */
  get startsAfresh() {
    const { restart, weights } = this.#wanted;
    return (
      (restart !== null && weights === null) || this.#unconfirmed.setups.some((setup) => !this.#carried.has(setup))
    );
  }

  /** Whether another run is wanted as soon as the server can be asked. */
  get startsAnew() {
    return this.#wanted.restart !== null;
  }

  /** Whether the server should be talking. */
  get expecting() {
    return this.playing.value || this.#seeking !== null || this.#unconfirmed.any || !this.live;
  }

  /** Whether a saved run is still to be brought back. */
  get opensSaved() {
    return this.#saved !== null;
  }

  /** Whether a command can be sent at once; else it is wanted. */
  get #free() {
    return this.live && this.#seeking === null;
  }

  // ---- what is asked

  play() {
    this.playing.value = true;
    if (this.#free) this.#send({ type: 'play' });
    else this.#wanted.play();
  }

  pause() {
    this.playing.value = false;
    if (this.#free) this.#send({ type: 'pause' });
    else this.#wanted.pause();
  }

  /** @param {number} iterations */
  step(iterations) {
    this.playing.value = false;
    if (this.#free) this.#send({ type: 'step', iterations });
    else this.#wanted.step(iterations);
  }

  /** One seek at a time is under way; of those that come meanwhile the latest wins. @param {number} iteration */
  seek(iteration) {
    this.playing.value = false;
    if (this.live) this.sought.value = iteration;
    if (this.#free) this.#sendSeek(iteration);
    else this.#wanted.seek(iteration);
  }

  /** @param {Parameter} parameter @param {Edit} edit */
  edit(parameter, edit) {
    if (this.#free) this.#send({ type: 'edit', ...parameter, ...edit });
    else this.#wanted.edit(parameter, edit);
  }

  reset() {
    if (this.live) this.#sendReset();
    else this.#wanted.reset();
  }

  /**
   * @param {T} setup
   * @param {readonly LayerParameters[] | null} weights to begin with instead of the seed's
   */
  configure(setup, weights) {
    if (!this.live) {
      this.#wanted.configure(weights);
      return;
    }
    if (weights) this.#carried.add(setup);
    else this.#carried.delete(setup);
    /** @type {ClientMessage} */
    const message = { type: 'configure', ...this.#terms.configure(setup, weights), playing: this.playing.value };
    this.#unconfirmed.ask(message, setup);
    this.#send(message);
    if (weights)
      for (const parameter of this.frozen.value.values()) this.#send({ type: 'edit', ...parameter, frozen: true });
  }

  /** Sends what changes while training, where the server has it differently. @param {T} setup */
  adjust(setup) {
    const wanted = this.#terms.settings(setup);
    const changes = Object.fromEntries(
      Object.entries(wanted).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(this.#reported[name])),
    );
    if (Object.keys(changes).length > 0) this.#send({ type: 'set', ...changes });
    this.#reported = wanted;
  }

  /** The run there is goes no further: nothing more is wanted of it. */
  forget() {
    this.#forgetSeeking();
    if (this.live) this.#wanted = new Wanted();
  }

  /** Whether it was begun with the weights there were. @param {T} setup */
  carries(setup) {
    return this.#carried.has(setup);
  }

  /** The same run goes on with other settings. @param {T} before @param {T} after */
  goesOnAs(before, after) {
    if (this.#carried.has(before)) this.#carried.add(after);
  }

  // ---- the connection

  /** The query of the address to connect to. @param {number} known how many costs the page has */
  query(known) {
    const session = this.session.value;
    if (session === null) return this.#saved === null ? '' : `saved=${this.#saved}`;
    return `session=${session}&iteration=${
      this.#unconfirmed.reset || !this.certain.peek() ? 0 : Math.min(known, this.#reached)
    }`;
  }

  /** A new session, for what is set up. @returns {number} the steps to take once that has been asked for */
  begin() {
    const { steps } = this.#wanted;
    this.#wanted = new Wanted();
    this.connection.value = 'live';
    return steps;
  }

  /** The first of a new session's run, if one was asked for. @param {number} iterations */
  stepFirst(iterations) {
    if (iterations === 0 || this.settled) return;
    this.#firstSteps = iterations;
    this.#send({ type: 'step', iterations });
  }

  /**
   * What was asked and not confirmed is wanted again.
   *
   * @param {readonly LayerParameters[] | null} weights those last seen
   */
  closed(weights) {
    const lost = this.#unconfirmed.setups.at(-1);
    if (lost) {
      this.#wanted.restart = 'configure';
      this.#wanted.weights = this.#carried.has(lost) ? weights : null;
      this.certain.value = false;
    } else if (this.#unconfirmed.reset) {
      this.#wanted.restart ??= 'reset';
    }
    this.#unconfirmed.lost();
    this.#wanted.steps += this.#firstSteps;
    this.#firstSteps = 0;
    this.connection.value = 'reconnecting';
    this.#wanted.iteration ??= this.#seeking;
    this.#forgetSeeking();
  }

  /** This session is no longer ours: another connection reads it, or the server has lost it. */
  leaveSession() {
    this.session.value = null;
  }

  /** Something newer was said before the server took this. @param {ClientMessage} message */
  dropped(message) {
    this.#unconfirmed.dropped(message);
  }

  // ---- what the server says

  /**
   * It has taken what was sent first.
   *
   * @param {Configured} message
   * @param {T} setup what is set up
   * @returns {T} what it trains now
   */
  configured(message, setup) {
    const {
      session,
      playing,
      iterations_per_frame,
      runs: [{ training, state = training }],
    } = message;
    this.#described = whatIsTrained(message);
    this.session.value = session;
    const now = this.#unconfirmed.answered() ?? setup;
    this.#firstSteps = 0;
    this.#reached = 0;
    this.certain.value = true;
    this.#unconfirmed.reset = false;
    if (this.settled) {
      this.playing.value = playing;
      this.#report(
        this.#carried.has(now) ? { ...state, frozen: [...this.frozen.value.values()] } : state,
        iterations_per_frame,
      );
      this.adjust(setup);
    }
    return now;
  }

  /**
   * The same session goes on, or one that was saved: asks for what was wanted meanwhile.
   *
   * @param {Configured} message
   * @param {T} setup what is set up
   * @returns {{weights: readonly LayerParameters[] | null} | null} null if the run goes on; else configure it anew,
   *   with these weights or (null) the seed's
   */
  resumed(message, setup) {
    const {
      session,
      playing,
      iterations_per_frame,
      from_checkpoint,
      runs: [{ training, state = training }],
    } = message;
    const known = this.#described;
    this.#described = whatIsTrained(message);
    // What was configured last may be younger than what the server had kept.
    if (from_checkpoint && known !== null && known !== this.#described) {
      this.#wanted.restart = 'configure';
      this.certain.value = false;
    }
    this.session.value = session;
    this.#saved = null;
    const { restart, weights } = this.#wanted;
    this.connection.value = 'live';
    this.#report(state, iterations_per_frame);
    if (restart === 'configure') return { weights };
    if (restart === 'reset') this.#sendReset();
    this.adjust(setup);
    this.#catchUp(playing);
    return null;
  }

  /**
   * @param {State} message
   * @param {number | undefined} drawn the iteration that is seen
   * @returns {boolean} whether it has paused unasked
   */
  state({ playing, iteration, iterations_per_frame, runs: [run] }, drawn) {
    // Of a session that has no run yet there is nothing more to say.
    if (run) this.#report(run, iterations_per_frame);
    if (this.#seeking !== null) {
      this.#isAt(iteration, drawn);
      return false;
    }
    const paused = this.playing.value && !playing;
    this.playing.value = playing;
    return paused;
  }

  /**
   * Costs of the run there is.
   *
   * @param {import('../types/painting').FrameCosts} frame
   * @returns {boolean} whether it has begun again with them, as was asked
   */
  costs(frame) {
    this.#reached = frame.iteration;
    return this.#unconfirmed.beganAgain(frame);
  }

  /** An iteration is seen. @param {number} iteration */
  drawn(iteration) {
    if (this.#seeking === null && this.sought.value === iteration) this.sought.value = null;
  }

  /**
   * @param {string} code of an error
   * @returns {'session' | 'saved' | 'run' | 'setup' | 'command'} what the server does not have, or refused; without
   *   its `run` the session is empty, and begins again, paused
   */
  refused(code) {
    if (code === 'unknown_session' || (code === 'lost' && !this.live)) {
      this.session.value = null;
      return 'session';
    }
    if (code === 'not_found' && this.#saved !== null) {
      this.#saved = null;
      return 'saved';
    }
    if (code === 'lost') {
      this.playing.value = false;
      // What was lost before it trained may do harm: it is not asked for again by itself.
      const trained = this.#reached > 0;
      this.#reached = 0;
      if (trained) {
        this.#unconfirmed = new Unconfirmed();
        return 'run';
      }
    }
    this.forget();
    return this.#unconfirmed.answered() ? 'setup' : 'command';
  }

  // ---- within

  #sendReset() {
    this.#unconfirmed.reset = true;
    this.#send({ type: 'reset' });
  }

  /** @param {number} iteration */
  #sendSeek(iteration) {
    this.#seeking = iteration;
    this.#send({ type: 'seek', iteration });
  }

  #forgetSeeking() {
    this.#seeking = null;
    this.sought.value = null;
  }

  /**
   * The server is at an iteration: perhaps at the one sought.
   *
   * @param {number} iteration
   * @param {number | undefined} drawn
   */
  #isAt(iteration, drawn) {
    if (this.#seeking !== iteration) return;
    this.#seeking = null;
    this.#catchUp(false);
    if (this.#seeking === null && (this.playing.value || this.sought.value === drawn)) this.sought.value = null;
  }

  /**
   * Asks for what was wanted meanwhile; what comes after a seek waits for its answer.
   *
   * @param {boolean} playing what the server does
   */
  #catchUp(playing) {
    const wanted = this.#wanted;
    if (wanted.iteration !== null) {
      this.#wanted = wanted.afterSeek();
      this.playing.value = wanted.playing ?? false;
      this.sought.value = wanted.iteration;
      this.#sendSeek(wanted.iteration);
      return;
    }
    this.#wanted = new Wanted();
    for (const edit of wanted.edits.values()) this.#send({ type: 'edit', ...edit });
    if (wanted.steps > 0) this.#send({ type: 'step', iterations: wanted.steps });
    const goesOn = playing && wanted.steps === 0;
    if (wanted.playing !== null && wanted.playing !== goesOn) this.#send({ type: wanted.playing ? 'play' : 'pause' });
    this.playing.value = wanted.playing ?? goesOn;
  }

  /** @param {RunState} state @param {number | 'max'} iterations_per_frame */
  #report({ learning_rate, l1, l2, stop, frozen = [] }, iterations_per_frame) {
    const now = new Map(frozen.map((parameter) => [parameterKey(parameter), parameter]));
    if (String([...now.keys()]) !== String([...this.frozen.value.keys()])) this.frozen.value = now;
    this.#reported = { learning_rate, l1, l2, stop: conditions(stop), iterations_per_frame };
  }
}
