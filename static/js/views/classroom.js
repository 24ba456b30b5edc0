/** The way to a class: what is behind it comes when it is asked for, or if this browser has a room. */

import { ownName } from '../links.js';
import { fetchLater } from './later.js';

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
  button.addEventListener('click', async () => (await mount())?.());
  let known = false;
  try {
    known = ownName('room') in localStorage || ownName('room-keys') in localStorage;
  } catch {}
  if (known) mount().finally(open);
  else open();
}
