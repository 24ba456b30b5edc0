/** What the page asks of the server beside its stream. */

import { serverPath } from './links.js';

/** For the reader. */
export const UNANSWERED = 'The server does not answer. Try again when the page is connected.';

/**
 * @param {string} path
 * @param {string | Blob} body
 * @param {string} [type]
 * @returns {Promise<Response | null>} null: there is no answer
 */
export const post = (path, body, type = 'application/json') =>
  fetch(serverPath(path), { method: 'POST', headers: { 'Content-Type': type }, body }).catch(() => null);
