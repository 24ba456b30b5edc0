/**
 * Hides, locks and points out the parts of the page that the address or a lesson names, and makes it compact where it
 * is embedded.
 */

import { effect, untracked } from '../../vendor/signals-core/signals-core.js';
import { allows, isShown, PARTS } from '../experiment/parts.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../experiment/parts.js').Part} Part */

const CONTROLS = 'button, input, select, textarea, summary, a[href]';
/** What explains and changes nothing is never locked. */
const SPARED = '.help';
const EXPLANATION = 'Locked on this page';
const NOTE = 'locked-note';

/** Sections that are gone when all of this is. @type {[string, string][]} */
const SECTIONS = [
  ['act', '.act'],
  ['data', '.data > :is(.d1, .d2, .d3, .d4)'],
  ['net', '.net'],
  ['out', '.out > :is(.output-head, .cost-head)'],
];

/**
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @param {(experiment: Experiment) => string} addressOf
 */
export function mountReduced(store, find, addressOf) {
  const app = /** @type {HTMLElement} */ (document.querySelector('.app'));
  /** @type {Map<string, Lock>} */
  const locks = new Map();
  effect(() => {
    const now = store.reduction.value;
    const had = document.activeElement;
    for (const element of document.querySelectorAll('[data-gone]')) element.removeAttribute('data-gone');
    for (const lock of locks.values()) lock.release();
    locks.clear();
    for (const part of PARTS) {
      const roots = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(part.roots)]);
      if (!isShown(now, part.name)) {
        // Not `hidden`, which is the views' own: some parts come and go by themselves.
        for (const root of roots) root.toggleAttribute('data-gone', true);
      } else if (!part.fixed && now.lock.includes(part.name)) {
        locks.set(part.name, new Lock(roots, part));
      }
    }
    // For the styles to read. Asked by :has(), every text that changes within would have them looked at anew.
    app.dataset.without = SECTIONS.filter(([, parts]) =>
      [...app.querySelectorAll(parts)].every((part) => part.hasAttribute('data-gone')),
    )
      .map(([name]) => name)
      .join(' ');
    // A panel that nobody may open is not open.
    const { panel } = store.experiment.peek();
    if (panel && !allows(now, panel)) untracked(() => store.change({ panel: '' }));
    if (had instanceof HTMLElement && (had.matches(':disabled') || !had.checkVisibility())) giveOn(had);
  });

  effect(() => {
    const { highlight } = store.staged.value;
    for (const element of document.querySelectorAll('[data-pointed]')) element.removeAttribute('data-pointed');
    for (const part of PARTS.filter(({ name }) => highlight.includes(name)))
      for (const element of document.querySelectorAll(part.mark ?? part.roots))
        element.toggleAttribute('data-pointed', true);
  });

  const link = /** @type {HTMLAnchorElement} */ (find('open-full'));
  effect(() => {
    const embed = store.setup.embed.value;
    document.body.toggleAttribute('data-embed', embed);
    link.hidden = !embed;
    if (embed) link.href = addressOf({ ...store.experiment.value, embed: false });
  });
}

/** The keyboard of what is hidden or locked is with what is around it, so that Tab goes on from there. @param {Element} had */
function giveOn(had) {
  let around = had.parentElement;
  while (around && around !== document.body && (around.getClientRects().length === 0 || !around.checkVisibility()))
    around = around.parentElement;
  if (!around || around === document.body) return;
  if (!around.hasAttribute('tabindex')) {
    around.tabIndex = -1;
    around.addEventListener('blur', () => around.removeAttribute('tabindex'), { once: true });
  }
  around.focus({ preventScroll: true });
}

/** The controls of a part, disabled for as long as it lasts, whatever the views want of them meanwhile. */
class Lock {
  #roots;
  #spares;
  /** What the views want of each. @type {Map<HTMLElement, boolean>} */
  #wanted = new Map();
  #observer = new MutationObserver((records) => {
    for (const { target, attributeName } of records)
      if (attributeName && target instanceof HTMLElement && this.#wanted.has(target))
        this.#wanted.set(target, target.hasAttribute('disabled'));
    this.#hold();
  });
  /** @param {Event} event */
  #refuse = (event) => {
    if (!(event.target instanceof Element) || !event.target.closest('a, summary') || event.target.closest(this.#spares))
      return;
    event.preventDefault();
    event.stopPropagation();
  };

  /** @param {HTMLElement[]} roots @param {Part} part */
  constructor(roots, { spares }) {
    this.#roots = roots;
    this.#spares = spares ? `${SPARED}, ${spares}` : SPARED;
    for (const root of roots) {
      root.dataset.locked = root.title;
      root.title = EXPLANATION;
      root.addEventListener('click', this.#refuse, true);
    }
    this.#hold();
  }

  #hold() {
    for (const root of this.#roots) {
      for (const control of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(CONTROLS)))
        this.#disable(control);
      if (root.matches(CONTROLS)) this.#disable(root);
    }
    this.#observer.takeRecords();
    for (const root of this.#roots)
      this.#observer.observe(root, { subtree: true, childList: true, attributes: true, attributeFilter: ['disabled'] });
  }

  /** @param {HTMLElement} control */
  #disable(control) {
    if (control.closest(this.#spares)) return;
    if (!this.#wanted.has(control)) {
      this.#wanted.set(control, control.hasAttribute('disabled'));
      describe(control, true);
    }
    if (!control.hasAttribute('disabled')) setDisabled(control, true);
  }

  release() {
    this.#observer.disconnect();
    for (const root of this.#roots) {
      root.title = root.dataset.locked ?? '';
      if (!root.title) root.removeAttribute('title');
      delete root.dataset.locked;
      root.removeEventListener('click', this.#refuse, true);
    }
    for (const [control, wanted] of this.#wanted) {
      setDisabled(control, wanted);
      describe(control, false);
    }
  }
}

/**
 * Links and summaries know no `disabled`: they say it, and their clicks are refused.
 *
 * @param {HTMLElement} control
 * @param {boolean} disabled
 */
function setDisabled(control, disabled) {
  if (control.matches('a, summary')) control.ariaDisabled = disabled ? 'true' : null;
  else control.toggleAttribute('disabled', disabled);
}

/** Why it is disabled, for screen readers. @param {HTMLElement} control @param {boolean} locked */
function describe(control, locked) {
  const ids = (control.getAttribute('aria-describedby') ?? '').split(' ').filter((id) => id && id !== NOTE);
  if (locked) ids.push(NOTE);
  if (ids.length > 0) control.setAttribute('aria-describedby', ids.join(' '));
  else control.removeAttribute('aria-describedby');
}
