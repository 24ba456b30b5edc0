/**
 * What a lesson's conditions can look at: one table, by the names of docs/lessons.md. Nothing here knows the page; it
 * is given facts.
 *
 * All values that a quantity has must meet a condition; a quantity that has none meets none.
 */

import { cost, count, fixed, percent } from '../format.js';

/** @typedef {import('../types/lessons').Condition} Condition */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */
/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../experiment/experiment.js').HiddenLayer} HiddenLayer */
/** @typedef {number | string | boolean} Value */

/**
 * @typedef {object} Facts
 * @property {import('../store/current-run.js').Picture | null} picture of the run that is set up; null until there is
 *   one
 * @property {import('../store/current-run.js').Ending | null} ending
 * @property {import('../experiment/experiment.js').Experiment} experiment
 * @property {import('../store/state.js').Deeds} deeds since the step began
 */

/**
 * @typedef {object} Quantity
 * @property {string} title before what is asked of it
 * @property {boolean} [diagnosed] whether it needs the frames' diagnostics
 * @property {(facts: Facts, layer: number | undefined) => (Value | null | undefined)[]} read
 * @property {(value: any, catalogue: Catalogue) => string} write
 * @property {(experiment: Experiment, value: any, layer: number | undefined, spare: HiddenLayer) =>
 *   Partial<Experiment>} [set] of what is set up: so that it has the value
 * @property {boolean} [whole] whether what is set is a whole number
 */

/** @typedef {import('../types/protocol').FrameRun} FrameRun */
/** @typedef {NonNullable<FrameRun['diagnostics']>[number]} Diagnostics */

/** @param {(run: FrameRun) => Value | null} value @returns {Quantity['read']} */
const ofFrame =
  (value) =>
  ({ picture }) =>
    picture ? [value(picture.run)] : [];

/** @param {(diagnostics: Diagnostics) => Value | null} value @returns {Quantity['read']} */
const ofLayer =
  (value) =>
  ({ picture }, layer = 1) => {
    const diagnostics = picture?.run.diagnostics?.[layer - 1];
    return diagnostics ? [value(diagnostics)] : [];
  };

/**
 * Of every hidden layer, or of one.
 *
 * @param {'units' | 'activation'} name
 * @returns {Required<Pick<Quantity, 'read' | 'set'>>}
 */
const ofLayers = (name) => ({
  read: ({ experiment: { layers } }, layer) =>
    (layer === undefined ? layers : layers.slice(layer - 1, layer)).map((each) => each[name]),
  set: ({ layers }, value, layer) => ({
    layers: layers.map((each, index) =>
      layer === undefined || layer === index + 1 ? { ...each, [name]: value } : each,
    ),
  }),
});

/**
 * @param {'dataset' | 'scheme' | 'scale' | 'learningRate' | 'optimizer'} name
 * @returns {Required<Pick<Quantity, 'read' | 'set'>>}
 */
const property = (name) => ({ read: ({ experiment }) => [experiment[name]], set: (_, value) => ({ [name]: value }) });

/** @param {keyof import('../store/state.js').Deeds} name @returns {Quantity['read']} */
const ofDeeds =
  (name) =>
  ({ deeds }) => [deeds[name]];

/** @param {'activations' | 'initializations' | 'optimizers'} table @returns {Quantity['write']} */
const labelIn = (table) => (name, catalogue) => catalogue[table].find((row) => row.name === name)?.label ?? name;

/** @param {Record<string, string>} words @returns {Quantity['write']} */
const inWords = (words) => (value) => words[String(value)] ?? String(value);

const digits = (/** @type {number} */ value) =>
  Math.abs(value) < 0.001 && value !== 0 ? value.toExponential(1).replaceAll('-', '−') : fixed(value, 3);
const plain = String;

