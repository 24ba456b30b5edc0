/**
 * The page's side of its painter, a worker that hears the server: costs and numbers come out, and pictures appear by
 * themselves.
 */

/** @typedef {import('../types/painting').FromPainter} FromPainter */
/** @typedef {import('../types/painting').ToPainter} ToPainter */
/** @typedef {import('../types/painting').Manner} Manner */
/** @typedef {import('../types/painting').NetworkScene} NetworkScene */
/** @typedef {import('../types/painting').PlaneScene} PlaneScene */
/** @typedef {import('../types/painting').FrameCosts} FrameCosts */
/** @typedef {import('../types/painting').Snapshot} Snapshot */
/** @typedef {import('../types/protocol').Frame} Frame */
/** @typedef {import('../types/protocol').ServerMessage} ServerMessage */

/** A snapshot is there by then, or never comes (milliseconds). */
const PATIENCE = 15_000;
/** More of the screen's pixels to one of CSS's are not seen, but painted (device pixels). */
const MOST_PIXELS = 2;
/** Numbers that change faster cannot be read, and each time the page is laid out anew (milliseconds). */
const INTERVAL = 100;
/** What is read gets at most this share of the page's own thread while it plays. */
const SHARE = 0.25;
/** A page that is so slow is read with what is this old, at most (milliseconds). */
const MOST_PAUSE = 400;

/**
 * @typedef {object} PainterListener
 * @property {(message: ServerMessage) => void} message
 * @property {(costs: FrameCosts) => void} costs of every frame, in order
 * @property {(picture: Pick<Frame, 'iteration' | 'runs'>) => void} picture what has been drawn: while it plays the latest,
 *   as often as it can be read
 * @property {() => void} missing the worker could not be fetched: nothing will be drawn
 */

/**
 * The painter's socket as the page knows it: a WebSocket whose messages are read over there. Of what came of them it has
 * an event only.
 */
class PainterSocket extends EventTarget {
  /** @type {number} */
  readyState = WebSocket.CONNECTING;
  #post;

  /** @param {(message: ToPainter) => void} post */
  constructor(post) {
    super();
    this.#post = post;
  }

  /** @param {string} text */
  send(text) {
    this.#post({ type: 'say', text });
  }

  /** @param {number} [code] */
  close(code) {
    if (this.readyState >= WebSocket.CLOSING) return;
    this.readyState = WebSocket.CLOSING;
    this.#post({ type: 'hangUp', code });
  }
}

/** Once the screen has what has just been written. @param {() => void} act */
const onceSeen = (act) => requestAnimationFrame(() => setTimeout(act));

export class Painter {
  /** Who waits for which snapshot. @type {Map<number, {resolve: (snapshot: Snapshot) => void, reject: () => void}>} */
  #waiting = new Map();
  #snapshots = 0;
  #missing = false;
  #worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  /** @type {PainterSocket | null} */
  #socket = null;
  #sockets = 0;
  #over = new AbortController();
  #interval;
  #rest;
  /** From one picture that is read to the next. */
  #pause;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #reading;

  /**
   * @param {PainterListener} listener
   * @param {object} [manner]
   * @param {number} [manner.interval] from one picture that is read to the next, at least: numbers that change faster
   *   cannot be read, and each time the page is laid out anew (milliseconds)
   * @param {number} [manner.rest] from one acknowledgement to the next, at least: fewer frames come (milliseconds)
   * @param {string} [manner.mark] for whoever measures: the name of the entries that drawn pictures leave
   */
  constructor(listener, { interval = INTERVAL, rest = 0, mark = 'frame-drawn' } = {}) {
    this.#interval = this.#pause = interval;
    this.#rest = rest;
    this.#worker.addEventListener('message', ({ data }) => {
      const news = /** @type {FromPainter} */ (data);
      if (news.type === 'opened' || news.type === 'closed') return this.#changed(news);
      if (this.#over.signal.aborted) return undefined;
      this.#socket?.dispatchEvent(new Event('message'));
      if (news.type === 'message') {
        // What was under way from a socket that has been given up is nobody's: of a room that was left, say.
        if (this.#socket?.readyState === WebSocket.OPEN) listener.message(news.message);
        return undefined;
      }
      if (news.type === 'given') return this.#leave(mark, news.given);
      if (news.type === 'snapshot') {
        this.#waiting.get(news.id)?.resolve(news.snapshot);
        this.#waiting.delete(news.id);
        return undefined;
      }
      const began = performance.now();
      for (const costs of news.costs) listener.costs(costs);
      if (news.picture) listener.picture(news.picture);
      if (news.given) this.#leave(mark, news.given);
      this.#read(began, news.atOnce);
      return undefined;
    });
    // What goes wrong within the worker says what; a file that does not come is a plain event.
    this.#worker.addEventListener('error', (event) => {
      for (const { reject } of this.#waiting.values()) reject();
      this.#waiting.clear();
      if (event instanceof ErrorEvent) return;
      this.#missing = true;
      listener.missing();
    });
    const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');
    const calm = () => this.manner({ calm: reducedMotion.matches });
    reducedMotion.addEventListener('change', calm, { signal: this.#over.signal });
    calm();
  }

  /**
   * Something has been written on the page. It is free for more after a pause: longer, where the screen has it late.
   *
   * @param {number} began
   * @param {boolean} atOnce
   */
  #read(began, atOnce) {
    const since = () => performance.now() - began;
    onceSeen(() => {
      this.#pause = Math.max(this.#interval, Math.min(MOST_PAUSE, since() / SHARE));
      if (atOnce) this.#post({ type: 'shown' });
    });
    // What was told in between, since it may not wait, has its own pause.
    clearTimeout(this.#reading);
    this.#reading = setTimeout(() => this.#post({ type: 'more' }), Math.max(0, this.#pause - since()));
  }

  /** Notes what the screen has. @param {string} mark @param {import('../types/painting').Given} given */
  #leave(mark, { iteration, pictures, at }) {
    performance.mark(mark, { startTime: at - performance.timeOrigin, detail: { iteration, pictures } });
    // An observer still gets the entry, and the browser's list of marks does not grow.
    performance.clearMarks(mark);
  }

