/** One field of what a reader can set up: how its text is read, checked, explained and written. */

import { exact } from '../format.js';
import { doubt, readNumber } from '../numbers.js';

/** @typedef {import('./experiment.js').Experiment} Experiment */

/**
 * @template T
 * @typedef {object} Field
 * @property {string} key in the address
 * @property {string} label in messages
 * @property {(text: string, shown?: boolean) => T} read throws FieldError; `shown` is whether a reader typed it, who is
 *   told in what the page shows: 50 %, where an address has 0.5
 * @property {(value: T) => string} write the shortest text that `read` takes back to the same value; '' needs no
 *   mention
 * @property {T} [none] what an empty text means, if that is a value: one that has to be mentioned where it is not the
 *   default
 * @property {(experiment: Experiment) => T} [get] its value, if it is not the property of its name
 * @property {(experiment: Experiment, value: T) => Experiment} [set] throws FieldError
 */

/** What a number is shown with: the factor between what is shown and what is meant, 100 for a percentage.
 * @typedef {{limits: [number, number], factor: number, suffix: string}} Shown */
/** @typedef {Field<number> & Shown} NumberField */
/** Leaving it empty is a value too: null. @typedef {Field<number | null> & Shown} OptionalField */

/** Text that is no value of a field; the message is for the reader. */
export class FieldError extends Error {}

/** What is said of a part of an address that comes to nothing, such as points beside another dataset. @param {string} key */
export const idle = (key) => `“${key}” changes nothing beside the rest of the address.`;

export const readable = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 10 });

/**
 * @param {string} key
 * @param {string} label
 * @param {[number, number]} limits
 * @param {{whole?: boolean, above?: boolean, factor?: number, suffix?: string, bare?: string}} [options] `above` leaves
 *   the lower limit out; `bare` is what is counted where nothing is shown
 */
export function number(
  key,
  label,
  limits,
  { whole = false, above = false, factor = 1, suffix = factor === 100 ? ' %' : '', bare = '' } = {},
) {
  const [low, high] = limits;
  /** @param {number} times @param {string} unit */
  const range = (times, unit) => {
    const [from, to] = [low, high].map((limit) => readable.format(limit * times));
    return above ? `greater than ${from} and at most ${to}${unit}` : `from ${from} to ${to}${unit}`;
  };
  return {
    key,
    label,
    limits,
    factor,
    suffix,
    /** @param {string} text @param {boolean} [shown] */
    read(text, shown = false) {
      const value = readNumber(text);
      if (
        Number.isFinite(value) &&
        (!whole || Number.isInteger(value)) &&
        (above ? value > low : value >= low) &&
        value <= high
      )
        return value;
      throw new FieldError(
        `${label} must be a ${whole ? 'whole ' : ''}number ${shown ? range(factor, suffix) : range(1, bare)}.${doubt(text)}`,
      );
    },
    write: exact,
  };
}

/**
 * A number that may be left empty.
 *
 * @param {ReturnType<typeof number>} field
 * @param {string} none what the address says of it
 */
export const optional = (field, none = 'none') => ({
  ...field,
  /** @param {string} text @param {boolean} [shown] */
  read: (text, shown) => (text.trim() === '' || text === none ? null : field.read(text, shown)),
  /** @param {number | null} value */
  write: (value) => (value === null ? none : field.write(value)),
});

/** @param {string} key @param {string} label @param {readonly string[]} names @returns {Field<string>} */
export function choice(key, label, names) {
  return {
    key,
    label,
    read(text) {
      if (names.includes(text)) return text;
      throw new FieldError(`${label} must be one of ${names.join(', ')}.`);
    },
    write: (name) => name,
  };
}

/**
 * A field that may be empty, which its text then is too.
 *
 * @template T
 * @param {Field<T>} field
 * @param {T} none
 * @returns {Field<T>}
 */
export const orNone = (field, none) => ({ ...field, none, read: (text) => (text === '' ? none : field.read(text)) });

/** @param {string} key @param {string} label @returns {Field<boolean>} */
export const yesOrNo = (key, label) => ({
  key,
  label,
  read: (text) => choice(key, label, ['yes', 'no']).read(text) === 'yes',
  write: (value) => (value ? 'yes' : 'no'),
});

/** @param {{name: string}[]} rows */
export const namesOf = (rows) => rows.map(({ name }) => name);
