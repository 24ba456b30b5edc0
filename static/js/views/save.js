/** Saves the run on the server, and hands out the short link that opens it again. */

import { latest, post } from '../asking.js';
import { copy, UNCOPIED } from '../clipboard.js';
import { toHash } from '../experiment/address.js';
import { count } from '../format.js';
import { reach } from '../reach.js';
import { showCode } from './qr.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../experiment/experiment.js').Fields} Fields */

/**
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @param {Fields} fields
 * @param {Experiment} defaults
 */
export function mountSave(store, find, fields, defaults) {
  const button = /** @type {HTMLButtonElement} */ (find('save'));
  const link = /** @type {HTMLInputElement} */ (find('save-link'));
  const copying = find('copy-save');
  const message = find('save-told');

  /** @param {string} text @param {boolean} [wrong] */
  const tell = (text, wrong = false) => {
    message.textContent = text;
    message.classList.toggle('wrong', wrong);
  };
  /** @param {string} address '' is none @param {boolean} [own] it leads nobody else here */
  const show = (address, own = false) => {
    link.value = address;
    link.hidden = copying.hidden = address === '';
    showCode(find('save-code'), own ? '' : address);
  };

  const asking = latest();
  const save = async () => {
    const hindrance = obstacle(store);
    if (hindrance) return tell(hindrance, true);
    const counts = asking();
    // Whoever opens the link looks at a whole page, not at a frame of one.
    const page = toHash({ ...store.experiment.peek(), embed: false }, defaults, fields);
    tell('Saving');
    button.disabled = true;
    const answer = await post(`/sessions/${store.dialogue.session.peek()}/save`, JSON.stringify(page ? { page } : {}));
    const { origin, own } = await reach();
    if (!counts()) return undefined;
    button.disabled = false;
    if (!answer?.ok) return tell(`Not saved: ${answer?.body?.detail ?? 'the server did not answer'}.`, true);
    const { link: short, iteration } = answer.body;
    show(origin + short, own);
    tell(`Saved at iteration ${count(iteration)}.`);
    // Whoever waits for it has nothing else in hand.
    if ([button, document.body, find('share-dialog')].includes(/** @type {HTMLElement} */ (document.activeElement)))
      copying.focus();
    return undefined;
  };

  button.addEventListener('click', save);
  copying.addEventListener('click', async () => {
    const { value } = link;
    const copied = await copy(value, find('share-dialog'));
    if (link.value !== value) return;
    tell(copied ? 'Short link copied.' : UNCOPIED);
    if (!copied) link.select();
  });
  link.addEventListener('focus', () => link.select());
  // What was saved before is in its link, and what is being saved is of then; this is about the run as it is now.
  find('share').addEventListener('click', () => {
    asking();
    button.disabled = false;
    show('');
    tell('');
  });
}

/** Why there is nothing to save now, or nothing. @param {Store} store */
function obstacle(store) {
  if (store.obstacle.peek()) return `There is nothing to save yet. ${store.obstacle.peek()}`;
  if (store.dialogue.connection.peek() !== 'live')
    return 'There is no connection to the server just now. Save once there is one again.';
  return store.dialogue.settled && store.run ? '' : 'The run is only about to begin. Save again in a moment.';
}
