/** What happened, seen and heard. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { effect } from '../../vendor/signals-core/signals-core.js';
import { crossButton } from './icon.js';

/** @typedef {import('../store/state.js').Store} Store */

/** A mere note goes by itself (milliseconds). */
const NOTE_STAYS = 6000;

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
  effect(() => {
    const notice = store.notice.value;
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
    if (notice?.kind !== 'note' || notice.offer) return undefined;
    const timer = setTimeout(dismiss, NOTE_STAYS);
    return () => clearTimeout(timer);
  });

  const announcer = find('announcer');
  effect(() => {
    announcer.textContent = store.announcement.value;
  });
}
