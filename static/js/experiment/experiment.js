/** What a reader can set up: one table of its fields, with which text is read, checked, explained and written. */

import { exact } from '../format.js';
import { readNumber } from '../numbers.js';
import { MAX_ITERATIONS, MAX_VALUE, MIN_POINTS, MOST_SEEDS, MOST_SWEPT, SLOPE } from './bounds.js';
import { comparisonField, DEFAULT, factorsOf } from './comparison.js';
import { choice, FieldError, idle, namesOf, number, optional, orNone, readable, yesOrNo } from './field.js';
import { keptPoints } from './kept-points.js';
import { isOrigin } from './origin.js';
import { numbersOf } from './parameters.js';
import { PARTS } from './parts.js';

/** @typedef {import('../types/protocol').Catalogue} Catalogue */
/** @typedef {import('../types/protocol').LayerParameters} LayerParameters */
/** @typedef {import('../types/protocol').RunSpec} RunSpec */
/** @typedef {import('../types/protocol').LiveTraining} LiveTraining */
/** @typedef {import('../types/protocol').Stop} Stop */
/** @typedef {import('../types/protocol').Problem} Problem */

/**
 * @typedef {object} HiddenLayer
 * @property {number} units
 * @property {string} activation
 * @property {number} slope of leaky ReLU below zero
 */

/**
 * @typedef {object} Experiment
 * @property {string} dataset a name of the catalogue's, or `OWN`
 * @property {Problem} problem follows from the dataset; of own points it is the reader's to say
 * @property {readonly (readonly [x1: number, x2: number])[]} points the reader's own, used if `dataset` is `OWN`
 * @property {readonly number[]} labels of those points
 * @property {import('../types/protocol').Origin | null} origin what those points mean, if they come from a table
 * @property {number} examples
 * @property {number} noise
 * @property {number} labelFlips
 * @property {number} trainFraction
 * @property {number} dataSeed
 * @property {readonly string[]} features what the network is given of each point
 * @property {readonly HiddenLayer[]} layers none is logistic, or linear, regression
 * @property {string} scheme of the initial weights
 * @property {number} scale of the scheme small_random
 * @property {number} weightSeed
 * @property {readonly LayerParameters[] | null} parameters initial ones that were loaded; null draws them by the scheme
 * @property {string} optimizer
 * @property {number} learningRate
 * @property {number | null} batchSize null is the full batch
 * @property {number} l1
 * @property {number} l2
 * @property {number} trainingSeed of the order of the batches
 * @property {number | null} stopCost
 * @property {number | null} stopAccuracy
 * @property {number | null} stopPatience
 * @property {number | null} stopIterations
 * @property {number | null} iterationsPerFrame null is as many as there is time for
 * @property {boolean} showTest
 * @property {boolean} discretise
 * @property {boolean} mistakes whether points that the network has wrong are marked
 * @property {string} panel that is open in the drawer; '' is none
 * @property {import('./comparison.js').Comparison} comparison what the comparison lab compares
 * @property {boolean} sweep whether that lab shows its seed sweep
 * @property {number} sweepSeeds
 * @property {number} sweepIterations
 * @property {readonly string[]} hide parts of the page that are not there
 * @property {readonly string[]} lock parts that are there and cannot be changed
 * @property {string} lesson that is taken; '' is none
 * @property {number} step of that lesson, from 1
 * @property {boolean} embed whether the page is part of another one
 */

/** @template T @typedef {import('./field.js').Field<T>} Field */
/** @typedef {import('./field.js').Shown} Shown */
/** @typedef {import('./field.js').NumberField} NumberField */
/** @typedef {import('./field.js').OptionalField} OptionalField */

/**
 * The experiment's own properties that are one field each.
 *
 * @typedef {Exclude<keyof Experiment, 'labels' | 'points' | 'origin' | 'layers' | 'parameters' | 'comparison'>} Plain
 */
