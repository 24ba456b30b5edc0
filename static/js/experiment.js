/** What a reader can set up: one table of its fields, with which text is read, checked, explained and written. */

import { exact } from './format.js';

/** @typedef {import('./types/protocol').Catalogue} Catalogue */
/** @typedef {import('./types/protocol').ClientMessage} ClientMessage */

/**
 * @typedef {object} Experiment
 * @property {string} dataset
 * @property {number} examples
 * @property {number} noise
 * @property {number} trainFraction
 * @property {number} dataSeed
 * @property {readonly number[]} units of each hidden layer; none is logistic regression
 * @property {string} activation of every hidden layer
 * @property {number} slope of leaky ReLU below zero
 * @property {string} scheme of the initial weights
 * @property {number} weightSeed
 * @property {number} learningRate changes while training
 * @property {number} iterationsPerFrame changes while training
 */

/**
 * @template T
 * @typedef {object} Field
 * @property {string} key in the address
 * @property {string} label in messages
 * @property {(text: string) => T} read throws FieldError
 * @property {(value: T) => string} write the shortest text that `read` takes back to the same value
 */

/** A NumberField also knows the factor between what is shown and what is meant: 100 for a percentage.
 * @typedef {Field<number> & {limits: [number, number], factor: number}} NumberField */

/** @typedef {{[K in keyof Experiment]: Experiment[K] extends number ? NumberField : Field<Experiment[K]>}} Fields */

/** Text that is no value of a field; the message is for the reader. */
export class FieldError extends Error {}

/** What is seen of the plane: a little more than where the data live. @type {[number, number]} */
export const PLANE = [-6.6, 6.6];
const MAX_ITERATIONS = 1_000_000;

const words = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 10 });

/**
 * @param {string} key
 * @param {string} label
 * @param {[number, number]} limits
 * @param {{whole?: boolean, above?: boolean, factor?: number}} [options] `above` leaves the lower limit out
 * @returns {NumberField}
 */
function number(key, label, limits, { whole = false, above = false, factor = 1 } = {}) {
  const [low, high] = limits;
  const suffix = factor === 100 ? ' %' : '';
  const ends = [low, high].map((limit) => words.format(limit * factor));
  const range = above ? `greater than ${ends[0]} and at most ${ends[1]}${suffix}` : `from ${ends[0]} to ${ends[1]}${suffix}`;
  return {
    key,
    label,
    limits,
    factor,
    read(text) {
      const value = text.trim() === '' ? NaN : Number(text);
      if (Number.isFinite(value) && (!whole || Number.isInteger(value)) && (above ? value > low : value >= low) && value <= high) return value;
      throw new FieldError(`${label} must be a ${whole ? 'whole ' : ''}number ${range}.`);
    },
    write: exact,
  };
}

/** @param {string} key @param {string} label @param {{name: string}[]} choices @returns {Field<string>} */
function choice(key, label, choices) {
  const names = choices.map(({ name }) => name);
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

/** @param {[number, number]} depth @param {NumberField} unit @returns {Field<readonly number[]>} */
function layers([, depth], unit) {
  return {
    key: 'layers',
    label: 'Hidden layers',
    read(text) {
      const units = text === 'none' ? [] : text.split(',').map(unit.read);
      if (units.length <= depth) return units;
      throw new FieldError(`Hidden layers must be at most ${depth}.`);
    },
    write: (units) => (units.length === 0 ? 'none' : units.join(',')),
  };
}

/** The number of units of one layer. @param {Catalogue} catalogue */
export const unitsField = ({ limits }) => number('units', 'Hidden units', limits.units, { whole: true });

/** @param {Catalogue} catalogue @returns {Fields} */
export function fieldsOf(catalogue) {
  const { limits, activations, datasets, initializations } = catalogue;
  return {
    dataset: choice('dataset', 'Dataset', datasets),
    examples: number('examples', 'Examples', limits.examples, { whole: true }),
    noise: number('noise', 'Noise', limits.noise),
    trainFraction: number('train', 'Train share', limits.train_fraction, { factor: 100 }),
    dataSeed: number('seed', 'Seed', limits.seed, { whole: true }),
    units: layers(limits.hidden_layers, unitsField(catalogue)),
    activation: choice('activation', 'Activation', activations),
    slope: number('slope', 'Slope', [0, 1]),
    scheme: choice('init', 'Start from', initializations),
    weightSeed: number('weights', 'Weight seed', limits.seed, { whole: true }),
    learningRate: number('rate', 'Learning rate', [0, limits.learning_rate[1]], { above: true }),
    iterationsPerFrame: number('speed', 'Iterations per frame', limits.iterations_per_frame, { whole: true }),
  };
}

/** The default experiment. @param {Catalogue} catalogue @returns {Experiment} */
export function defaultsOf({ defaults: { data, network, training }, activations }) {
  return {
    dataset: data.dataset,
    examples: data.examples,
    noise: data.noise,
    trainFraction: data.train_fraction,
    dataSeed: data.seed,
    units: network.layers.map(({ units }) => units),
    activation: network.layers[0]?.activation ?? activations[0].name,
    slope: activations.find(({ slope }) => slope !== null)?.slope ?? 0,
    scheme: network.initialization.scheme,
    weightSeed: network.initialization.seed,
    learningRate: training.learning_rate,
    iterationsPerFrame: 5,
  };
}

/** @param {Experiment} experiment @param {boolean} playing @returns {ClientMessage} */
export function configureMessage(experiment, playing) {
  const { activation, slope } = experiment;
  return {
    type: 'configure',
    data: {
      dataset: experiment.dataset,
      examples: experiment.examples,
      noise: experiment.noise,
      seed: experiment.dataSeed,
      train_fraction: experiment.trainFraction,
    },
    runs: [
      {
        network: {
          layers: experiment.units.map((units) => ({ units, activation, ...(activation === 'leaky_relu' && { slope }) })),
          initialization: { scheme: experiment.scheme, seed: experiment.weightSeed },
        },
        training: { learning_rate: experiment.learningRate, iterations: MAX_ITERATIONS },
      },
    ],
    playing,
  };
}

/** @type {(keyof Experiment)[]} */
const DATA = ['dataset', 'examples', 'noise', 'trainFraction', 'dataSeed'];

/** @param {Experiment} a @param {Experiment} b */
export const sameData = (a, b) => DATA.every((name) => a[name] === b[name]);

/** Whether a change from one to the other needs a restart. @param {Experiment} a @param {Experiment} b */
export const sameRun = (a, b) => JSON.stringify(configureMessage({ ...a, learningRate: 1 }, false)) === JSON.stringify(configureMessage({ ...b, learningRate: 1 }, false));
