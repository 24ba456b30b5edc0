/** Where others find this server. */

import { ask } from './asking.js';

/** A name by which every computer means itself. */
const OWN = /^(localhost|127(\.\d+){3}|\[::1\])$/;
/** Whoever waits for a link waits no longer (milliseconds). */
const PATIENCE = 10_000;

/** What is said of an address that leads nobody else here, where there is room for a sentence. */
export const ALONE =
  'This address opens on this computer only. For a class, start Shallows so that others reach it (HOST=0.0.0.0).';

/** @type {Promise<Reach> | undefined} */
let asked;

/**
 * @typedef {object} Reach
 * @property {string} origin what a link that others open begins with
 * @property {boolean} own whether it is a name for the reader's own computer all the same
 * @property {boolean} changed whether it is another one than this page's
 */

/** Where others find this server. The page asks once, and only where its own address is of no use to them. */
export function reach() {
  asked ??= findReach();
  return asked;
}

/** @returns {Promise<Reach>} */
async function findReach() {
  const { hostname, origin, port, protocol } = location;
  if (!OWN.test(hostname)) return { origin, own: false, changed: false };
  const answer = await ask('/address', { patience: PATIENCE });
  const lan = answer?.ok ? answer.body?.lan : null;
  if (!lan) {
    if (!answer?.ok) asked = undefined;
    return { origin, own: true, changed: false };
  }
  return { origin: `${protocol}//${lan}${port && `:${port}`}`, own: false, changed: true };
}