  /**
   * Hears the server from now on, and no other socket. What is sent comes out in the order in which it came in.
   *
   * @param {URL} url
   * @param {boolean} [plain] whether by the second way
   * @returns {WebSocket} as far as a page needs one
   */
  connect(url, plain = false) {
    const socket = new PainterSocket((message) => {
      if (socket === this.#socket) this.#post(message);
    });
    this.#socket = socket;
    this.#post({ type: 'connect', id: ++this.#sockets, url: url.href, plain, rest: this.#rest });
    return /** @type {WebSocket} */ (/** @type {unknown} */ (socket));
  }

  /** @param {Extract<FromPainter, {type: 'opened' | 'closed'}>} news */
  #changed(news) {
    const socket = this.#socket;
    if (!socket || news.id !== this.#sockets) return;
    if (news.type === 'closed') {
      socket.readyState = WebSocket.CLOSED;
      socket.dispatchEvent(new CloseEvent('close', { code: news.code }));
    } else if (socket.readyState === WebSocket.CONNECTING) {
      socket.readyState = WebSocket.OPEN;
      socket.dispatchEvent(new Event('open'));
    }
  }

  /** For good, once its socket has said so. */
  close() {
    this.#over.abort();
    this.#post({ type: 'end' });
  }

  /** Another run is asked for: what is drawn next is of that one, if it comes soon. */
  expect() {
    this.#post({ type: 'expect' });
  }

  /** @param {Partial<Manner>} manner */
  manner(manner) {
    this.#post({ type: 'manner', manner });
  }

  /**
   * Leaves a canvas to the painter, for good.
   *
   * @param {string} name `network`, or that of a plane
   * @param {HTMLCanvasElement} canvas
   */
  give(name, canvas) {
    const offscreen = canvas.transferControlToOffscreen();
    this.#post({ type: 'canvas', name, canvas: offscreen }, [offscreen]);
  }

  /** @param {string} name of its canvas @param {PlaneScene} scene */
  plane(name, scene) {
    this.#post({ type: 'plane', name, scene });
  }

  /** @param {NetworkScene} scene */
  network(scene) {
    this.#post({ type: 'network', scene });
  }

  /** @param {import('../types/painting').Emphasis | null} emphasis what stands out in the network */
  emphasise(emphasis) {
    this.#post({ type: 'emphasis', emphasis });
  }

  /**
   * The network as it is seen now, in a scene and colours of its own.
   *
   * @param {NetworkScene} scene
   * @param {import('../types/painting').Colours} colours
   * @returns {Promise<Snapshot>} rejected where there is no painter, or it fails
   */
  snapshot(scene, colours) {
    const id = ++this.#snapshots;
    return new Promise((resolve, fail) => {
      const reject = () => fail(new Error('What draws it does not answer.'));
      if (this.#missing) return reject();
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject();
      }, PATIENCE);
      this.#waiting.set(id, {
        resolve(snapshot) {
          clearTimeout(timer);
          resolve(snapshot);
        },
        reject() {
          clearTimeout(timer);
          reject();
        },
      });
      this.#post({ type: 'snapshot', id, scene, colours });
    });
  }

  /** @param {ToPainter} message @param {Transferable[]} [transfer] */
  #post(message, transfer = []) {
    this.#worker.postMessage(message, transfer);
  }
}

export const pixelRatio = () => Math.min(MOST_PIXELS, devicePixelRatio);
