/** An experiment in a few words: for the names of curves, and for lists of runs. */

import { count, percent } from '../format.js';
import { featureText } from '../notation.js';
import { isLeaky, layerSizes, OWN } from './experiment.js';

/** @typedef {import('./experiment.js').Experiment} Experiment */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */

/** @param {{name: string, label: string}[]} rows @param {string} name */
const labelOf = (rows, name) => rows.find((row) => row.name === name)?.label ?? name;

/** @param {Experiment} experiment @param {Catalogue} catalogue */
function activation({ layers, problem }, { activations }) {
  if (layers.length === 0) return `${problem === 'regression' ? 'linear' : 'logistic'} regression`;
  const names = layers.map((layer) => labelOf(activations, layer.activation));
  return new Set(names).size === 1 ? names[0] : names.join('–');
}

/** @type {(experiment: Experiment) => string} */
const dataset = ({ dataset: name, points }) => (name === OWN ? `${count(points.length)} own points` : name);
/** @type {(experiment: Experiment) => string} */
const sizes = (experiment) => (experiment.layers.length > 0 ? layerSizes(experiment).join('-') : '');
/** @type {(experiment: Experiment) => string} */
const rate = ({ learningRate }) => `α ${learningRate}`;

/**
 * What else there is to say of an experiment; a row without a text has nothing to say.
 *
 * @type {((experiment: Experiment, catalogue: Catalogue) => string)[]}
 */
const OF_DATA = [
  ({ dataset: name, examples }) => (name === OWN ? '' : `${count(examples)} examples`),
  ({ noise }) => `noise ${noise}`,
  ({ labelFlips }) => `${percent(labelFlips)} labels flipped`,
  ({ trainFraction }) => `${percent(trainFraction)} to train on`,
  ({ dataSeed }) => `data seed ${dataSeed}`,
];
/** @type {typeof OF_DATA} */
const OF_NETWORK = [
  ({ layers }) => [...new Set(layers.filter(isLeaky).map(({ slope }) => `slope ${slope}`))].join(', '),
  sizes,
  ({ features }) => `inputs ${features.map(featureText).join(', ')}`,
  ({ scheme, scale }, { initializations }) =>
    scheme === 'small_random' ? `random × ${scale}` : labelOf(initializations, scheme),
  ({ weightSeed }) => `seed ${weightSeed}`,
  ({ parameters }) => (parameters ? 'loaded parameters' : ''),
];
/** @type {typeof OF_DATA} */
const OF_TRAINING = [
  rate,
  ({ optimizer }, { optimizers }) => labelOf(optimizers, optimizer),
  ({ batchSize }) => (batchSize === null ? 'full batch' : `batch ${batchSize}`),
  ({ trainingSeed }) => `batch seed ${trainingSeed}`,
  ({ l1 }) => `L1 ${l1}`,
  ({ l2 }) => `L2 ${l2}`,
];
const OF_RUN = [...OF_NETWORK, ...OF_TRAINING];

/** @param {typeof OF_DATA} rows @param {Experiment} run @param {Experiment} other @param {Catalogue} catalogue */
const differences = (rows, run, other, catalogue) =>
  rows
    .map((row) => [row(run, catalogue), row(other, catalogue)])
    .flatMap(([text, without]) => (text && text !== without ? [text] : []));

/**
 * How a run differs from another: always its activation, and what else is not the same.
 *
 * @param {Experiment} run
 * @param {Experiment} other
 * @param {Catalogue} catalogue
 */
export function describe(run, other, catalogue) {
  const data = dataset(run) === dataset(other) ? [] : [dataset(run)];
  return [activation(run, catalogue), ...data, ...differences([...OF_RUN, ...OF_DATA], run, other, catalogue)].join(
    ', ',
  );
}

/**
 * What an experiment is: its data, network and learning rate, and what else is not by default.
 *
 * @param {Experiment} run
 * @param {Experiment} defaults
 * @param {Catalogue} catalogue
 */
export function summary(run, defaults, catalogue) {
  const first = [dataset(run), [activation(run, catalogue), sizes(run)].filter(Boolean).join(' '), rate(run)];
  const others = differences(
    [...OF_DATA, ...OF_RUN.filter((row) => row !== sizes && row !== rate)],
    run,
    defaults,
    catalogue,
  );
  return [...first, ...others].join(', ');
}

/**
 * All of an experiment: its data, its network, its training.
 *
 * @param {Experiment} run
 * @param {Catalogue} catalogue
 * @returns {[title: string, text: string][]}
 */
export function inFull(run, catalogue) {
  /** @param {typeof OF_DATA} rows */
  const all = (rows) => rows.map((row) => row(run, catalogue)).filter(Boolean);
  return [
    ['Data', [dataset(run), ...all(OF_DATA)].join(', ')],
    ['Network', [activation(run, catalogue), ...all(OF_NETWORK)].join(', ')],
    ['Training', all(OF_TRAINING).join(', ')],
  ];
}
