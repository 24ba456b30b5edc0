/** What a tile says: what a student's network differs in from what was sent, in a few words, and its numbers. Pure. */

import { counted } from '../format.js';
import { featureText } from '../notation.js';

/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */

/** Characters of a tile's line: what does not fit is left out, never cut. */
export const LONGEST = 20;
/** More things than these are counted. */
const MOST = 2;
/** Without progress for so long somebody is stuck (seconds). */
export const STUCK = 300;

/** @param {{name: string, label: string}[]} rows @param {string} name */
const labelOf = (rows, name) => rows.find((row) => row.name === name)?.label ?? name;

/** @param {Experiment} experiment @param {Catalogue} catalogue */
function activations({ layers }, catalogue) {
  const names = [...new Set(layers.map(({ activation }) => labelOf(catalogue.activations, activation)))];
  return names.length > 0 ? names.join('–') : 'no hidden layer';
}

/** “4 units”, “2 layers of 4”, “6 and 3”. @param {Experiment} experiment */
function units({ layers }) {
  const counts = layers.map((layer) => layer.units);
  if (counts.length === 0) return '';
  if (counts.length === 1) return counted(counts[0], 'unit');
  if (counts.every((count) => count === counts[0])) return `${counts.length} layers of ${counts[0]}`;
  return `${counts.slice(0, -1).join(', ')} and ${counts.at(-1)}`;
}

/** @param {Experiment} experiment */
const named = ({ dataset, points }) => (dataset === 'own' ? (points.length > 0 ? 'own points' : 'points') : dataset);
/** @type {Record<string, string>} */
const SCHEMES = { small_random: 'random', zeros: 'zeros', xavier: 'Xavier', he: 'He' };

/**
 * What can differ, the most telling first.
 *
 * @type {((experiment: Experiment, catalogue: Catalogue) => string)[]}
 */
const ROWS = [
  named,
  activations,
  units,
  ({ learningRate }) => `α ${learningRate}`,
  ({ scheme, scale }) => (scheme === 'small_random' ? `random × ${scale}` : (SCHEMES[scheme] ?? scheme)),
  ({ parameters }) => (parameters ? 'given weights' : ''),
  ({ features }) => `inputs ${features.map(featureText).join(', ')}`,
  ({ optimizer }, { optimizers }) => labelOf(optimizers, optimizer),
  ({ batchSize }) => (batchSize === null ? 'full batch' : `batch ${batchSize}`),
  ({ noise }) => `noise ${noise}`,
  ({ examples }) => `m ${examples}`,
  ({ l1, l2 }) => (l1 > 0 ? `L1 ${l1}` : l2 > 0 ? `L2 ${l2}` : 'no L1, L2'),
  ({ labelFlips }) => `${Math.round(100 * labelFlips)}% flipped`,
  ({ trainFraction }) => `${Math.round(100 * trainFraction)}% to train`,
  ({ dataSeed }) => `data seed ${dataSeed}`,
  ({ layers }) =>
    layers.map(({ slope, activation }) => (activation === 'leaky_relu' ? `slope ${slope}` : '')).find(Boolean) ?? '',
];

/** What it is, whole: “tanh, 4 units”. @param {Experiment} experiment @param {Catalogue} catalogue */
export const brief = (experiment, catalogue) =>
  [activations(experiment, catalogue), units(experiment)].filter(Boolean).join(', ');

/** With its data: “circle, tanh, 4 units”. @param {Experiment} experiment @param {Catalogue} catalogue */
export const whole = (experiment, catalogue) => `${named(experiment)}, ${brief(experiment, catalogue)}`;

/**
 * The things that differ, in words.
 *
 * @param {Experiment} experiment
 * @param {Experiment} sent
 * @param {Catalogue} catalogue
 */
export const differences = (experiment, sent, catalogue) =>
  ROWS.flatMap((row) => {
    const text = row(experiment, catalogue);
    return text === row(sent, catalogue) ? [] : [text];
  }).filter(Boolean);

/** @param {string[]} items @returns {string} */
function told(items) {
  if (items.length === 0) return 'as sent';
  if (items.length > MOST) return `${items.length} changes`;
  const text = items.join(', ');
  return text.length <= LONGEST ? text : items.length > 1 ? `${items.length} changes` : items[0].slice(0, LONGEST);
}

/** Minutes of a time, as long as there are any. @param {number} seconds */
const minutes = (seconds) => (seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`);

/**
 * A tile's second line. With a state, the first thing that differs alone stands before it, if both fit.
 *
 * @param {string[]} items what differs
 * @param {{away: number | null, stuck: number | null}} since seconds; null is not so
 */
export function line(items, { away, stuck }) {
  const state =
    away !== null ? (away < 60 ? 'away' : `away ${minutes(away)}`) : stuck !== null ? `stuck ${minutes(stuck)}` : '';
  if (!state) return told(items);
  const both = `${items[0] ?? 'as sent'}, ${state}`;
  return both.length <= LONGEST ? both : state;
}

/** @param {number | null | undefined} cost to three decimals, which fit */
export const shortCost = (cost) =>
  cost === null || cost === undefined
    ? '–'
    : !Number.isFinite(cost)
      ? '∞'
      : cost < 10
        ? cost.toFixed(3)
        : cost < 1000
          ? cost.toPrecision(3)
          : cost.toExponential(0).replace('+', '');
/** @param {number | null | undefined} share */
export const shortShare = (share) => (share === null || share === undefined ? '–' : `${Math.round(100 * share)}%`);

/**
 * How well it does on the points that it does not train on: a share, or its cost where there are no classes.
 *
 * @param {import('../types/rooms').Tile | undefined} tile
 */
export const shortTest = (tile) =>
  tile && tile.test_accuracy === null ? shortCost(tile.test_cost) : shortShare(tile?.test_accuracy);
