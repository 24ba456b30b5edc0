/**
 * What networks that are compared can differ in, one thing at a time: a table, its field in the address, and the runs
 * it stands for.
 */

import { counted } from '../format.js';
import { MAX_RUNS } from './bounds.js';
import { choice, FieldError, namesOf } from './field.js';

/** @typedef {import('./experiment.js').Experiment} Experiment */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */
/** @typedef {string | number} Value */
/** @typedef {{by: string, values: readonly Value[]}} Comparison by the name of a factor */

/**
 * @typedef {object} Factor
 * @property {string} name in the address
 * @property {string} label
 * @property {string} part of the page that sets the same: where that is locked, so is taking a value over
 * @property {import('./field.js').Field<any>} field of one value
 * @property {{name: string, label: string}[] | null} options of a choice; null is a number
 * @property {readonly Value[]} values to begin with
 * @property {(value: any) => string} say a value in a few words
 * @property {string} same what else the networks have in common
 * @property {(experiment: Experiment, value: any) => Partial<Experiment>} set what a value changes
 * @property {(experiment: Experiment) => Value | null} get the value set up; null if layers differ, or it has none
 */

export const FEWEST = 2;

/** @type {Comparison} */
export const DEFAULT = { by: 'activation', values: ['sigmoid', 'tanh', 'relu', 'leaky_relu'] };

/** One value if all layers have the same. @template T @param {readonly T[]} values */
const common = (values) => (values.length > 0 && values.every((value) => value === values[0]) ? values[0] : null);

/**
 * @param {Catalogue} catalogue
 * @param {Pick<import('./experiment.js').Fields, 'scheme' | 'scale' | 'weightSeed' | 'learningRate' | 'optimizer'>}
 *   fields
 * @param {import('./field.js').NumberField} units of one layer
 * @returns {Factor[]}
 */
export function factorsOf(
  { activations, initializations, optimizers },
  { scheme, scale, weightSeed, learningRate, optimizer },
  units,
) {
  /** @param {{name: string, label: string}[]} rows */
  const labelled = (rows) => ({
    options: rows,
    say: (/** @type {string} */ name) => rows.find((row) => row.name === name)?.label ?? name,
  });
  /** @param {(value: number) => string} say */
  const numeric = (say) => ({ options: null, say });
  return [
    {
      name: 'activation',
      label: 'activation',
      part: 'activation',
      field: choice('activation', 'Activation', namesOf(activations)),
      ...labelled(activations),
      values: DEFAULT.values,
      same: 'The same points, initial weights and learning rate',
      set: ({ layers }, activation) => ({ layers: layers.map((layer) => ({ ...layer, activation })) }),
      get: ({ layers }) => common(layers.map(({ activation }) => activation)),
    },
    {
      name: 'init',
      label: 'initialisation',
      part: 'init',
      field: scheme,
      ...labelled(initializations),
      values: namesOf(initializations),
      same: 'The same points, seed and learning rate',
      set: (_, value) => ({ scheme: value, parameters: null }),
      get: (experiment) => (experiment.parameters ? null : experiment.scheme),
    },
    {
      name: 'scale',
      label: 'scale of the initial weights',
      part: 'init',
      field: scale,
      ...numeric((value) => `scale ${value}`),
      values: [0.001, 0.01, 0.1, 1],
      same: 'The same points, seed and learning rate',
      set: (_, value) => ({ scheme: 'small_random', scale: value, parameters: null }),
      get: (experiment) => (experiment.parameters || experiment.scheme !== 'small_random' ? null : experiment.scale),
    },
    {
      name: 'seed',
      label: 'weight seed',
      part: 'weights',
      field: weightSeed,
      ...numeric((value) => `seed ${value}`),
      values: [0, 1, 2, 3],
      same: 'The same points and learning rate',
      set: (_, value) => ({ weightSeed: value, parameters: null }),
      get: (experiment) => (experiment.parameters ? null : experiment.weightSeed),
    },
    {
      name: 'rate',
      label: 'learning rate',
      part: 'rate',
      field: learningRate,
      ...numeric((value) => `α ${value}`),
      values: [0.03, 0.1, 0.3, 1],
      same: 'The same points and initial weights',
      set: (_, value) => ({ learningRate: value }),
      get: (experiment) => experiment.learningRate,
    },
    {
      name: 'units',
      label: 'hidden units',
      part: 'layers',
      field: units,
      ...numeric((value) => counted(value, 'unit')),
      values: [1, 2, 4, 8],
      same: 'The same points, seed and learning rate',
      set: ({ layers }, value) => ({ layers: layers.map((layer) => ({ ...layer, units: value })) }),
      get: ({ layers }) => common(layers.map((layer) => layer.units)),
    },
    {
      name: 'optimizer',
      label: 'optimiser',
      part: 'optimizer',
      field: optimizer,
      ...labelled(optimizers),
      values: namesOf(optimizers),
      same: 'The same points, initial weights and learning rate',
      set: (_, value) => ({ optimizer: value }),
      get: (experiment) => experiment.optimizer,
    },
  ];
}

/**
 * What stands in the way of comparing by a factor; '' is nothing.
 *
 * @param {Factor} factor
 * @param {Experiment} experiment
 */
export const hindrance = ({ name, label }, { layers }) =>
  layers.length === 0 && ['activation', 'units'].includes(name)
    ? `Without a hidden layer there is no ${label} to compare. Add one, or compare by something else.`
    : '';

/**
 * The factor, then its values: `activation,sigmoid,tanh`.
 *
 * @param {readonly Factor[]} factors
 * @returns {import('./field.js').Field<Comparison> & {factors: readonly Factor[]}}
 */
export function comparisonField(factors) {
  const by = choice('compare', 'What to compare by', namesOf([...factors]));
  return {
    key: 'compare',
    label: 'Comparison',
    factors,
    read(text) {
      const [name, ...texts] = text.split(',');
      const factor = /** @type {Factor} */ (factors.find((row) => row.name === by.read(name)));
      return {
        by: name,
        values: checkedValues(
          factor,
          texts.map((text) => factor.field.read(text)),
        ),
      };
    },
    write: ({ by: name, values }) => {
      const factor = /** @type {Factor} */ (factors.find((row) => row.name === name));
      return [name, ...values.map(factor.field.write)].join(',');
    },
  };
}

/**
 * Values, if they can be compared.
 *
 * @param {Factor} factor
 * @param {readonly Value[]} values
 * @returns {readonly Value[]}
 */
export function checkedValues({ say }, values) {
  if (values.length < FEWEST || values.length > MAX_RUNS)
    throw new FieldError(`From ${FEWEST} to ${MAX_RUNS} networks can be compared.`);
  const twice = values.find((value, index) => values.indexOf(value) < index);
  if (twice !== undefined) throw new FieldError(`“${say(twice)}” is compared already.`);
  return values;
}
