/**
 * The stream of a teacher's or a projector's page. When it drops it is opened again, ever more patiently; when the page is
 * looked at again it is looked after, since a tablet's socket dies without a word.
 */

import { unzlibSync } from '../../vendor/fflate/browser.js';
import { decode } from '../../vendor/msgpack/decode.js';
import { signal } from '../../vendor/signals-core/signals-core.js';
import { ask } from '../asking.js';
import { serverPath } from '../links.js';
import { askVersion } from '../version.js';

/** @typedef {import('../types/rooms').FromARoom} FromARoom */
/** @typedef {import('../types/rooms').FromATeacher} FromATeacher */
/** @typedef {'connecting' | 'live' | 'reconnecting' | 'refused'} State */

const FIRST_DELAY = 250;
const LONGEST_DELAY = 8000;
/** A WebSocket opens within this time, or something between does not let it (milliseconds). */
const OPENS_WITHIN = 3000;
/** So many that do not open, and the second way is taken. */
const SECOND_WAY = 2;
/** Silence after which a socket is looked after (milliseconds). */
const SILENCE = 30_000;
/** A server that was asked whether it is there answers within this time, or is gone. */
const PATIENCE = 4000;
/** Close codes of docs/protocol.md: for good, and the room is over. */
const [DONE, REFUSED] = [1000, 1008];

/**
 * @typedef {object} RoomListener
 * @property {(message: FromARoom) => void} receive
 * @property {(message: any) => void} receiveBytes
 * @property {() => void} [opened]
 */

export class RoomStream {
  state = signal(/** @type {State} */ ('connecting'));
  /** Whether it goes the second way: plain requests, where no WebSocket opens. */
  plain = signal(false);
  #address;
  #key;
  #listener;
  #resolution;
  /** @type {Pick<WebSocket, 'readyState' | 'send' | 'close'> | null} */
  #socket = null;
  /** Sockets in a row that did not open, though the server answers. */
  #unopened = 0;
  #attempts = 0;
  #heard = 0;
  /** When the server was asked whether it is there; 0 is that it was not. */
  #asked = 0;
  /** So often it was asked and has not said that it is open already: what else it sends may come before. */
  #toAnswer = 0;
  #wasLive = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;

  /** @param {string} room @param {string} key @param {RoomListener} listener @param {number} [resolution] of its tiles */
  constructor(room, key, listener, resolution = 40) {
    const address = new URL(serverPath(`/rooms/${room}/stream`), location.href);
    address.protocol = address.protocol.replace('http', 'ws');
    address.hash = '';
    this.#address = address;
    this.#key = key;
    this.#listener = listener;
    this.#resolution = resolution;
    addEventListener('online', () => this.#look());
    addEventListener('offline', () => this.#drop());
    addEventListener('pageshow', () => this.#look());
    document.addEventListener('visibilitychange', () => document.hidden || this.#look());
    setInterval(() => this.#watch(), 1000);
    void this.#connect();
  }

  get live() {
    return this.state.value === 'live';
  }

  /** A new key, from the next connection on. @param {string} key */
  rekey(key) {
    this.#key = key;
  }

  /** @param {FromATeacher} message @returns {boolean} whether it was said */
  say(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  async #connect() {
    clearTimeout(this.#retry);
    const plain = this.plain.peek() ? await import('../plain-socket.js').catch(() => null) : null;
    if (this.#socket) return;
    const socket = plain ? new plain.PlainSocket(this.#address) : new WebSocket(this.#address);
    let opened = false;
    socket.binaryType = 'arraybuffer';
    this.#heard = performance.now();
    this.#asked = this.#toAnswer = 0;
    socket.addEventListener('open', () => {
      if (socket !== this.#socket) return;
      opened = true;
      this.#unopened = 0;
      this.#heard = performance.now();
      this.say({ type: 'open', key: this.#key, wall: { resolution: this.#resolution } });
    });
    socket.addEventListener('message', (event) => {
      const { data } = /** @type {MessageEvent} */ (event);
      if (socket !== this.#socket) return;
      this.#heard = performance.now();
      this.#asked = 0;
      if (typeof data !== 'string') {
        this.#listener.receiveBytes(decode(unzlibSync(new Uint8Array(data))));
        return;
      }
      const message = /** @type {FromARoom} */ (JSON.parse(data));
      // The answer to whether it is there.
      if (this.#toAnswer > 0 && message.type === 'error' && message.code === 'unknown_type') {
        this.#toAnswer--;
        return;
      }
      this.#listener.receive(message);
      if (message.type === 'room' && !this.live) this.#settled();
    });
    socket.addEventListener('close', (event) => {
      if (socket !== this.#socket) return;
      if (!opened) void this.#unopenedOnce();
      this.#closed(/** @type {CloseEvent} */ (event).code);
    });
    this.#socket = socket;
  }

  #settled() {
    this.#attempts = 0;
    this.state.value = 'live';
    if (this.#wasLive) void askVersion();
    this.#wasLive = true;
    this.#listener.opened?.();
  }

  /** @param {number} code */
  #closed(code) {
    this.#socket = null;
    if (code === DONE || code === REFUSED) {
      this.state.value = 'refused';
      return;
    }
    this.state.value = 'reconnecting';
    const wait = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#attempts++) * (0.5 + Math.random() / 2);
    this.#retry = setTimeout(() => void this.#connect(), wait);
  }

  /** Where the server answers and no socket opens, something between is to blame: then plain requests are tried. */
  async #unopenedOnce() {
    const answer = await ask('/healthz', { cache: 'no-store' });
    // One has opened meanwhile.
    if (this.#socket?.readyState === WebSocket.OPEN) return;
    this.#unopened = answer?.ok ? this.#unopened + 1 : 0;
    if (this.#unopened >= SECOND_WAY) this.plain.value = true;
  }

  /** Gives up the socket without waiting for the other side's goodbye. */
  #drop() {
    const socket = this.#socket;
    if (!socket) return;
    this.#closed(0);
    socket.close();
  }

  /** Somebody looks at the page: is the server still there? */
  #look() {
    if (this.state.peek() === 'refused') return;
    if (!this.#socket) void this.#connect();
    else if (this.#socket.readyState === WebSocket.OPEN && this.#asked === 0) {
      // It has been opened already, and says so.
      this.say({ type: 'open', key: this.#key });
      this.#asked = performance.now();
      this.#toAnswer++;
    }
  }

  #watch() {
    if (!this.#socket || document.hidden) return;
    const now = performance.now();
    const opening = this.#socket.readyState === WebSocket.CONNECTING;
    if (this.#asked > 0 ? now - this.#asked > PATIENCE : opening && now - this.#heard > OPENS_WITHIN) {
      if (opening) void this.#unopenedOnce();
      this.#drop();
    } else if (!opening && now - this.#heard > SILENCE) this.#look();
  }
}
