/** Space plays, → steps, R resets: wherever the key has no meaning of its own. */

import { allows } from '../experiment/parts.js';

/** @typedef {import('../store/state.js').Store} Store */

/** Where keys are for typing, or a dialog's. */
export const TYPING =
  'input:not([type="radio"], [type="range"], [type="checkbox"]), textarea, select, [contenteditable], dialog';

/**
 * @type {Record<string, {part: string, own: string, repeats: boolean, act: (store: Store) => void}>} part: of the page,
 *   for where it is hidden or locked; own: elements that use the key themselves
 */
const KEYS = {
  ' ': {
    part: 'play',
    own: 'button, a, summary, input[type="radio"]:not(:checked), input[type="checkbox"]',
    repeats: false,
    act: (store) => store.toggle(),
  },
  ArrowRight: { part: 'step', own: 'input', repeats: true, act: (store) => store.step() },
  r: { part: 'reset', own: 'none', repeats: false, act: (store) => store.reset() },
};

/** @param {Store} store */
export function mountKeyboard(store) {
  document.addEventListener('keydown', (event) => {
    const key = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!key || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target instanceof Element && event.target.closest(`${TYPING}, ${key.own}`)) return;
    event.preventDefault();
    if (!allows(store.reduction.peek(), key.part)) return;
    if (key.repeats || !event.repeat) key.act(store);
  });
}
