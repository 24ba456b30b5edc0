/**
 * One stream: its connection, the dialogue over it, and the painter that reads and draws what comes. The page has one for
 * the run that it shows, and a lab one for a session of its own.
 *
 * Nothing waits here. What cannot be said yet, the dialogue keeps; what comes faster than it is drawn, the painter
 * overtakes; and the server sends no more frames than are acknowledged.
 */

import { effect, signal } from '../../vendor/signals-core/signals-core.js';
import { Painter } from '../painting/painter.js';
import { together } from '../signals.js';
import { painterColours, palette } from '../theme.js';
import { Connection } from './connection.js';
import { Dialogue } from './dialogue.js';

/** @typedef {import('../types/protocol').ClientMessage} ClientMessage */
/** @typedef {import('../types/protocol').Frame} Frame */
/** @typedef {import('../types/protocol').LayerParameters} LayerParameters */
/** @typedef {import('../types/protocol').RunMessage} RunMessage */
/** @typedef {import('../types/protocol').ServerMessage} ServerMessage */
/** @typedef {import('../types/painting').FrameCosts} FrameCosts */
/** @typedef {import('./connection.js').Wait} Wait */
/** @template T @typedef {import('../types/terms').Terms<T>} Terms */
/** @template T @typedef {import('../../vendor/signals-core/signals-core.js').Signal<T>} Signal */

/**
 * @typedef {object} StreamListener whose stream it is
 * @property {number} known how many costs it has
 * @property {readonly LayerParameters[] | null} weights those last seen
 * @property {() => void} begin there is a connection, and no session yet
 * @property {(message: RunMessage) => void} receive
 * @property {(frame: FrameCosts) => void} receiveCosts of every frame, in order
 * @property {(picture: Pick<Frame, 'iteration' | 'runs'>) => void} show what has been drawn
 */

/** Whose class the reader is in. @type {Signal<import('../types/rooms').Guest | null>} */
export const guest = signal(/** @type {import('../types/rooms').Guest | null} */ (null));

/** What begins another run. */
const BEGINS = new Set(['configure', 'reset']);

/** @template {object} T what is set up */
export class Stream {
  /** Why the server has no session for it yet, and when it is asked again. @type {Signal<Wait | null>} */
  waiting = signal(/** @type {Wait | null} */ (null));
  /** Whether the painter could not be fetched: nothing will be drawn. */
  blind = signal(false);
  /** Whether it goes the second way. */
  plain = signal(false);
  dialogue;
  painter;

  #connection;
  /** @type {StreamListener | null} */
  #listener = null;
  /** @type {Extract<ClientMessage, {type: 'view'}> | null} */
  #view = null;
  #lab;
  /** Whether the server has said what it trains, or was asked to. */
  #begun = false;
  /** As which member of a room the session was set up, or taken up again, the last time. @type {string | null} */
  #setUpAs = null;
  #stop = () => {};

