/** Links to the parts of the page that its reader may want first; they are seen while they have the focus. */

import { effect } from '../../vendor/signals-core/signals-core.js';
import { isShown } from '../experiment/parts.js';

/** @typedef {import('../store/state.js').Store} Store */

/** @param {Store} store @param {(id: string) => HTMLElement} find */
export function mountSkips(store, find) {
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (find('skips').querySelectorAll('a'))) {
    // The hash of the address is the experiment's.
    link.addEventListener('click', (event) => {
      event.preventDefault();
      find(link.hash.slice(1)).focus();
    });
    const part = link.dataset.part ?? '';
    effect(() => {
      link.hidden = !isShown(store.reduction.value, part);
    });
  }
}