/**
 * @typedef {{
 *   [K in Plain]: Experiment[K] extends number ? NumberField
 *     : null extends Experiment[K] ? OptionalField
 *     : Field<Experiment[K]>
 * } & {
 *   points: Field<OwnPoints>,
 *   origin: Field<Experiment['origin']>,
 *   kept: Field<string>,
 *   units: Field<readonly number[]>,
 *   activations: Field<readonly string[]>,
 *   slopes: Field<readonly number[]>,
 *   parameters: Field<readonly number[] | null>,
 *   comparison: ReturnType<typeof comparisonField>
 * }} Fields
 */
/** @typedef {Pick<Experiment, 'points' | 'labels'>} OwnPoints */

/** The dataset that is the reader's own points. */
export const OWN = 'own';
/** What is seen of the plane: a little more than where the data live. @type {[number, number]} */
export const PLANE = [-6.6, 6.6];
/** At most, on the page as on the server. */
export const FRAMES_A_SECOND = 60;
/** No lesson has more. */
const MOST_STEPS = 99;
/** Longer than this an address is no link any more: what would make it so is left out. */
const MAX_LINK = 8_000;

/** One text for what is the same in every layer, else one for each. @param {readonly string[]} texts */
const alike = (texts) => (texts.every((text) => text === texts[0]) ? (texts[0] ?? '') : texts.join(','));

/**
 * Values for all of some layers: one for each, or one for all.
 *
 * @template T
 * @param {string} label
 * @param {readonly T[]} values
 * @param {number} layers
 */
function spread(label, values, layers) {
  if (values.length === 1) return Array.from({ length: layers }, () => values[0]);
  if (values.length === layers) return values;
  throw new FieldError(`${label} must be one for all hidden layers, or one for each.`);
}

/** A whole number. @param {string} key @param {string} label @param {[number, number]} limits @returns {NumberField} */
export const whole = (key, label, limits) => number(key, label, limits, { whole: true });

/** The number of units of one layer. @param {Catalogue} catalogue @param {string} [label] @returns {NumberField} */
export const unitsField = ({ limits }, label = 'Hidden units') => whole('units', label, limits.units);

/** A weight, a bias or a target. @param {string} [label] @returns {NumberField} */
export const parameterField = (label = 'The value') => number('parameter', label, [-MAX_VALUE, MAX_VALUE]);

/** Leaky ReLU's slope below zero. @returns {NumberField} */
export const slopeField = () => number('slope', 'Slope', SLOPE);

/**
 * Some of the rows of a table, in its order.
 *
 * @param {string} key
 * @param {string} label
 * @param {readonly {name: string}[]} rows
 * @param {(unknown: string, names: string) => string} wrong what is said of a name that none has
 * @returns {Field<readonly string[]>}
 */
function someOf(key, label, rows, wrong) {
  const names = namesOf([...rows]);
  return {
    key,
    label,
    read(text) {
      const chosen = text.split(',');
      const unknown = chosen.find((name) => !names.includes(name));
      if (unknown === undefined) return names.filter((name) => chosen.includes(name));
      throw new FieldError(`${label}${wrong(unknown, names.join(', '))}.`);
    },
    write: (chosen) => chosen.join(','),
  };
}

/** @param {string} key @param {string} label @param {readonly {name: string}[]} parts */
const partsField = (key, label, parts) =>
  orNone(
    someOf(key, label, parts, (unknown, names) => `: there is no “${unknown}”; there are ${names}`),
    [],
  );

/** Whether they can be learned: of classes they are 0 and 1. @param {Problem} problem @param {readonly number[]} labels */
export const labelsSuit = (problem, labels) =>
  problem === 'regression' || labels.every((label) => label === 0 || label === 1);

/** Hundredths are finer than a screen shows. @param {number} value */
const short = (value) => String(Number(value.toFixed(2)));

