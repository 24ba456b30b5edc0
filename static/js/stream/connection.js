/**
 * The WebSocket: has it opened, and when it drops opened again, ever more patiently. Where the server has no place it
 * waits as long as the server says. Knows no state of the page, and does not read what comes: the painter does.
 */

import { serverPath } from '../links.js';
import { askVersion } from '../version.js';
import { ResendQueue } from './resend-queue.js';

/** @typedef {import('../types/protocol').ClientMessage} ClientMessage */
/** @typedef {import('../types/protocol').ServerMessage} ServerMessage */
/** @typedef {'full' | 'restarting' | 'busy' | 'locked' | 'foreign' | 'misnamed' | 'fast' | 'blocked'} Reason */
/**
 * @typedef {{why: Reason, until: number}} Wait what the server has refused, and when it is asked again, by
 *   `performance.now()`
 */

const FIRST_DELAY = 250;
const LONGEST_DELAY = 8000;
/** A server that owes us something and is silent for this long is taken for gone (milliseconds). */
const PATIENCE = 5000;
/** One that has said nothing for so long is asked whether it is there, if something may come unasked (milliseconds). */
const SILENCE = 30_000;
/** The longest wait that the page accepts, whatever the server says (seconds). */
const LONGEST_WAIT = 300;
/** And a while after that, so that a class does not come at once: half as long again, and at most this (seconds). */
const MOST_SPREAD = 15;
/** How long to wait if the server does not say (seconds). */
const USUAL_WAIT = 5;
/** Close codes of the server, see docs/protocol.md. */
const GOING_AWAY = 1001;
const TRY_AGAIN_LATER = 1013;
const TAKEN_OVER = 4001;
/** Ours: nothing of the session is needed any more. */
const DONE = 4002;

/** Errors instead of a session. @type {Record<string, Reason>} */
const REFUSALS = { too_many_sessions: 'full', going_away: 'restarting', not_stored: 'busy' };

/**
 * What the server says to a page whose stream it refuses without a word, by the status.
 *
 * @type {Record<number, Reason>}
 */
const STATUSES = { 401: 'locked', 403: 'foreign', 421: 'misnamed', 429: 'fast', 503: 'restarting' };
/** These stay true while the page tries again, until the server says otherwise. */
const LASTING = new Set(['restarting', ...Object.values(STATUSES), 'blocked']);
/** A WebSocket opens within this time, or something between does not let it (milliseconds). */
const OPENS_WITHIN = 3000;
/** Sockets in a row that do not open, though the server answers, until the second way is taken. */
const SECOND_WAY = 2;
/** And until something between them is to blame. */
const BLOCKED = 3;

/** Where the server's stream is. */
function streamAddress() {
  const address = new URL(serverPath('/ws'), location.href);
  address.protocol = address.protocol.replace('http', 'ws');
  address.hash = '';
  return address;
}

/**
 * @typedef {object} ConnectionListener
 * @property {() => string} query of the address to connect to: the session to take up, if any
 * @property {() => void} opened
 * @property {(plain: boolean) => void} [way] by which way it has opened
 * @property {() => void} closed
 * @property {() => void} takenOver another connection reads our session now
 * @property {() => boolean} expecting whether the server should be talking now
 * @property {() => boolean} [ask] asks for something that is answered, where things come unasked; whether it did
 * @property {(wait: Wait | null) => void} waiting why there is no session and when it is asked for again; null once
 *   there is one
 * @property {(message: ClientMessage) => void} dropped what was sent came too fast, and something newer has taken its
 *   place
 */

export class Connection {
  #listener;
  #open;
  /** @type {WebSocket | null} */
  #socket = null;
  #attempts = 0;
  /** Sockets in a row that did not open, while the server answered all else. */
  #unopened = 0;
  /** Whether the second way is taken: plain requests, where no WebSocket opens. */
  #plain = false;
  /** Whether a session's connection was lost: the server may be another one since. */
  #lost = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  #heard = 0;
  /** Whether the server was asked if it is there, and has said nothing since. */
  #asked = false;
  /** Whether the server has given this connection a session. */
  #settled = false;
  /** Not before this time does the server want to be asked again. */
  #notBefore = -Infinity;
  /** When it is asked again, by `performance.now()`. */
  #next = -Infinity;
  /** @type {Wait | null} */
  #wait = null;
  #queue;
  #over = new AbortController();

