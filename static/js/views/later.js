/**
 * Parts of the page that are fetched when they are first needed. What does not come is said, and asked for again when
 * the reader wants it.
 */

import { askVersion, newer } from '../version.js';

/** @typedef {import('../store/state.js').Store} Store */

/**
 * @template T
 * @param {Store} store
 * @param {string} what it is, as a sentence begins
 * @param {() => Promise<T>} get
 * @param {() => void} again does all of this once more
 * @returns {Promise<T | null>} null: it did not come, and that is said
 */
export async function fetchLater(store, what, get, again) {
  try {
    return await get();
  } catch {
    await unlessNewer(() =>
      store.complain(`${what} could not be fetched. The rest of the page goes on.`, {
        label: 'Try again',
        accept: again,
      }),
    );
    return null;
  }
}

/** Whether what came later may still open: the reader has nothing else open by now. */
export const mayOpen = () => !document.querySelector('dialog[open]');

/**
 * Something did not come. A server with a newer page no longer has this one's files, and there is a button for that
 * already.
 *
 * @param {() => void} complain
 */
export async function unlessNewer(complain) {
  await askVersion();
  if (!newer.peek()) complain();
}
