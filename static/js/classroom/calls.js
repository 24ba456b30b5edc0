/** What the pages of a room ask of the server over REST; what is wrong comes back as a sentence. */

import { ask, UNANSWERED } from '../asking.js';

/** @typedef {{room: string, member: number, name: string, secret: string, session: string, title: string}} Joined */
/** @typedef {{id: string, code: string, key: string, screen_key: string}} NewRoom */
/** @typedef {{code: string, text: string, seconds?: number}} Wrong */
/** @template T @typedef {{status: number, body: T, wrong: null} | {status: number, body: null, wrong: Wrong}} Answered */

/** By the code of an error: what a page of a room says instead of the server's own words. */
const SAID = {
  too_many_requests: 'Too many tries. Wait a minute.',
  too_fast: 'Too many tries. Wait a minute.',
};

/**
 * @template T
 * @param {'GET' | 'POST' | 'DELETE'} method
 * @param {string} path
 * @param {object} [manner]
 * @param {object} [manner.body]
 * @param {Record<string, string>} [manner.headers]
 * @returns {Promise<Answered<T>>}
 */
export async function call(method, path, { body, headers = {} } = {}) {
  const answer = await ask(path, {
    method,
    headers: { Accept: 'application/json', ...(body && { 'Content-Type': 'application/json' }), ...headers },
    body: body && JSON.stringify(body),
  });
  if (!answer) return { status: 0, body: null, wrong: { code: 'unanswered', text: UNANSWERED } };
  const { body: found } = answer;
  if (answer.ok) return { status: answer.status, body: found, wrong: null };
  const code = String(found?.code ?? answer.status);
  const text =
    /** @type {Record<string, string>} */ (SAID)[code] ??
    sentence(found?.detail) ??
    `The server could not do it (${answer.status}).`;
  const seconds = Number(answer.headers.get('Retry-After') ?? NaN);
  return { status: answer.status, body: null, wrong: { code, text, ...(Number.isFinite(seconds) && { seconds }) } };
}

/** As a page writes it: with a capital and a full stop. @param {unknown} text */
export function sentence(text) {
  if (typeof text !== 'string' || text === '') return undefined;
  const first = text[0].toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

/** A code in groups, as it is read from the last row. @param {string} code */
export const inGroups = (code) => code.replace(/(...)(?=.)/g, '$1 ');

/** A code as it is typed, without what does not belong to it. @param {string} typed */
export const bare = (typed) => typed.replace(/[\s‐–-]/g, '').toUpperCase();

/** The signs of a room's code. */
export const CODE_LENGTH = 6;
/** Of a code that opens the teacher's page on another device. */
export const PAIRING_LENGTH = 8;
