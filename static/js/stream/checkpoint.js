/**
 * A session that a server has taken up from what the one before had kept last, up to five seconds before it ended
 * without notice.
 */

import { count } from '../format.js';

/** @typedef {import('../types/protocol').Configured} Configured */

/**
 * What is trained, from its points to its initial weights: the same for as long as nothing is configured.
 *
 * @param {Configured} message
 */
export function whatIsTrained({ data, runs }) {
  return JSON.stringify([
    data,
    runs.map(({ label, layer_sizes, layers, training }) => [label, layer_sizes, layers, training]),
  ]);
}

/** What a reader reads where nothing could be taken up. */
export const LOST = 'The server lost what it had trained. Play starts again from the same initial weights.';

/**
 * What a reader reads of it.
 *
 * @param {boolean} again whether what was configured last had not been kept yet
 * @param {number} iteration
 */
export function fromCheckpoint(again, iteration) {
  if (again)
    return 'The server was restarted before it had kept this experiment; it started again from the same initial weights.';
  return (
    `The server was restarted. Training goes on from iteration ${count(iteration)}, kept at most 5 seconds before; ` +
    'a change made after that is to be made again.'
  );
}
