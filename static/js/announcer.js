/** What is said to those who hear the page. */

import { repeat } from '../vendor/lit-html/directives/repeat.js';
import { html, render } from '../vendor/lit-html/lit-html.js';
import { effect, signal } from '../vendor/signals-core/signals-core.js';

/** So many of the latest stay to be read again; the oldest goes. */
const MOST_LINES = 5;

/**
 * Each text is a line of its own, also one that was said before, and no text takes another's place: of two that come at
 * once a screen reader would read the later alone.
 */
export class Announcer {
  /** @type {import('../vendor/signals-core/signals-core.js').Signal<readonly {text: string}[]>} */
  #lines = signal(/** @type {readonly {text: string}[]} */ ([]));

  /** The latest texts, the newest last. */
  get lines() {
    return this.#lines.value;
  }

  /** @param {string} text an empty one says nothing */
  say(text) {
    if (text) this.#lines.value = [...this.#lines.peek(), { text }].slice(-MOST_LINES);
  }

  /** @param {HTMLElement} log has a line for each text from now on */
  mount(log) {
    effect(() => {
      const lines = repeat(
        this.lines,
        (line) => line,
        ({ text }) => html`<p>${text}</p>`,
      );
      render(lines, log);
    });
  }
}