  /**
   * @param {ConnectionListener} listener
   * @param {(url: URL, plain: boolean) => WebSocket} [open] whoever reads what comes
   */
  constructor(listener, open = (url) => new WebSocket(url)) {
    this.#listener = listener;
    this.#open = open;
    this.#queue = new ResendQueue(
      (message) => this.#socket?.readyState === WebSocket.OPEN && this.#socket.send(JSON.stringify(message)),
      (message) => listener.dropped(message),
    );
  }

  /** From now on, once. */
  open() {
    const { signal } = this.#over;
    addEventListener(
      'online',
      () => {
        // It may be another network.
        this.#plain = false;
        this.#unopened = 0;
        this.#soon();
      },
      { signal },
    );
    addEventListener('offline', () => this.#drop(), { signal });
    document.addEventListener(
      'visibilitychange',
      () => {
        this.#heard = performance.now();
        if (!document.hidden) this.#look();
      },
      { signal },
    );
    addEventListener('pageshow', () => this.#look(), { signal });
    const watch = setInterval(() => this.#watch(), 1000);
    signal.addEventListener('abort', () => clearInterval(watch));
    this.#connect();
  }

  #connect() {
    const url = streamAddress();
    url.search = this.#listener.query();
    const socket = this.#open(url, this.#plain);
    this.#settled = false;
    this.#queue.reset();
    this.#asked = false;
    this.#heard = performance.now();
    let opened = false;
    socket.addEventListener('open', () => {
      if (socket !== this.#socket) return;
      opened = true;
      this.#unopened = 0;
      this.#heard = performance.now();
      this.#listener.way?.(this.#plain);
      this.#listener.opened();
    });
    socket.addEventListener('message', () => {
      if (socket !== this.#socket) return;
      this.#heard = performance.now();
      this.#asked = false;
    });
    socket.addEventListener('close', ({ code }) => {
      if (socket !== this.#socket) return;
      this.#closed(code);
      if (!opened) void this.#lookWhy();
    });
    this.#socket = socket;
  }

  /** @param {ClientMessage} message */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#queue.send(message);
  }

  /**
   * What the server said, once it is read: only that tells whether there is a session. It may come after the close that
   * followed it.
   *
   * @param {ServerMessage} message
   * @returns {boolean} whether that is all there is to do about it
   */
  heard(message) {
    if (message.type === 'configured' && this.#socket) this.#settle();
    if (message.type !== 'error' || this.#over.signal.aborted) return false;
    const { code, retry_after: seconds = USUAL_WAIT, message: number } = message;
    if (code === 'too_fast' && number !== undefined) {
      this.#queue.refused(number, seconds);
      return true;
    }
    if (this.#settled || !(code in REFUSALS)) return false;
    this.#refused(REFUSALS[code], seconds);
    return true;
  }

  /** At once, whatever the server has said. */
  tryNow() {
    this.#notBefore = performance.now();
    if (this.#wait) this.#tell({ ...this.#wait, until: this.#notBefore });
    this.#soon();
  }

  /** With another address, at once: what it is asked for has changed. */
  again() {
    this.#drop();
    this.tryNow();
  }

  /** For good: nothing is heard any more, and the server forgets the session. */
  close() {
    this.#over.abort();
    clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#socket = null;
    // Browsers complain of a socket that is closed before it is open.
    if (socket?.readyState === WebSocket.CONNECTING) socket.addEventListener('open', () => socket.close(DONE));
    else socket?.close(DONE);
  }

  /** Gives up the socket without waiting for the other side's goodbye. */
  #drop() {
    const socket = this.#socket;
    if (!socket) return;
    this.#closed(0);
    socket.close();
  }

  /** @param {number} code */
  #closed(code) {
    this.#socket = null;
    this.#queue.reset();
    if (code === TAKEN_OVER) this.#listener.takenOver();
    const patience = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#attempts++) * (0.5 + Math.random() / 2);
    // Why it has no place may not have been read yet.
    const least = code === TRY_AGAIN_LATER ? 1000 * USUAL_WAIT : 0;
    const known = this.#wait?.why;
    const stays = code === TRY_AGAIN_LATER || (known !== undefined && LASTING.has(known));
    this.#lost ||= this.#settled;
    const why = code === GOING_AWAY ? 'restarting' : stays ? known : undefined;
    this.#again(Math.max(this.#notBefore, performance.now() + Math.max(patience, least)), why);
    this.#listener.closed();
  }

  /** A socket that was refused does not say why; what the server says to anything else that the page sends does. */
  async #lookWhy() {
    const answer = await askVersion(this.#over.signal);
    // Or it has opened meanwhile: what kept it out does so no more.
    if (this.#over.signal.aborted || this.#settled || this.#socket?.readyState === WebSocket.OPEN) return;
    const why = answer ? STATUSES[answer.status] : undefined;
    if (why && answer?.seconds !== undefined) this.#refused(why, answer.seconds);
    else if (why) this.#again(this.#next, why);
    else {
      // A proxy answers 502 or 504 for a server that is not there.
      const answers = answer !== null && answer.status < 500;
      this.#unopened = answers ? this.#unopened + 1 : 0;
      this.#plain ||= this.#unopened >= SECOND_WAY;
      if (this.#unopened >= BLOCKED) this.#again(this.#next, 'blocked');
      else if (answers && this.#wait && this.#wait.why !== 'full') this.#again(this.#next);
    }
  }

  /** @param {Reason} why @param {number} seconds */
  #refused(why, seconds) {
    const wait = Math.min(LONGEST_WAIT, seconds);
    this.#notBefore = performance.now() + 1000 * (wait + Math.random() * Math.min(MOST_SPREAD, wait / 2));
    this.#again(this.#notBefore, why);
  }

  /** @param {number} until @param {Reason} [why] */
  #again(until, why) {
    clearTimeout(this.#retry);
    this.#next = until;
    if (!this.#socket) this.#retry = setTimeout(() => this.#connect(), until - performance.now());
    this.#tell(why ? { why, until } : null);
  }

  /** There is a session. */
  #settle() {
    this.#settled = true;
    this.#attempts = 0;
    this.#notBefore = -Infinity;
    this.#tell(null);
    if (this.#lost) void askVersion(this.#over.signal);
    this.#lost = false;
  }

  /** @param {Wait | null} wait */
  #tell(wait) {
    if (wait === this.#wait) return;
    this.#wait = wait;
    this.#listener.waiting(wait);
  }

  /** Stops waiting, as far as the server lets it: the network is back, or the reader is. */
  #soon() {
    if (this.#socket || performance.now() < this.#notBefore) return;
    clearTimeout(this.#retry);
    this.#connect();
  }

  /** Somebody looks at the page, or nothing has come for long. A tablet that was asleep hears of no end. */
  #look() {
    if (!this.#socket) this.#soon();
    else if (this.#socket.readyState === WebSocket.OPEN && !this.#asked && this.#listener.ask?.()) {
      this.#asked = true;
      this.#heard = performance.now();
    }
  }

  #watch() {
    if (!this.#socket || document.hidden) return;
    const silent = performance.now() - this.#heard;
    const opening = this.#socket.readyState === WebSocket.CONNECTING;
    // A server that was asked for nothing says nothing, except that there is no place, and that at once.
    if (!opening && !this.#settled && silent > PATIENCE / 2 && !this.#listener.expecting()) this.#settle();
    const owes = opening || this.#asked || this.#listener.expecting();
    if (owes && silent > (opening ? OPENS_WITHIN : PATIENCE)) {
      this.#drop();
      if (opening) void this.#lookWhy();
    } else if (silent > SILENCE) this.#look();
  }
}
