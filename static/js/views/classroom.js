/** The way to a class: what is behind it comes when it is asked for, or if this browser has a room. */

import { ownName } from '../links.js';
import { fetchLater, mayOpen } from './later.js';

/**
 * @param {import('../store/state.js').Store} store
 * @param {HTMLElement} button
 * @param {() => Promise<() => void>} get brings what opens its menu
 * @param {() => void} open the stream; whoever is in a room says so first
 */
export function mountClassroom(store, button, get, open) {
  /** @type {Promise<(() => void) | null> | null} */
  let mounted = null;
  const mount = async () => {
    mounted ??= fetchLater(store, 'The class', get, () => button.click());
    const menu = await mounted;
    if (!menu) mounted = null;
    return menu;
  };
  button.addEventListener('click', async () => {
    const menu = await mount();
    if (mayOpen()) menu?.();
  });
  const has = (/** @type {string} */ name) => {
    try {
      return ownName(name) in localStorage;
    } catch {
      return false;
    }
  };
  if (has('room') || has('room-keys')) mount().finally(open);
  else open();
  // Another tab has opened a room: what is set up in this one can be sent to it. A place that another tab has stays there.
  addEventListener('storage', ({ key }) => key === ownName('room-keys') && has('room-keys') && !has('room') && mount());
}