  /**
   * @param {Terms<T>} terms in which the server is asked
   * @param {object} [manner]
   * @param {string | null} [manner.saved] the id of a saved run to go on with
   * @param {ConstructorParameters<typeof Painter>[1]} [manner.painted] how often
   * @param {boolean} [manner.lab] whether it is a lab's
   */
  constructor(terms, { saved = null, painted, lab = false } = {}) {
    this.#lab = lab;
    this.dialogue = new Dialogue(
      (message) => {
        this.#connection.send(message);
        if (BEGINS.has(message.type)) this.painter.expect();
      },
      terms,
      saved,
    );
    const { dialogue } = this;
    this.painter = new Painter(
      {
        message: (message) => {
          if (this.#ofRoom(message) || this.#connection.heard(message)) return;
          if (message.type === 'configured') {
            this.#begun = true;
            this.#setUpAs = guest.peek()?.secret ?? null;
          }
          this.#listener?.receive(/** @type {RunMessage} */ (message));
        },
        costs: (frame) => this.#listener?.receiveCosts(frame),
        picture: (picture) => {
          this.#listener?.show(picture);
          dialogue.drawn(picture.iteration);
        },
        missing: () => {
          this.blind.value = true;
        },
      },
      painted,
    );
    this.#connection = new Connection(
      {
        query: () => {
          const { room } = guest.peek() ?? {};
          const theirs = this.#theirs;
          const known = theirs === null || theirs === dialogue.session.peek();
          const own = known ? dialogue.query(this.#listener?.known ?? 0) : `session=${theirs}&iteration=0`;
          return room ? `room=${room}${own && `&${own}`}` : own;
        },
        opened: () => {
          const { room, secret } = guest.peek() ?? {};
          this.#begun = false;
          if (room && secret) this.#connection.send({ type: 'enter', room, secret, ...(this.#lab && { lab: true }) });
          if (this.#view) this.#connection.send(this.#view);
          if (!room && dialogue.session.value === null && !dialogue.opensSaved) this.#begin();
        },
        way: (plain) => {
          this.plain.value = plain;
        },
        closed: () => {
          dialogue.closed(this.#listener?.weights ?? null);
        },
        takenOver: () => {
          if (!this.#lab) guest.peek()?.replaced();
          dialogue.leaveSession();
        },
        expecting: () => dialogue.expecting,
        // In a room a hold or an experiment may come at any time; a view is answered with a frame.
        ask: () => {
          const there = guest.peek()?.room && dialogue.live && dialogue.settled && dialogue.session.value !== null;
          if (!there || !this.#view) return false;
          this.#connection.send(this.#view);
          return true;
        },
        waiting: (wait) => {
          this.waiting.value = wait;
        },
        dropped: (message) => dialogue.dropped(message),
      },
      (url, plain) => this.painter.connect(url, plain),
    );
  }

  /** Connects, once. @param {StreamListener} listener */
  open(listener) {
    if (this.#listener) return;
    this.#listener = listener;
    this.#connection.open();
    let here = guest.peek();
    this.#stop = together(
      effect(() => {
        const now = guest.value;
        if (now !== here) this.#connection.again();
        here = now;
      }),
      effect(() => {
        void palette.value;
        this.painter.manner({ colours: painterColours() });
      }),
      effect(() => this.painter.manner({ playing: this.dialogue.playing.value })),
    );
  }

  /** What frames shall have, from now on. @param {Omit<Extract<ClientMessage, {type: 'view'}>, 'type'>} view */
  look(view) {
    this.#view = { type: 'view', ...view };
    this.#connection.send(this.#view);
  }

  /** Asks the server for a session at once, instead of waiting. */
  tryNow() {
    this.#connection.tryNow();
  }

  /** @param {ClientMessage} message */
  say(message) {
    this.#connection.send(message);
  }

  /** Ends it, here and at the server. */
  close() {
    this.#stop();
    this.#connection.close();
    this.painter.close();
  }

  /** The session that the reader has in a class, whichever page has set it up. */
  get #theirs() {
    return this.#lab ? null : guest.peek()?.session || null;
  }

  #begin() {
    this.#begun = true;
    this.#listener?.begin();
  }

  /**
   * What a room says. A session that is known is taken up again: `configured` follows, or that the server has not got
   * it. Then it begins, as one that is not known does at once: without a word, unless this page had set it up.
   *
   * @param {ServerMessage} message
   */
  #ofRoom(message) {
    const now = guest.peek();
    if (!now) return false;
    const taken = !this.#lab && now.hear(message);
    const empty = message.type === 'error' && message.code === 'unknown_session';
    const decides = this.#theirs === null ? message.type === 'room' : empty;
    if (decides && !this.#begun && this.#setUpAs !== now.secret) this.#begin();
    return taken || (empty && this.#begun) || message.type === 'room' || message.type === 'over';
  }
}