/** x1,x2,label of each point, semicolons between. @param {Catalogue} catalogue @returns {Field<OwnPoints>} */
function pointsField({ limits }) {
  const [, most] = limits.points;
  return {
    key: 'points',
    label: 'Own points',
    read(text) {
      const rows = text.split(';').map((row) => row.split(',').map(readNumber));
      const good =
        rows.length <= most &&
        rows.every((row) => row.length === 3 && row.every((value) => Math.abs(value) <= MAX_VALUE));
      if (!good)
        throw new FieldError(
          `Own points must be x1,x2,label each, with semicolons between, at most ${readable.format(most)}.`,
        );
      return { points: rows.map(([x1, x2]) => [x1, x2]), labels: rows.map((row) => row[2]) };
    },
    write({ points, labels }) {
      const text = points.map(([x1, x2], index) => `${short(x1)},${short(x2)},${short(labels[index])}`).join(';');
      return text.length <= MAX_LINK ? text : '';
    },
    get: ({ dataset, points, labels }) => (dataset === OWN ? { points, labels } : { points: [], labels: [] }),
    set: withOwn,
  };
}

/** @param {Experiment} experiment @param {OwnPoints} own @returns {Experiment} */
function withOwn(experiment, own) {
  if (!labelsSuit(experiment.problem, own.labels))
    throw new FieldError('The labels of own points must be 0 or 1 for classification.');
  return { ...experiment, ...own };
}

/**
 * The name of a set of points that this browser keeps; `views/address-bar.js` writes it, beside as much of the points
 * as a link can hold, for other browsers.
 *
 * @param {Catalogue} catalogue
 * @returns {Field<string>}
 */
function keptField({ limits }) {
  return {
    key: 'kept',
    label: 'Own points',
    read: (text) => text,
    write: () => '',
    get: () => '',
    set(experiment, name) {
      if (experiment.dataset !== OWN) throw new FieldError(idle('kept'));
      const own = keptPoints(name);
      if (own && own.points.length <= limits.points[1]) return withOwn(experiment, own);
      if (experiment.points.length > 0) return experiment;
      throw new FieldError('The own points of this address are kept in another browser, or no longer.');
    },
  };
}

/** What the points mean, as long as they are from a table. @param {Pick<Experiment, 'dataset' | 'origin'>} experiment */
export const originOf = ({ dataset, origin }) => (dataset === OWN ? origin : null);

/** What own points mean, as JSON. @returns {Field<Experiment['origin']>} */
const originField = () => ({
  key: 'origin',
  label: 'Origin',
  read(text) {
    try {
      const value = JSON.parse(text);
      if (isOrigin(value)) return value;
    } catch {
      // It is no JSON.
    }
    throw new FieldError('Origin must tell the axes of own points.');
  },
  write: (origin) => (origin ? JSON.stringify(origin) : ''),
  get: originOf,
});
/** Whether a link has one's own points as they are. @param {Experiment} experiment @param {Fields} fields */
export const inLink = ({ points, labels }, { points: field }) =>
  field.write({ points, labels }) !== '' && [points, labels].flat(2).every((value) => short(value) === exact(value));

/** A lesson's name; only the server knows whether it exists. @returns {Field<string>} */
function lessonField() {
  return {
    key: 'lesson',
    label: 'Lesson',
    none: '',
    read(text) {
      if (text === '' || /^[a-z][a-z0-9-]{0,79}$/.test(text)) return text;
      throw new FieldError('Lesson must be a name of small letters, digits and hyphens.');
    },
    write: (name) => name,
  };
}

/**
 * The loaded parameters' numbers: each layer's weights, row by row, then its biases.
 *
 * @returns {Field<readonly number[] | null>}
 */
function parametersField() {
  return {
    key: 'parameters',
    label: 'Parameters',
    read(text) {
      const values = text.split(',').map(readNumber);
      if (values.every((value) => Math.abs(value) <= MAX_VALUE)) return values;
      throw new FieldError('Parameters must be numbers with commas between.');
    },
    write(values) {
      const text = values?.map(exact).join(',') ?? '';
      return text.length <= MAX_LINK ? text : '';
    },
    get: ({ parameters }) => parameters && numbersOf(parameters),
    set(experiment, values) {
      if (values === null) return { ...experiment, parameters: null };
      const sizes = layerSizes(experiment);
      let at = 0;
      /** @param {number} count */
      const take = (count) => {
        at += count;
        return values.slice(at - count, at);
      };
      const parameters = sizes.slice(1).map((units, index) => ({
        weights: Array.from({ length: sizes[index] }, () => take(units)),
        biases: take(units),
      }));
      if (at !== values.length)
        throw new FieldError(`Parameters must be ${at} numbers for a network of ${sizes.join('-')} units.`);
      return { ...experiment, parameters };
    },
  };
}

