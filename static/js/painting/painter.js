/**
 * The page's side of its painter, a worker: what the server sends goes in, costs and numbers come out, and pictures
 * appear by themselves.
 */

/** @typedef {import('../types/painting').FromPainter} FromPainter */
/** @typedef {import('../types/painting').ToPainter} ToPainter */
/** @typedef {import('../types/painting').Manner} Manner */
/** @typedef {import('../types/painting').NetworkScene} NetworkScene */
/** @typedef {import('../types/painting').PlaneScene} PlaneScene */
/** @typedef {import('../types/painting').FrameCosts} FrameCosts */
/** @typedef {import('../types/protocol').Frame} Frame */
/** @typedef {import('../types/protocol').ServerMessage} ServerMessage */

/** More of the screen's pixels to one of CSS's are not seen, but painted (device pixels). */
const MOST_PIXELS = 2;

/**
 * @typedef {object} PainterListener
 * @property {(message: ServerMessage) => void} message
 * @property {(costs: FrameCosts) => void} costs of every frame, in order
 * @property {(picture: Pick<Frame, 'iteration' | 'runs'>) => void} picture what has been drawn
 * @property {(frame: number) => void} acknowledge a frame that has been drawn or overtaken
 * @property {() => void} missing the worker could not be fetched: nothing will be drawn
 */

export class Painter {
  /** Who waits for which snapshot. @type {Map<number, {resolve: (bitmap: ImageBitmap) => void, reject: () => void}>} */
  #waiting = new Map();
  #snapshots = 0;
  #missing = false;
  #worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });

  #over = new AbortController();

  /**
   * @param {PainterListener} listener
   * @param {string} [mark] for whoever measures: the name of the entry that each drawn frame leaves
   */
  constructor(listener, mark = 'frame-drawn') {
    this.#worker.addEventListener('message', ({ data }) => {
      const news = /** @type {FromPainter} */ (data);
      if (news.type === 'message') return listener.message(news.message);
      if (news.type === 'snapshot') {
        this.#waiting.get(news.id)?.resolve(news.bitmap);
        this.#waiting.delete(news.id);
        return undefined;
      }
      for (const costs of news.costs) listener.costs(costs);
      if (news.type === 'costs') return undefined;
      if (news.picture) {
        listener.picture(news.picture);
        // An observer still gets the entry, and the browser's list of marks does not grow.
        performance.mark(mark, {
          startTime: news.at - performance.timeOrigin,
          detail: { iteration: news.picture.iteration },
        });
        performance.clearMarks(mark);
      }
      for (const frame of news.frames) listener.acknowledge(frame);
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
   * What came from the server: a text message, or a frame. Both come out again in the order they came in.
   *
   * @param {string | ArrayBuffer} data
   */
  receive(data) {
    if (typeof data === 'string') this.#post({ type: 'text', text: data });
    else this.#post({ type: 'bytes', bytes: data }, [data]);
  }

  /** For good. */
  close() {
    this.#over.abort();
    this.#worker.terminate();
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
   * @returns {Promise<ImageBitmap>} rejected where there is no painter, or it fails
   */
  snapshot(scene, colours) {
    const id = ++this.#snapshots;
    return new Promise((resolve, fail) => {
      const reject = () => fail(new Error('What draws it does not answer.'));
      if (this.#missing) return reject();
      this.#waiting.set(id, { resolve, reject });
      this.#post({ type: 'snapshot', id, scene, colours });
    });
  }

  /** @param {ToPainter} message @param {Transferable[]} [transfer] */
  #post(message, transfer = []) {
    this.#worker.postMessage(message, transfer);
  }
}

export const pixelRatio = () => Math.min(MOST_PIXELS, devicePixelRatio);
