/** The experiment in the URL's hash: key=value of whatever differs from the defaults, numbers to their last digit. */

import { serverPath } from '../links.js';
import { inLink, OWN, sameRun } from './experiment.js';
import { FieldError, idle } from './field.js';
import { nameOf } from './kept-points.js';
import { numbersOf } from './parameters.js';

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
  for (const { key, write, get, none } of entries(fields)) {
    const text = write(get(experiment));
    // Nothing is said of what is as by default, nor of what no text can hold; that there is none is said.
    if (text !== write(get(defaults)) && (text !== '' || none !== undefined))
      parts.push(`${key}=${encodeURIComponent(text).replaceAll(/%2C|%3B/g, decodeURIComponent)}`);
  }
  return parts.length > 0 ? `#${parts.join('&')}` : '';
}

/**
 * Where experiments are: a saved run under its short link as long as it is that run.
 *
 * @param {import('./saved.js').SavedRun | null} saved that this page was opened with
 * @param {Experiment} defaults
 * @param {Fields} fields
 * @returns {(experiment: Experiment) => string} what comes after the origin
 */
export const addressesBeside = (saved, defaults, fields) => (experiment) => {
  const kept = saved?.experiment && sameRun(experiment, saved.experiment) ? saved : null;
  const path = kept ? kept.path : saved ? serverPath('/') : location.pathname;
  return path + location.search + toHash(experiment, kept?.experiment ?? defaults, fields);
};

/**
 * An address with the name of the own points that this browser keeps, where it cannot hold them itself.
 *
 * @param {string} address
 * @param {Experiment} experiment that it is of
 * @param {Fields} fields
 */
export function withKept(address, experiment, fields) {
  const { dataset, points } = experiment;
  if (dataset !== OWN || points.length === 0 || inLink(experiment, fields)) return address;
  return `${address}${address.includes('#') ? '&' : '#'}kept=${nameOf(experiment)}`;
}

/**
 * What a hash says; what it says wrongly, or what changes nothing beside the rest of it, is left at its default and named
 * in `problems`. Points are one's own, where it names no dataset.
 *
 * @param {string} hash
 * @param {Experiment} defaults
 * @param {Fields} fields
 * @returns {{experiment: Experiment, problems: string[]}}
 */
export function fromHash(hash, defaults, fields) {
  // A plus before a digit is the sign of a number, as in 1e+3; elsewhere it is a space.
  const given = new URLSearchParams(hash.replace(/^#/, '').replaceAll(/(?<=[=,;eE])\+(?=[\d.])/g, '%2B'));
  if (!given.has('dataset') && [fields.points, fields.kept].some(({ key }) => given.has(key)))
    given.set('dataset', OWN);
  let experiment = defaults;
  const problems = [];
  for (const { key, read, write, get, set } of entries(fields)) {
    const [text, ...others] = given.getAll(key);
    given.delete(key);
    if (text === undefined) continue;
    if (others.some((other) => other !== text)) problems.push(`The address says “${key}” twice; the first holds.`);
    try {
      const value = read(text);
      const next = set(experiment, value);
      if (write(get(next)) === write(value)) experiment = next;
      else problems.push(idle(key));
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      problems.push(error.message);
    }
  }
  for (const key of new Set(given.keys())) problems.push(`There is no setting called “${key}”.`);
  return { experiment, problems };
}

/** What an experiment has that no link can hold, in words. @param {Experiment} experiment @param {Fields} fields */
export function leftOut(experiment, { points, parameters }) {
  const missing = [];
  if (experiment.dataset === OWN && experiment.points.length > 0 && points.write(experiment) === '')
    missing.push('your own points');
  if (experiment.parameters && parameters.write(numbersOf(experiment.parameters)) === '')
    missing.push('the loaded parameters');
  return missing.join(' and ');
}

/** Every field, and where in the experiment it is. @param {Fields} fields */
function entries(fields) {
  const named = /** @type {[string, import('./experiment.js').Field<any>][]} */ (Object.entries(fields));
  return named.map(([name, field]) => ({
    get: (/** @type {any} */ experiment) => experiment[name],
    set: (/** @type {Experiment} */ experiment, /** @type {unknown} */ value) => ({ ...experiment, [name]: value }),
    ...field,
  }));
}