/**
 * In the order in which an address is read: what depends on another comes after it.
 *
 * @param {Catalogue} catalogue
 * @param {readonly string[]} panels the names of the drawer's
 * @returns {Fields}
 */
export function fieldsOf(catalogue, panels) {
  const { limits, datasets, regression_datasets, initializations, optimizers } = catalogue;
  /** @type {Omit<Fields, 'comparison'>} */
  const fields = {
    dataset: {
      ...choice('dataset', 'Dataset', [...namesOf(datasets), ...namesOf(regression_datasets), OWN]),
      set: (experiment, dataset) => ({
        ...experiment,
        dataset,
        problem: dataset === OWN ? experiment.problem : problemOf(dataset, regression_datasets),
      }),
    },
    problem: {
      .../** @type {Field<Problem>} */ (choice('problem', 'Problem', ['classification', 'regression'])),
      // Of a named dataset it is known.
      get: ({ dataset, problem }) => (dataset === OWN ? problem : 'classification'),
      set(experiment, problem) {
        if (experiment.dataset === OWN || experiment.problem === problem) return { ...experiment, problem };
        throw new FieldError(`Problem: the dataset ${experiment.dataset} is one of ${experiment.problem}.`);
      },
    },
    points: pointsField(catalogue),
    origin: originField(),
    kept: keptField(catalogue),
    examples: whole('examples', 'Examples', limits.examples),
    noise: number('noise', 'Noise', limits.noise),
    labelFlips: number('flips', 'Label flips', limits.label_flips, { factor: 100 }),
    trainFraction: number('train', 'Train share', limits.train_fraction, { factor: 100 }),
    dataSeed: whole('seed', 'Seed', limits.seed),
    features: someOf('features', 'Features', catalogue.features, (_, names) => ` must be one or more of ${names}`),
    ...layerFields(catalogue),
    scheme: choice('init', 'Start from', namesOf(initializations)),
    scale: number('scale', 'Scale', limits.scale, { above: true }),
    weightSeed: whole('weights', 'Weight seed', limits.seed),
    parameters: parametersField(),
    learningRate: number('rate', 'Learning rate', limits.learning_rate, { above: true }),
    optimizer: choice('optimizer', 'Optimiser', namesOf(optimizers)),
    batchSize: optional(whole('batch', 'Batch size', limits.batch_size), 'full'),
    l1: number('l1', 'L1 rate', limits.l1),
    l2: number('l2', 'L2 rate', limits.l2),
    trainingSeed: whole('order', 'Batch seed', limits.seed),
    stopCost: optional(number('stop-cost', 'Cost to stop at', limits.stop_cost)),
    stopAccuracy: optional(number('stop-accuracy', 'Accuracy to stop at', limits.stop_accuracy, { factor: 100 })),
    stopPatience: optional(whole('patience', 'Patience', limits.stop_patience)),
    stopIterations: optional(whole('iterations', 'Iterations to stop at', limits.iterations)),
    iterationsPerFrame: optional(
      number('speed', 'Speed', limits.iterations_per_frame, {
        factor: FRAMES_A_SECOND,
        suffix: ' iterations a second',
        bare: ' iterations a frame',
      }),
      'max',
    ),
    showTest: yesOrNo('test', 'Show test data'),
    discretise: yesOrNo('discrete', 'Discretise the output'),
    mistakes: yesOrNo('mistakes', 'Mark mistakes'),
    panel: orNone(choice('panel', 'Panel', panels), ''),
    sweep: yesOrNo('sweep', 'Seed sweep'),
    sweepSeeds: whole('sweep-seeds', 'Seeds', [1, MOST_SEEDS]),
    sweepIterations: whole('sweep-iterations', 'Iterations', [1, MOST_SWEPT]),
    lesson: lessonField(),
    step: { ...whole('step', 'Step', [1, MOST_STEPS]), get: ({ lesson, step }) => (lesson ? step : 1) },
    hide: partsField('hide', 'What to hide', PARTS),
    lock: partsField(
      'lock',
      'What to lock',
      PARTS.filter(({ fixed }) => !fixed),
    ),
    embed: {
      key: 'embed',
      label: 'Embed',
      read: (text) => choice('embed', 'Embed', ['1', '0']).read(text) === '1',
      write: (value) => (value ? '1' : '0'),
    },
  };
  return { ...fields, comparison: comparisonField(factorsOf(catalogue, fields, unitsField(catalogue))) };
}

