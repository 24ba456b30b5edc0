/** What the page asks of the server beside its stream: every question has an end, and of two of a kind the later counts. */

import { serverPath } from './links.js';

/** For the reader. */
export const UNANSWERED = 'The server does not answer. Try again when the page is connected.';

/**
 * From a question to the last byte of its answer it takes no longer, or there is none (milliseconds). A server may let
 * heavy work wait for half a minute.
 */
const PATIENCE = 45_000;
const NO_CONTENT = 204;

/** @typedef {{ok: boolean, status: number, headers: Headers, body: any}} Answer without a `body` (null) only if it needs none */

/**
 * @param {string} path
 * @param {Pick<RequestInit, 'method' | 'headers' | 'body' | 'cache' | 'signal'> & {as?: 'json' | 'text' | 'blob', patience?:
 *   number}} [manner] what an answer is read as, if it is no error, which is JSON; and how long it may take (milliseconds)
 * @returns {Promise<Answer | null>} null: there is no answer, or none that can be read to its end
 */
export async function ask(path, { as = 'json', patience = PATIENCE, signal, ...request } = {}) {
  const over = new AbortController();
  const end = () => over.abort();
  const timer = setTimeout(end, patience);
  signal?.addEventListener('abort', end);
  try {
    if (signal?.aborted) return null;
    const answer = await fetch(serverPath(path), { ...request, signal: over.signal });
    const { ok, status, headers } = answer;
    const body = ok && as !== 'json' ? await answer[as]() : parsed(await answer.text());
    return body === null && ok && status !== NO_CONTENT ? null : { ok, status, headers, body };
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  }
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * @param {string} path
 * @param {string | Blob} body
 * @param {string} [type]
 */
export const post = (path, body, type = 'application/json') =>
  ask(path, { method: 'POST', headers: { 'Content-Type': type }, body });

/** What an answer says that went wrong. @param {Answer | null} answer @returns {string} */
export const problemOf = (answer) =>
  answer
    ? (answer.body?.errors?.[0]?.detail ?? answer.body?.detail ?? `The server answered ${answer.status}.`)
    : UNANSWERED;

/**
 * Of requests of one kind the latest counts: what comes of those before is nobody's any more.
 *
 * @returns {() => () => boolean} begins a request, and forgets the others; what it gives says whether it still counts
 */
export function latest() {
  /** @type {object | null} */
  let newest = null;
  return () => {
    const mine = {};
    newest = mine;
    return () => newest === mine;
  };
}
