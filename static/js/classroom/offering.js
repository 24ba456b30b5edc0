/**
 * What a main page offers to a teacher's page in the same browser: what is set up in it, and a small picture of that.
 * Tabs of one origin hear each other over a BroadcastChannel; nothing of it leaves the browser.
 */

import { effect } from '../../vendor/signals-core/signals-core.js';
import { toHash } from '../experiment/address.js';
import { runSpec } from '../experiment/experiment.js';
import { ownName } from '../links.js';

export const CHANNEL = ownName('shallows-room');
/** Not more often than this is told what has changed (milliseconds). */
const PAUSE = 400;

/**
 * @typedef {object} Offer
 * @property {string} tab
 * @property {number} when its reader was last there, in milliseconds since 1970
 * @property {string} page as an address has it; never empty
 * @property {object} plan
 * @property {string[]} missing what no link can hold
 * @property {{width: number, height: number, values: Uint8Array} | null} picture
 */

/**
 * @param {Omit<import('./student.js').Page, 'catalogue'>} page
 * @param {(experiment: import('../experiment/experiment.js').Experiment) => string} leftOut
 */
export function offer({ store, defaults, fields }, leftOut) {
  const channel = new BroadcastChannel(CHANNEL);
  const tab = crypto.getRandomValues(new Uint32Array(2)).join('-');
  let when = Date.now();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  const say = () => {
    waiting = undefined;
    const experiment = store.experiment.peek();
    const { data, network, training } = runSpec(experiment);
    const boundary = store.current.picture.peek()?.run.boundary;
    const missing = leftOut(experiment);
    channel.postMessage({
      offer: /** @type {Offer} */ ({
        tab,
        when,
        page:
          toHash(
            { ...experiment, hide: [], lock: [], lesson: '', step: 1, panel: '', embed: false },
            defaults,
            fields,
          ) || '#',
        plan: { data, runs: [{ network, training }] },
        missing: missing ? [missing] : [],
        picture: boundary ? { width: boundary.width, height: boundary.height, values: boundary.values } : null,
      }),
    });
  };
  const later = () => {
    if (waiting === undefined) waiting = setTimeout(say, PAUSE);
  };
  channel.addEventListener('message', ({ data }) => data.ask && say());
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return;
    when = Date.now();
    later();
  });
  addEventListener('pagehide', () => channel.postMessage({ gone: tab }));
  effect(() => {
    void store.experiment.value;
    when = Date.now();
    later();
  });
  effect(() => {
    void store.current.picture.value;
    later();
  });
}