/** @param {Catalogue} catalogue @returns {HiddenLayer} */
const layerByDefault = ({ activations, defaults }) => ({
  units: defaults.network.layers[0].units,
  activation: defaults.network.layers[0].activation,
  slope: activations.find(({ slope }) => slope !== null)?.slope ?? 0,
});

/** @param {Pick<HiddenLayer, 'activation'>} layer */
export const isLeaky = ({ activation }) => activation === 'leaky_relu';

/**
 * The columns of the hidden layers, a text each.
 *
 * @param {Catalogue} catalogue
 * @returns {Pick<Fields, 'units' | 'activations' | 'slopes'>}
 */
function layerFields(catalogue) {
  const unit = unitsField(catalogue);
  const slope = slopeField();
  const name = choice('activation', 'Activation', namesOf(catalogue.activations));
  const [, depth] = catalogue.limits.hidden_layers;
  const fresh = layerByDefault(catalogue);
  return {
    units: {
      key: 'layers',
      label: 'Hidden layers',
      read(text) {
        const units = text === 'none' ? [] : text.split(',').map((one) => unit.read(one));
        if (units.length <= depth) return units;
        throw new FieldError(`Hidden layers must be at most ${depth}.`);
      },
      write: (units) => (units.length === 0 ? 'none' : units.join(',')),
      get: ({ layers }) => layers.map(({ units }) => units),
      set: (experiment, units) => ({
        ...experiment,
        layers: units.map((count, index) => ({
          ...(experiment.layers[index] ?? experiment.layers.at(-1) ?? fresh),
          units: count,
        })),
      }),
    },
    activations: {
      key: 'activation',
      label: 'Activation',
      read: (text) => text.split(',').map((one) => name.read(one)),
      write: alike,
      get: ({ layers }) => layers.map(({ activation }) => activation),
      set(experiment, names) {
        const { layers } = experiment;
        const all = spread('Activation', names, layers.length);
        return { ...experiment, layers: layers.map((layer, index) => ({ ...layer, activation: all[index] })) };
      },
    },
    slopes: {
      key: 'slope',
      label: 'Slope',
      read: (text) => text.split(',').map((one) => slope.read(one)),
      write: (slopes) => (slopes.every((value) => value === fresh.slope) ? '' : alike(slopes.map(exact))),
      get: ({ layers }) => layers.filter(isLeaky).map((layer) => layer.slope),
      set(experiment, slopes) {
        const leaky = experiment.layers.filter(isLeaky);
        const all = spread('Slope', slopes, leaky.length);
        return {
          ...experiment,
          layers: experiment.layers.map((layer) =>
            isLeaky(layer) ? { ...layer, slope: all[leaky.indexOf(layer)] } : layer,
          ),
        };
      },
    },
  };
}

/** Units of every layer, inputs and output included. @param {Pick<Experiment, 'features' | 'layers'>} experiment */
export const layerSizes = ({ features, layers }) => [features.length, ...layers.map(({ units }) => units), 1];

/** The page's default experiment. @param {Catalogue} catalogue @returns {Experiment} */
export const defaultsOf = (catalogue) => ({
  points: [],
  labels: [],
  origin: null,
  ...experimentOf({}, catalogue),
  iterationsPerFrame: 5,
  showTest: true,
  discretise: false,
  mistakes: false,
  panel: '',
  comparison: DEFAULT,
  sweep: false,
  sweepSeeds: MOST_SEEDS,
  sweepIterations: 1000,
  lesson: '',
  step: 1,
  hide: [],
  lock: [],
  embed: false,
});

