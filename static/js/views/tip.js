/** A small read-out beside the pointer, kept within its plot, and the line at the iteration that it speaks of. */

import { nothing, render } from '../../vendor/lit-html/lit-html.js';

const DISTANCE = 14;

export class Tip {
  #plot;
  #element;
  #cursor;

  /** @param {HTMLElement} plot positioned, with a tip in it and perhaps a cursor */
  constructor(plot) {
    this.#plot = plot;
    this.#element = /** @type {HTMLElement} */ (plot.querySelector('.tip'));
    this.#cursor = /** @type {HTMLElement | null} */ (plot.querySelector('.cursor'));
  }

  /**
   * @param {unknown} content of lit-html
   * @param {{clientX: number, clientY: number}} pointer
   * @param {number} [cursor] pixels from the plot's left
   */
  show(content, { clientX, clientY }, cursor = 0) {
    render(content, this.#element);
    this.#element.hidden = false;
    const frame = this.#plot.getBoundingClientRect();
    const [x, y] = [clientX - frame.left, clientY - frame.top];
    const { offsetWidth: width, offsetHeight: height } = this.#element;
    const left = x + DISTANCE + width > this.#plot.clientWidth ? x - DISTANCE - width : x + DISTANCE;
    const top = Math.max(0, Math.min(this.#plot.clientHeight - height, y - height - DISTANCE / 2));
    this.#element.style.transform = `translate(${Math.max(0, left)}px, ${top}px)`;
    if (!this.#cursor) return;
    this.#cursor.hidden = false;
    this.#cursor.style.transform = `translateX(${cursor}px)`;
  }

  hide() {
    if (this.#element.hidden) return;
    this.#element.hidden = true;
    if (this.#cursor) this.#cursor.hidden = true;
    render(nothing, this.#element);
  }
}
