/** The experiment in the URL's hash: key=value of whatever differs from the defaults, numbers to their last digit. */

import { FieldError } from './experiment.js';

/** @typedef {import('./experiment.js').Experiment} Experiment */
/** @typedef {import('./experiment.js').Fields} Fields */

/**
 * @param {Experiment} experiment
 * @param {Experiment} defaults
 * @param {Fields} fields
 * @returns {string} with its leading #, or nothing if all is as by default
 */
export function toHash(experiment, defaults, fields) {
  const parts = [];
  for (const [name, { key, write }] of entries(fields)) {
    const text = write(experiment[name]);
    if (text !== write(defaults[name])) parts.push(`${key}=${text}`);
  }
  return parts.length > 0 ? `#${parts.join('&')}` : '';
}

/**
 * What a hash says; what it says wrongly is left at its default and named in `problems`.
 *
 * @param {string} hash
 * @param {Experiment} defaults
 * @param {Fields} fields
 * @returns {{experiment: Experiment, problems: string[]}}
 */
export function fromHash(hash, defaults, fields) {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  /** @type {Record<string, unknown>} */
  const experiment = { ...defaults };
  const problems = [];
  for (const [name, { key, read }] of entries(fields)) {
    const text = given.get(key);
    given.delete(key);
    if (text === null) continue;
    try {
      experiment[name] = read(text);
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      problems.push(error.message);
    }
  }
  for (const key of new Set(given.keys())) problems.push(`There is no setting called “${key}”.`);
  return { experiment: /** @type {Experiment} */ (/** @type {unknown} */ (experiment)), problems };
}

/** @param {Fields} fields */
const entries = (fields) => /** @type {[keyof Experiment, import('./experiment.js').Field<any>][]} */ (Object.entries(fields));