/**
 * What a run in the protocol's words sets up here: the inverse of `TERMS.configure`. What the run leaves out is by
 * default; what is no part of a run (what is shown, and of own points those that another dataset hides) is left out.
 *
 * @param {RunSpec} run
 * @param {Catalogue} catalogue
 * @returns {Omit<Experiment, 'points' | 'labels' | 'origin' | 'iterationsPerFrame' | 'showTest' | 'discretise' | 'mistakes' |
 *   'panel' | 'comparison' | 'sweep' | 'sweepSeeds' | 'sweepIterations' | 'lesson' | 'step' | 'hide' | 'lock' |
 *   'embed'> & Partial<Experiment>}
 */
export function experimentOf(
  { data: ofData, network: ofNetwork, training: ofTraining, iterations_per_frame },
  catalogue,
) {
  const { defaults, regression_datasets } = catalogue;
  const data = { ...defaults.data, ...ofData };
  const network = { ...defaults.network, ...ofNetwork };
  const initialization = { ...defaults.network.initialization, ...network.initialization };
  const training = { ...defaults.training, ...ofTraining };
  const { stop } = training;
  const fresh = layerByDefault(catalogue);
  const own =
    ofData?.points && ofData.labels
      ? { points: ofData.points, labels: ofData.labels, origin: ofData.origin ?? null }
      : null;
  const iterations = ofTraining?.iterations ?? MAX_ITERATIONS;
  return {
    dataset: own ? OWN : data.dataset,
    problem: own ? (ofData?.task ?? 'classification') : problemOf(data.dataset, regression_datasets),
    ...own,
    examples: data.examples,
    noise: data.noise,
    labelFlips: data.label_flips,
    trainFraction: data.train_fraction,
    dataSeed: data.seed,
    features: data.features ?? defaults.data.features,
    layers: network.layers.map(({ units, activation, slope }) => ({
      units: units ?? fresh.units,
      activation: activation ?? fresh.activation,
      slope: slope ?? fresh.slope,
    })),
    scheme: initialization.scheme,
    scale: initialization.scale,
    weightSeed: initialization.seed,
    parameters: network.parameters ?? null,
    optimizer: training.optimizer,
    learningRate: training.learning_rate,
    batchSize: training.batch_size ?? null,
    l1: training.l1,
    l2: training.l2,
    trainingSeed: training.seed,
    stopCost: stop?.cost ?? null,
    stopAccuracy: stop?.accuracy ?? null,
    stopPatience: stop?.patience ?? null,
    stopIterations: iterations === MAX_ITERATIONS ? null : iterations,
    ...(iterations_per_frame !== undefined && {
      iterationsPerFrame: iterations_per_frame === 'max' ? null : iterations_per_frame,
    }),
  };
}

/** @param {string} dataset @param {{name: string}[]} regression @returns {Problem} */
const problemOf = (dataset, regression) => (namesOf(regression).includes(dataset) ? 'regression' : 'classification');

/**
 * The run in the protocol's words, for configuring, exporting and comparing.
 *
 * @param {Experiment} experiment
 * @returns {Required<Pick<RunSpec, 'data' | 'network' | 'training'>>}
 */
export function runSpec(experiment) {
  const { scheme, scale, weightSeed, parameters } = experiment;
  const { stop, ...live } = liveTraining(experiment);
  return {
    data: dataSpec(experiment),
    network: {
      layers: experiment.layers.map(({ units, activation, slope }) => ({
        units,
        activation,
        ...(isLeaky({ activation }) && { slope }),
      })),
      initialization: { scheme, scale, seed: weightSeed },
      ...(parameters && { parameters }),
    },
    training: {
      ...live,
      ...(Object.keys(stop).length > 0 && { stop }),
      optimizer: experiment.optimizer,
      batch_size: experiment.batchSize,
      seed: experiment.trainingSeed,
      iterations: experiment.stopIterations ?? MAX_ITERATIONS,
    },
  };
}

