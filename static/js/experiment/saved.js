/** The run that a short link brought: the server has written into the page what it was. */

import { serverPath } from '../links.js';
import { fromHash } from './address.js';
import { experimentOf } from './experiment.js';

/** @typedef {import('./experiment.js').Experiment} Experiment */
/** @typedef {import('./experiment.js').Fields} Fields */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */
/** @typedef {import('../types/protocol').RunSpec} RunSpec */

/**
 * @typedef {{id: string, path: string, experiment: Experiment | null}} SavedRun without an experiment if the server has
 *   none of that id
 */

/**
 * @param {Catalogue} catalogue
 * @param {Experiment} defaults
 * @param {Fields} fields
 * @returns {SavedRun | null} null if this page was opened by another address
 */
export function readSaved(catalogue, defaults, fields) {
  const text = document.getElementById('saved')?.textContent;
  if (!text) return null;
  /** @type {{id: string, page: string | null, run: RunSpec | null}} */
  const { id, page, run } = JSON.parse(text);
  const path = serverPath(`/r/${id}`);
  if (!run) return { id, path, experiment: null };
  // The page's own hash has what is no part of a run; the run itself is the server's to say.
  const seen = fromHash(page ?? '', defaults, fields).experiment;
  return { id, path, experiment: { ...seen, ...experimentOf(run, catalogue) } };
}