/** @type {Record<string, Quantity>} */
export const QUANTITIES = {
  iteration: { title: 'Iteration', read: ({ picture }) => (picture ? [picture.iteration] : []), write: count },
  train_cost: { title: 'Training cost', read: ofFrame((run) => run.train_cost), write: cost },
  test_cost: { title: 'Test cost', read: ofFrame((run) => run.test_cost), write: cost },
  train_accuracy: { title: 'Training accuracy', read: ofFrame((run) => run.train_accuracy), write: percent },
  test_accuracy: { title: 'Test accuracy', read: ofFrame((run) => run.test_accuracy), write: percent },
  ended: {
    title: 'The run is over',
    read: ({ ending }) => [ending],
    write: inWords({
      iterations: 'its last iteration',
      cost: 'its cost is met',
      accuracy: 'its accuracy is met',
      no_progress: 'no more progress',
      diverged: 'it diverged',
    }),
  },
  saturated: {
    title: 'Saturated slopes',
    diagnosed: true,
    read: ofLayer(({ saturated }) => saturated),
    write: percent,
  },
  dead: { title: 'Dead units', diagnosed: true, read: ofLayer(({ dead }) => dead.length), write: plain },
  nonpositive: {
    title: 'Share of z ≤ 0',
    diagnosed: true,
    read: ofLayer(({ nonpositive }) => nonpositive),
    write: percent,
  },
  mean: { title: 'Mean of A', diagnosed: true, read: ofLayer(({ mean }) => mean), write: digits },
  gradient_norm: { title: '‖dW‖', diagnosed: true, read: ofLayer(({ gradient_norm }) => gradient_norm), write: digits },
  dataset: { title: 'Dataset', ...property('dataset'), write: plain },
  hidden_layers: {
    title: 'Hidden layers',
    whole: true,
    read: ({ experiment }) => [experiment.layers.length],
    write: plain,
    set: ({ layers }, value, _, spare) => ({
      layers: Array.from({ length: value }, (_, index) => layers[index] ?? layers.at(-1) ?? spare),
    }),
  },
  activation: { title: 'Activation', ...ofLayers('activation'), write: labelIn('activations') },
  units: { title: 'Hidden units', whole: true, ...ofLayers('units'), write: plain },
  scheme: {
    title: 'Start from',
    ...property('scheme'),
    write: inWords({ small_random: 'random', zeros: 'zeros', xavier: 'Xavier', he: 'He' }),
  },
  scale: { title: 'Scale of the initial weights', ...property('scale'), write: plain },
  learning_rate: { title: 'Learning rate α', ...property('learningRate'), write: plain },
  optimizer: { title: 'Optimiser', ...property('optimizer'), write: labelIn('optimizers') },
  inspected: {
    title: 'In the microscope',
    read: ofDeeds('inspected'),
    write: inWords({ batch: 'the whole batch', example: 'one example', point: 'a point of your own' }),
  },
  checked: {
    title: 'Check my numbers',
    read: ofDeeds('checked'),
    write: inWords({ true: 'all right', false: 'some differ' }),
  },
  timed: { title: 'Timed examples', read: ofDeeds('timed'), write: count },
  swept: { title: 'Seeds swept', read: ofDeeds('swept'), write: plain },
  compared: { title: 'Networks compared', read: ofDeeds('compared'), write: plain },
};

/** @type {Record<string, {words: string, holds: (fact: any, value: any) => boolean}>} */
const COMPARISONS = {
  below: { words: ' below ', holds: (fact, value) => fact < value },
  at_most: { words: ' at most ', holds: (fact, value) => fact <= value },
  above: { words: ' above ', holds: (fact, value) => fact > value },
  at_least: { words: ' at least ', holds: (fact, value) => fact >= value },
  equals: { words: ': ', holds: (fact, value) => fact === value },
};

/** @param {Condition} condition @returns {[comparison: string, value: Value]} */
function asked(condition) {
  const [comparison, value] = Object.entries(condition).find(([key]) => key in COMPARISONS) ?? [];
  if (comparison === undefined || value === undefined) throw new Error(`nothing is asked of ${condition.quantity}`);
  return [comparison, value];
}

/** @param {Condition} condition @param {Facts} facts @returns {Value[]} */
const valuesOf = ({ quantity, layer }, facts) =>
  QUANTITIES[quantity].read(facts, layer).filter((value) => value !== null && value !== undefined);

/** @param {Condition} condition @param {Facts} facts */
export function holds(condition, facts) {
  const [comparison, value] = asked(condition);
  const values = valuesOf(condition, facts);
  return values.length > 0 && values.every((fact) => COMPARISONS[comparison].holds(fact, value));
}

/** Whether frames must carry diagnostics for it. @param {Condition} condition */
export const needsDiagnostics = ({ quantity }) => QUANTITIES[quantity].diagnosed === true;

/**
 * What is set up, with a condition's quantity so that it holds; one of what cannot be set up changes nothing.
 *
 * @param {Experiment} experiment
 * @param {Condition} condition
 * @param {HiddenLayer} spare for a layer where there is none
 * @returns {Experiment}
 */
export function carriedOut(experiment, condition, spare) {
  const { set, whole } = QUANTITIES[condition.quantity];
  if (!set || holds(condition, { picture: null, ending: null, experiment, deeds: {} })) return experiment;
  const [comparison, value] = asked(condition);
  const beyond = /** @type {Record<string, number>} */ ({ above: 1, below: -1 })[comparison] ?? 0;
  const to = beyond === 0 ? value : whole ? Number(value) + beyond : Number(value) * 2 ** beyond;
  return { ...experiment, ...set(experiment, to, condition.layer, spare) };
}

/** A threshold as it was written: 95% rather than 95.0%, 0.3 rather than 0.3000. @param {string} text */
const short = (text) => text.replace(/(\.\d*?)0+(?=\D|$)/, '$1').replace(/\.(?=\D|$)/, '');

/** “Training cost below 0.1”. @param {Condition} condition @param {Catalogue} catalogue */
export function inWordsOf(condition, catalogue) {
  const { quantity, layer } = condition;
  const { title, write } = QUANTITIES[quantity];
  const [comparison, value] = asked(condition);
  const text = write(value, catalogue);
  const threshold = typeof value === 'number' ? short(text) : text;
  return `${title}${layer === undefined ? '' : ` in layer ${layer}`}${COMPARISONS[comparison].words}${threshold}`;
}

/**
 * What is so now: “0.6931”; of several layers that differ, each.
 *
 * @param {Condition} condition
 * @param {Facts} facts
 * @param {Catalogue} catalogue
 */
export function nowOf(condition, facts, catalogue) {
  const { write } = QUANTITIES[condition.quantity];
  const texts = valuesOf(condition, facts).map((value) => write(value, catalogue));
  return [...new Set(texts)].join(', ') || 'not yet';
}
