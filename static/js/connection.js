/** The WebSocket: opens it, hands on what comes, and when it drops opens it again, ever more patiently. Knows no state of the page. */

/** @typedef {import('./types/protocol').ClientMessage} ClientMessage */

const FIRST_DELAY = 250;
const LONGEST_DELAY = 8000;
/** A server that owes us something and is silent for this long is taken for gone (milliseconds). */
const PATIENCE = 5000;
/** Close codes of the server, see docs/protocol.md. */
const TAKEN_OVER = 4001;
/** Ours: nothing of the session is needed any more. */
const DONE = 4002;

/** Where the server's stream is. */
export function streamAddress() {
  const address = new URL('/ws', location.href);
  address.protocol = address.protocol.replace('http', 'ws');
  address.hash = '';
  return address;
}

/**
 * @typedef {object} Listener
 * @property {() => string} query of the address to connect to: the session to take up, if any
 * @property {() => void} opened
 * @property {() => void} closed
 * @property {() => void} takenOver another connection reads our session now
 * @property {(data: string | ArrayBuffer) => void} received a text message, or a frame as it came
 * @property {() => boolean} expecting whether the server should be talking now
 */

export class Connection {
  #url;
  #listener;
  /** @type {WebSocket | null} */
  #socket = null;
  #attempts = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  #heard = 0;
  #over = new AbortController();

  /** @param {URL} url @param {Listener} listener */
  constructor(url, listener) {
    this.#url = url;
    this.#listener = listener;
    const { signal } = this.#over;
    addEventListener('online', () => this.#soon(), { signal });
    addEventListener('offline', () => this.#drop(), { signal });
    document.addEventListener(
      'visibilitychange',
      () => {
        this.#heard = performance.now();
        if (!document.hidden) this.#soon();
      },
      { signal },
    );
    const watch = setInterval(() => this.#watch(), 1000);
    signal.addEventListener('abort', () => clearInterval(watch));
  }

  open() {
    const url = new URL(this.#url);
    url.search = this.#listener.query();
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    this.#heard = performance.now();
    socket.addEventListener('open', () => {
      this.#heard = performance.now();
      this.#listener.opened();
    });
    socket.addEventListener('message', ({ data }) => {
      if (socket !== this.#socket) return;
      this.#heard = performance.now();
      this.#attempts = 0;
      this.#listener.received(data);
    });
    socket.addEventListener('close', ({ code }) => {
      if (socket === this.#socket) this.#closed(code);
    });
    this.#socket = socket;
  }

  /** @param {ClientMessage} message */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
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
    if (code === TAKEN_OVER) this.#listener.takenOver();
    this.#listener.closed();
    const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#attempts++);
    this.#retry = setTimeout(() => this.open(), delay * (0.5 + Math.random() / 2));
  }

  /** Stops waiting: the network is back, or the reader is. */
  #soon() {
    if (this.#socket) return;
    clearTimeout(this.#retry);
    this.open();
  }

  #watch() {
    if (!this.#socket || document.hidden) return;
    const silent = performance.now() - this.#heard;
    const opening = this.#socket.readyState === WebSocket.CONNECTING;
    if (silent > (opening ? LONGEST_DELAY : PATIENCE) && (opening || this.#listener.expecting())) this.#drop();
  }
}
