/** When frames are drawn: at the screen's pace, the latest one wins; each is acknowledged once it has been drawn or overtaken. */

/** @typedef {import('./types/protocol').Frame} Frame */

/** Under prefers-reduced-motion playing draws at most this often (milliseconds). */
const CALM_INTERVAL = 500;

const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');

export class Painter {
  #draw;
  #acknowledge;
  #playing;
  /** @type {Frame | null} */
  #latest = null;
  /** @type {number[]} */
  #unacknowledged = [];
  #scheduled = false;
  #drawn = -Infinity;

  /**
   * @param {object} work
   * @param {(frame: Frame) => void} work.draw
   * @param {(frame: number) => void} work.acknowledge
   * @param {() => boolean} work.playing
   */
  constructor({ draw, acknowledge, playing }) {
    this.#draw = draw;
    this.#acknowledge = acknowledge;
    this.#playing = playing;
  }

  /** @param {Frame} frame */
  offer(frame) {
    this.#latest = frame;
    this.#unacknowledged.push(frame.frame);
    if (this.#scheduled) return;
    this.#scheduled = true;
    const wait = reducedMotion.matches && this.#playing() ? this.#drawn + CALM_INTERVAL - performance.now() : 0;
    if (wait > 0) setTimeout(() => requestAnimationFrame(this.#paint), wait);
    else requestAnimationFrame(this.#paint);
  }

  /** Forgets what waits to be drawn: it shows a run that is no more. */
  discard() {
    this.#latest = null;
  }

  #paint = () => {
    this.#scheduled = false;
    this.#drawn = performance.now();
    if (this.#latest) {
      this.#draw(this.#latest);
      // For whoever measures: an observer still gets the entry, and the browser's list of marks does not grow.
      performance.mark('frame-drawn', { detail: { iteration: this.#latest.iteration } });
      performance.clearMarks('frame-drawn');
    }
    this.#latest = null;
    for (const frame of this.#unacknowledged.splice(0)) this.#acknowledge(frame);
  };
}
