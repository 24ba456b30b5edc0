/**
 * A reader's place in a class, in this browser's storage: a reload, a lock screen or a flat battery loses nobody. One
 * browser has one place.
 */

import { ownName } from '../links.js';

const KEY = ownName('room');
/** How a room's key is stored, by its id. */
const KEYS = ownName('room-keys');
/** What if a teacher opens more rooms than this: the first one's key is forgotten. */
const MOST_KEYS = 20;

/** What was set up last is known at another device alone. */
export const ELSEWHERE = -1;

/**
 * @typedef {object} Place
 * @property {string} room
 * @property {string} code
 * @property {string} secret
 * @property {string} session the member's own: '' where it is not known
 * @property {number} member
 * @property {string} name
 * @property {string} title
 * @property {number} set the number of the experiment that was set up last here; 0 is none, or `ELSEWHERE`
 * @property {string} here what is set up, as an address has it
 * @property {string} mine what the reader had before the teacher's, as an address has it; '' is nothing
 * @property {string} theirs the class's, while the reader's own is there; else ''
 */

/** @param {string} key */
function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null');
  } catch {
    return null;
  }
}

/** @param {string} key @param {unknown} value null is to forget it */
function write(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    // Storage is blocked: it lasts as long as the page.
    return false;
  }
}

/** @returns {Place | null} */
export function placeHere() {
  const place = read(KEY);
  const whole = ['room', 'secret', 'name', 'title'].every((name) => typeof place?.[name] === 'string');
  return whole ? { code: '', session: '', set: 0, here: '', mine: '', theirs: '', ...place } : null;
}

/** @param {Place | null} place @returns {boolean} whether the browser keeps it */
export const keepPlace = (place) => write(KEY, place);

/**
 * What of a place is not there yet.
 *
 * @param {import('./calls.js').Joined} joined
 * @param {string} code
 * @param {Place | null} before
 * @param {number} [set] where there was none before
 * @returns {Place}
 */
export function placeOf({ room, member, name, secret, session, title }, code, before, set = 0) {
  const again = before?.room === room && before.member === member ? before : null;
  return {
    room,
    code,
    secret,
    session,
    member,
    name,
    title,
    set: again?.set ?? set,
    here: again?.here ?? '',
    mine: again?.mine ?? '',
    theirs: again?.theirs ?? '',
  };
}

/** The rooms that this browser has a key for, the latest last. @returns {Record<string, string>} */
export const roomKeys = () => {
  const keys = read(KEYS);
  return typeof keys === 'object' && keys !== null ? keys : {};
};

/** @param {string} name of a key @param {string | null} key null forgets it */
export function keepKey(name, key) {
  const { [name]: _, ...others } = roomKeys();
  const all = Object.entries(key === null ? others : { ...others, [name]: key }).slice(-MOST_KEYS);
  write(KEYS, all.length > 0 ? Object.fromEntries(all) : null);
}

/**
 * The key in this page's address, which it leaves at once; else the one that is stored.
 *
 * @param {string} name of the key
 */
export function takeKey(name) {
  const given = new URLSearchParams(location.hash.slice(1)).get('key');
  if (given === null) return roomKeys()[name] ?? null;
  history.replaceState(null, '', location.pathname + location.search);
  keepKey(name, given);
  return given;
}