/** @param {Experiment} experiment @returns {NonNullable<RunSpec['data']>} */
function dataSpec({
  dataset,
  problem,
  points,
  labels,
  origin,
  examples,
  noise,
  labelFlips,
  dataSeed,
  trainFraction,
  features,
}) {
  const both = { seed: dataSeed, train_fraction: trainFraction, features };
  if (dataset === OWN) return { points, labels, task: problem, ...(origin && { origin }), ...both };
  return { dataset, examples, noise, label_flips: problem === 'regression' ? 0 : labelFlips, ...both };
}

/**
 * What can change of the training while it runs, as `set` takes it.
 *
 * @param {Experiment} experiment
 * @returns {Required<LiveTraining>}
 */
function liveTraining({ learningRate, l1, l2, stopCost: cost, stopAccuracy: accuracy, stopPatience: patience }) {
  return { learning_rate: learningRate, l1, l2, stop: conditions({ cost, accuracy, patience }) };
}

/** Those that are set, in the order of the protocol. @param {Stop} [stop] @returns {Stop} */
export const conditions = ({ cost, accuracy, patience } = {}) =>
  Object.fromEntries(Object.entries({ cost, accuracy, patience }).filter(([, value]) => typeof value === 'number'));

/**
 * The terms in which the server is asked for an experiment.
 *
 * @type {import('../types/terms').Terms<Experiment>}
 */
export const TERMS = {
  configure(experiment, weights) {
    const { data, network, training } = runSpec(weights ? { ...experiment, parameters: weights } : experiment);
    return { data, runs: [{ network, training }] };
  },
  settings: (experiment) => ({
    ...liveTraining(experiment),
    iterations_per_frame: experiment.iterationsPerFrame ?? 'max',
  }),
};

/** Why an experiment cannot be trained, or nothing. @param {Experiment} experiment */
export function obstacle({ dataset, problem, points, labels }) {
  if (dataset !== OWN) return '';
  if (points.length < MIN_POINTS) return 'Add at least two points of your own to train on.';
  if (problem === 'classification' && labels.every((label) => label === labels[0]))
    return `All your points are y = ${labels[0]}. Add one of y = ${1 - labels[0]}, so that there is something to tell apart.`;
  return '';
}

/**
 * How many iterations it takes to see every training example once.
 *
 * @param {number | null} batchSize
 * @param {number} examples to train on
 */
export const epochOf = (batchSize, examples) => (batchSize === null ? 1 : Math.max(1, Math.ceil(examples / batchSize)));

/** That of each run that the server trains. @param {import('../types/protocol').Configured} configured */
export const epochsIn = ({ data, runs }) =>
  runs.map(({ training }) => epochOf(training.batch_size ?? null, data.split.train.length));

/** @param {Experiment} a @param {Experiment} b */
export const sameData = (a, b) => JSON.stringify(dataSpec(a)) === JSON.stringify(dataSpec(b));

/** What of a run cannot change while it goes on. @param {Experiment} experiment */
function fixedPart(experiment) {
  const { data, network, training } = runSpec(experiment);
  const { learning_rate, l1, l2, stop, ...fixed } = training;
  return JSON.stringify({ data, network, fixed });
}

/** Whether a change from one to the other needs no restart. @param {Experiment} a @param {Experiment} b */
export const sameRun = (a, b) => fixedPart(a) === fixedPart(b);

/**
 * A change with what follows from it: another dataset brings its problem along, and loaded parameters go when the
 * network they were of does.
 *
 * @param {Experiment} before
 * @param {Partial<Experiment>} changes
 * @param {Catalogue} catalogue
 * @returns {Experiment}
 */
export function changed(before, changes, { regression_datasets }) {
  const after = { ...before, ...changes };
  if (after.dataset !== OWN) after.problem = problemOf(after.dataset, regression_datasets);
  const redrawn = after.scheme !== before.scheme || after.weightSeed !== before.weightSeed;
  if (!changes.parameters && (redrawn || String(layerSizes(after)) !== String(layerSizes(before))))
    after.parameters = null;
  return after;
}
