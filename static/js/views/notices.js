/** What happened, seen and heard. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { effect } from '../../vendor/signals-core/signals-core.js';
import { givesBack } from '../focus-back.js';
import { crossButton } from './icon.js';

/** @typedef {import('../store/state.js').Store} Store */

/** A mere note goes by itself (milliseconds). */
const NOTE_STAYS = 6000;

/**
 * What has the keyboard is not left under what is said: that goes to the other end of the page, and stays there until it
 * is in the way again, or gone.
 *
 * @param {HTMLElement} said
 * @param {Element | null} focused
 */
export function makeWay(said, focused) {
  if (!said.querySelector('.bubble')) said.removeAttribute('data-above');
  else if (focused?.matches(':focus-visible') && !said.contains(focused)) {
    const here = said.getBoundingClientRect();
    const there = focused.getBoundingClientRect();
    const beside = here.left >= there.right || there.left >= here.right;
    if (!beside && here.top < there.bottom && there.top < here.bottom) said.toggleAttribute('data-above');
  }
}

/** @param {Store} store @param {(id: string) => HTMLElement} find */
export function mountNotices(store, find) {
  const box = find('notice');
  const dismiss = () => {
    store.notice.value = null;
  };
  const accept = () => {
    const offer = store.notice.peek()?.offer;
    dismiss();
    offer?.accept();
  };
  const giveBack = givesBack(box);
  effect(() => {
    const notice = store.notice.value;
    const had = box.contains(document.activeElement);
    render(
      notice
        ? html`<div class="bubble ${notice.kind}-kind"><span>${notice.text}</span>${
            notice.offer
              ? html`<button class="btn small" type="button" @click=${accept}>${notice.offer.label}</button>`
              : nothing
          }${crossButton('Dismiss', dismiss)}</div>`
        : nothing,
      box,
    );
    if (had && !notice) giveBack();
    if (notice?.kind !== 'note' || notice.offer) return undefined;
    const timer = setTimeout(dismiss, NOTE_STAYS);
    return () => clearTimeout(timer);
  });

  const said = /** @type {HTMLElement} */ (box.parentElement);
  const look = () => makeWay(said, document.activeElement);
  // Once the page has scrolled to it.
  document.addEventListener('focusin', () => said.querySelector('.bubble') && requestAnimationFrame(look));
  new ResizeObserver(look).observe(said);

  store.announcer.mount(find('announcer'));
}
