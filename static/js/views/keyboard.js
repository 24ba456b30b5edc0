/**
 * Space plays, → steps, R resets, D describes, ? tells so: wherever the key has no meaning of its own. They are one run's at a
 * time, and the titles of its buttons say so: a comparison's while its Play is on the screen, else that of the page.
 */

import { html, render } from '../../vendor/lit-html/lit-html.js';
import { allows, isShown } from '../experiment/parts.js';
import { closesBy } from './closing.js';

/** @typedef {import('../store/state.js').Store} Store */

/** Where keys are for typing, or a dialog's. */
export const TYPING =
  'input:not([type="radio"], [type="range"], [type="checkbox"]), textarea, select, [contenteditable], dialog';

/**
 * @typedef {object} Key
 * @property {string} name
 * @property {string} [letter] as aria-keyshortcuts has it, if that is not its name
 * @property {string} does
 * @property {string} part of the page, for where it is hidden or locked
 * @property {string} own elements that use the key themselves
 * @property {boolean} [scrolls] whether it is its own too of what has the keyboard and scrolls sideways
 * @property {boolean} repeats
 * @property {boolean} [reads] changes nothing, so that it works where its part is locked; it is always the page's
 * @property {(run: import('../store/state.js').Keyed, store: Store) => void} act
 */

/** @type {Record<string, Key>} */
const KEYS = {
  ' ': {
    name: 'Space',
    does: 'Play, or pause',
    part: 'play',
    own: 'button, a, summary, input[type="radio"]:not(:checked), input[type="checkbox"]',
    repeats: false,
    act: (run) => run.toggle(),
  },
  ArrowRight: {
    name: '→',
    letter: 'ArrowRight',
    does: 'One iteration',
    part: 'step',
    own: 'input',
    scrolls: true,
    repeats: true,
    act: (run) => run.step(),
  },
  r: {
    name: 'R',
    letter: 'r',
    does: 'Back to the first weights',
    part: 'reset',
    own: 'none',
    repeats: false,
    act: (run) => run.reset(),
  },
  d: {
    name: 'D',
    does: 'Say what the plane shows',
    part: 'words',
    own: 'none',
    repeats: false,
    reads: true,
    act: (_, store) => store.describe(),
  },
};

/**
 * Says on a button that it has a key, or has it no more.
 *
 * @param {HTMLElement} button
 * @param {string} key
 * @param {string} does what pressing it does
 * @param {boolean} own whether the key is its own just now
 */
export function markKey(button, key, does, own) {
  const { name, letter = name } = KEYS[key];
  button.title = own ? `${does} (${name})` : does;
  if (own) button.setAttribute('aria-keyshortcuts', letter);
  else button.removeAttribute('aria-keyshortcuts');
}

/** Whether an element can be scrolled sideways. @param {Element} element */
const isWide = (element) =>
  element.scrollWidth > element.clientWidth + 1 && ['auto', 'scroll'].includes(getComputedStyle(element).overflowX);

/** @param {Store} store @param {Key} key */
const works = (store, { part, reads }) =>
  reads ? isShown(store.reduction.peek(), part) : allows(store.reduction.peek(), store.keyed.peek()?.part ?? part);

/** What no key of this table does. @type {[name: string, does: string, part?: string][]} */
const BESIDES = [
  ['Ctrl Z', 'Undo what was done to the points; with Shift, redo it', 'own'],
  ['Tab', 'To the next control'],
  ['← ↑ ↓ →', 'Change a slider or a choice; move the mark on the plane'],
  ['Esc', 'Close what is open'],
];

/** @param {Store} store @param {(id: string) => HTMLElement} find */
export function mountKeyboard(store, find) {
  const dialog = /** @type {HTMLDialogElement} */ (find('keys-dialog'));
  const showKeys = () => {
    const lab = store.keyed.peek();
    const usable = Object.values(KEYS).filter((key) => works(store, key));
    /** @type {[name: string, does: string, part?: string][]} */
    const rows = [
      ...usable.map(
        ({ name, does, reads }) =>
          /** @type {[string, string]} */ ([name, lab && !reads ? `${does}: ${lab.what}` : does]),
      ),
      ['?', 'Show these keys'],
      ...BESIDES.filter(([, , part]) => !part || allows(store.reduction.peek(), part)),
    ];
    render(
      rows.map(([name, does]) => html`<tr><th scope="row"><kbd>${name}</kbd></th><td>${does}</td></tr>`),
      find('keys'),
    );
    dialog.showModal();
  };
  find('help').addEventListener('click', showKeys);
  closesBy(dialog, find('keys-close'));

  document.addEventListener('keydown', (event) => {
    const typing = event.target instanceof Element && event.target.closest(TYPING) !== null;
    if (event.key === '?' && !typing && allows(store.reduction.peek(), 'help')) showKeys();
    const key = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!key || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const at = event.target instanceof Element ? event.target : null;
    if (at?.closest(`${TYPING}, ${key.own}`) || (key.scrolls && at && isWide(at))) return;
    event.preventDefault();
    if (!works(store, key)) return;
    if (key.repeats || !event.repeat) key.act(store.keyed.peek() ?? store, store);
  });
}
