/** A small read-out beside the pointer, kept within its plot. */

import { nothing, render } from '../../vendor/lit-html/lit-html.js';

const DISTANCE = 14;

export class Tip {
  #element;

  /** @param {HTMLElement} element inside a positioned plot */
  constructor(element) {
    this.#element = element;
  }

  /** @param {unknown} content of lit-html @param {number} x @param {number} y in the plot */
  show(content, x, y) {
    render(content, this.#element);
    this.#element.hidden = false;
    const plot = /** @type {HTMLElement} */ (this.#element.parentElement);
    const { offsetWidth: width, offsetHeight: height } = this.#element;
    const left = x + DISTANCE + width > plot.clientWidth ? x - DISTANCE - width : x + DISTANCE;
    const top = Math.max(0, Math.min(plot.clientHeight - height, y - height - DISTANCE / 2));
    this.#element.style.transform = `translate(${Math.max(0, left)}px, ${top}px)`;
  }

  hide() {
    if (this.#element.hidden) return;
    this.#element.hidden = true;
    render(nothing, this.#element);
  }
}
