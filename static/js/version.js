/** What the server says of this page: whether it may connect, and whether the server has a newer one. */

import { signal } from '../vendor/signals-core/signals-core.js';
import { ask } from './asking.js';
import { DIGEST } from './links.js';

/** Whoever waits for its word waits no longer (milliseconds). */
const PATIENCE = 10_000;

/** Whether the server has a newer page than this one, and the reader has not said that it can wait. */
export const newer = signal(false);

/**
 * Asks the server. What refuses a stream without a word refuses this too, and says why by its status.
 *
 * @param {AbortSignal} [signal]
 * @returns {Promise<{status: number, seconds: number | undefined} | null>} `seconds` until it may be asked again; null:
 *   no answer
 */
export async function askVersion(signal) {
  const answer = await ask('/version', { method: 'POST', signal, patience: PATIENCE });
  if (!answer) return null;
  if (answer.ok) {
    const page = answer.body?.page;
    newer.value = typeof page === 'string' && page !== DIGEST;
  }
  const seconds = Number(answer.headers.get('Retry-After') ?? NaN);
  return { status: answer.status, seconds: Number.isFinite(seconds) ? seconds : undefined };
}
