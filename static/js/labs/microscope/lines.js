/**
 * One iteration as lines, in the lecture's order and shapes: an inspection goes in, formulas with their matrices come
 * out. Nothing is computed, only turned: JSON has a row for each example, the lecture a column.
 */

import { mathml } from '../../../vendor/lit-html/lit-html.js';
import { allOf } from '../../format.js';
import {
  bracket,
  EQUALS,
  inBrackets,
  indexed,
  named,
  ofLayer,
  operator,
  slopeOf,
  THIN,
  transposed,
  variable,
} from '../../notation.js';

/** @typedef {import('../../notation.js').Fragment} Fragment */
/** @typedef {import('../../types/painting').Part} Part */
/** @typedef {import('../../types/protocol').Inspection} Inspection */
/** @typedef {import('../../types/protocol').InspectedLayer} InspectedLayer */
/** @typedef {(number | null)[][]} Rows as the lecture has them; null is no finite number */

/**
 * @typedef {object} Term
 * @property {string} name in words
 * @property {Fragment} symbol
 * @property {[rows: number, columns: number]} shape
 * @property {Rows} rows fewer columns than the shape says where not all examples are shown
 * @property {Part} part of the network that it speaks of
 * @property {boolean} turned whether a column, not a row, is a unit
 * @property {boolean} each whether there is one column (turned: one row) for each example
 */

/**
 * @typedef {object} Check a gradient by central differences
 * @property {Rows} numeric null at a kink
 * @property {(boolean | null)[][]} agree
 */

/**
 * @typedef {object} Line
 * @property {string} id
 * @property {'forward' | 'backward' | 'update'} way
 * @property {Term} result
 * @property {(Term | Fragment)[]} from what its formula has after the result
 * @property {string} caption
 * @property {Part} [shows] what of the network slow motion lights; else what the result speaks of
 * @property {string} derivation a name of the table of derivations
 * @property {Check | null} [check] of a gradient; null if there are no differences to compare with
 */

/**
 * @typedef {{W: Term, b: Term, Z: Term, A: Term, dZ: Term | null, slope: Term, dW: Term | null, db: Term | null}}
 *   LayerTerms
 */
/**
 * @typedef {{X: Term, Y: Term | null, of: (layer: number) => LayerTerms, into: (layer: number) => Term, last: number}}
 *   Terms
 */

/** @param {Rows} rows @returns {Rows} */
const turn = (rows) => (rows.length > 0 ? rows[0].map((_, column) => rows.map((row) => row[column])) : []);

/** @param {(number | null)[]} values @returns {Rows} */
const upright = (values) => values.map((value) => [value]);

/** A term on its side. @param {Term} term @param {Fragment} symbol @returns {Term} */
const onItsSide = (term, symbol) => ({
  ...term,
  name: `${term.name} transposed`,
  symbol,
  shape: [term.shape[1], term.shape[0]],
  rows: turn(term.rows),
  turned: !term.turned,
});

/** What an entry of a term speaks of. @param {Term} term @param {number} row @param {number} column @returns {Part} */
export function partAt({ part, turned }, row, column) {
  const [first, second] = turned ? [column, row] : [row, column];
  return part.what === 'weights' ? { ...part, unit: second, input: first } : { ...part, unit: part.unit ?? first };
}

/** @param {Part['what']} what @param {number} layer @returns {Part} */
const all = (what, layer) => ({ what, layer, unit: null, input: null });

/** @param {Inspection} inspection @returns {Terms} */
function termsOf({ layers, m, inputs, labels }) {
  const last = layers.length;
  /** @type {Term} */
  const X = {
    name: 'X',
    symbol: variable('X'),
    shape: [inputs[0].length, m],
    rows: turn(inputs),
    part: all('units', 0),
    turned: false,
    each: true,
  };
  /** @type {Term | null} */
  const Y = labels && {
    ...X,
    name: 'Y',
    symbol: variable('Y'),
    shape: [1, m],
    rows: [labels],
    part: all('units', last),
  };
  const found = layers.map((layer) => {
    const { layer: l, shapes, gradient } = layer;
    /** @param {keyof typeof shapes} name @param {Part['what']} what @param {Rows} rows @returns {Term} */
    const term = (name, what, rows) => ({
      name: `${name}[${l}]`,
      symbol: ofLayer(name, l),
      shape: shapes[name],
      rows,
      part: all(what, l),
      turned: false,
      each: what === 'units',
    });
    const Z = term('Z', 'units', turn(layer.z));
    return {
      W: term('W', 'weights', layer.weights),
      b: term('b', 'biases', upright(layer.biases)),
      Z,
      A: term('A', 'units', turn(layer.a)),
      dZ: layer.dz && term('dZ', 'units', turn(layer.dz)),
      slope: {
        ...Z,
        rows: turn(layer.g_prime),
        name: `the slope of g at Z[${l}]`,
        symbol: mathml`${slopeOf(l)}${inBrackets(ofLayer('Z', l))}`,
      },
      dW: gradient && term('dW', 'weights', gradient.weights),
      db: gradient && term('db', 'biases', upright(gradient.biases)),
    };
  });
  return { X, Y, of: (layer) => found[layer - 1], into: (layer) => (layer === 1 ? X : found[layer - 2].A), last };
}

const MEAN = mathml`<mfrac><mn>1</mn>${variable('m')}</mfrac>${THIN}`;
const SUM = mathml`<mo stretchy="false">∑</mo>`;
const TIMES = operator('∗');
const [OPEN, CLOSE] = ['(', ')'].map(bracket);
const LOG = named('log');
const [a, y, L] = ['a', 'y', 'L'].map(variable);
/** @param {Fragment} value */
const oneLess = (value) => inBrackets(mathml`<mn>1</mn><mo>−</mo>${value}`);
/** The loss of one example, by the activation of the output. @type {Record<string, Fragment>} */
const LOSSES = {
  sigmoid: mathml`<mo form="prefix">−</mo>${y}${THIN}${LOG}${a}
    <mo>−</mo>${oneLess(y)}${LOG}${oneLess(a)}`,
  linear: mathml`<mfrac><mn>1</mn><mn>2</mn></mfrac>
    <msup><mrow>${inBrackets(mathml`${a}<mo>−</mo>${y}`)}</mrow><mn>2</mn></msup>`,
};
/** How an activation is written before its bracket; the linear one is not. @type {Record<string, Fragment>} */
const APPLIED = {
  sigmoid: variable('σ'),
  tanh: mathml`<mi>tanh</mi>`,
  relu: mathml`<mtext>ReLU</mtext>`,
  leaky_relu: mathml`<mtext>leaky ReLU</mtext>`,
};

/**
 * All lines of an iteration; without labels it ends with the prediction.
 *
 * @param {Inspection} inspection
 * @returns {Line[]}
 */
export function linesOf(inspection) {
  const { layers } = inspection;
  const terms = termsOf(inspection);
  const learns = inspection.losses !== null;
  return [
    ...given(inspection, terms),
    ...layers.flatMap((layer) => forward(layer, terms)),
    ...(learns
      ? [
          ...judged(inspection, terms),
          ...layers.toReversed().flatMap((layer) => backward(layer, terms)),
          ...layers.flatMap((layer) => update(layer, terms, inspection)),
        ]
      : []),
  ];
}

/** @param {Inspection} inspection @param {Terms} terms @returns {Line[]} */
function given({ m }, { X, Y }) {
  const caption =
    m === 1
      ? 'One example comes in: a single column.'
      : `The batch comes in: one column for each of its ${m} examples.`;
  return [
    {
      id: 'X',
      way: 'forward',
      result: X,
      from: Y ? [mathml`<mo separator="true">,</mo>`, Y] : [],
      caption,
      derivation: 'X',
    },
  ];
}

/** @param {InspectedLayer} layer @param {Terms} terms @returns {Line[]} */
function forward({ layer: l, activation }, { of, into, last }) {
  const { W, b, Z, A } = of(l);
  const output = l === last;
  const prediction = { ...A, symbol: mathml`${variable('Ŷ')}${EQUALS}${ofLayer('A', l)}` };
  return [
    {
      id: `Z${l}`,
      way: 'forward',
      result: Z,
      from: [EQUALS, onItsSide(W, transposed('W', l)), into(l), operator('+'), b],
      caption: `Each unit of layer ${l} weighs what comes in, and adds its bias.`,
      shows: W.part,
      derivation: 'Z',
    },
    {
      id: `A${l}`,
      way: 'forward',
      result: output ? prediction : A,
      from: activation === 'linear' ? [EQUALS, Z] : [EQUALS, mathml`${APPLIED[activation]}${OPEN}`, Z, CLOSE],
      caption: output
        ? 'What the output makes of it is the prediction.'
        : `Each unit of layer ${l} applies its activation.`,
      derivation: output ? `output_${activation}` : 'A',
    },
  ];
}

/** @param {Inspection} inspection @param {Terms} terms @returns {Line[]} */
function judged({ layers, m, losses, cost }, { of, last }) {
  const { activation } = layers[last - 1];
  const { A } = of(last);
  /** @type {Term} */
  const loss = { ...A, name: 'The losses', symbol: L, rows: [losses ?? []] };
  /** @type {Term} */
  const J = { ...A, name: 'J', symbol: variable('J'), shape: [1, 1], rows: [[cost]], each: false };
  return [
    {
      id: 'L',
      way: 'forward',
      result: loss,
      from: [EQUALS, LOSSES[activation]],
      caption: 'Each prediction meets its label: how far off it is, is its loss.',
      derivation: `loss_${activation}`,
    },
    {
      id: 'J',
      way: 'forward',
      result: J,
      from: [EQUALS, MEAN, SUM, L],
      caption: m === 1 ? 'Of one example alone, the cost is its loss.' : 'The cost is the mean of all losses.',
      derivation: 'J',
    },
  ];
}

/** @param {InspectedLayer} layer @param {Terms} terms @returns {Line[]} */
function backward({ layer: l, activation, numeric, agree }, { Y, of, into, last }) {
  const { A, dZ, dW, db, slope } = of(l);
  const after = l < last ? of(l + 1) : null;
  if (!Y || !dZ || !dW || !db) return [];
  /** @type {(from: 'weights' | 'biases') => Check | null} */
  const check = (from) => {
    if (!numeric || !agree) return null;
    return from === 'weights'
      ? { numeric: numeric.weights, agree: agree.weights }
      : { numeric: upright(numeric.biases), agree: agree.biases.map((one) => [one]) };
  };
  return [
    {
      id: `dZ${l}`,
      way: 'backward',
      result: dZ,
      ...(after?.dZ
        ? {
            from: [EQUALS, after.W, after.dZ, TIMES, slope],
            caption: `Back through W[${l + 1}], then through the slope of the activation: how each z of layer ${l} moves the loss.`,
            shows: after.W.part,
            derivation: 'dZ',
          }
        : {
            from: [EQUALS, A, operator('−'), Y],
            caption: 'Now back: how z of the output moves the loss of each example.',
            derivation: `dZ_${activation}`,
          }),
    },
    {
      id: `dW${l}`,
      way: 'backward',
      result: dW,
      from: [EQUALS, MEAN, into(l), onItsSide(dZ, transposed('dZ', l))],
      caption: `How each weight into layer ${l} moves the cost: what came in times dZ, averaged.`,
      derivation: 'dW',
      check: check('weights'),
    },
    {
      id: `db${l}`,
      way: 'backward',
      result: db,
      from: [EQUALS, MEAN, SUM, dZ],
      caption: `How each bias of layer ${l} moves the cost: dZ, averaged.`,
      derivation: 'db',
      check: check('biases'),
    },
  ];
}

/** How a step comes of the gradient, by the optimiser; the lecture's is the first. @type {Record<string, string>} */
const OPTIMIZERS = { gradient_descent: 'gradient descent', momentum: 'momentum', rmsprop: 'RMSprop', adam: 'Adam' };

/** @param {InspectedLayer} layer @param {Terms} terms @param {Inspection} inspection @returns {Line[]} */
function update({ layer: l, update: step, l1, l2 }, { of }, { of: what, training }) {
  const { W, b } = of(l);
  if (!step) return [];
  const plain = training.optimizer === 'gradient_descent';
  /** @param {'W' | 'b'} letter */
  const changeOf = (letter) => mathml`<mo form="prefix" lspace="0" rspace="0">∆</mo>${ofLayer(letter, l)}`;
  /** @param {'W' | 'b'} letter @param {Rows} rows @returns {Term} */
  const change = (letter, rows) => ({
    ...(letter === 'W' ? W : b),
    name: `The change of ${letter}[${l}]`,
    symbol: changeOf(letter),
    rows,
  });
  const α = mathml`<mo form="prefix" lspace="0.1em" rspace="0.1em">−</mo>${variable('α')}`;
  /**
   * @param {string} name
   * @param {number} index
   * @param {Fragment} factor
   * @param {number[][]} rows
   * @returns {(Term | Fragment)[]}
   */
  const penalty = (name, index, factor, rows) => [
    operator('+'),
    {
      ...W,
      name,
      symbol: mathml`${indexed('λ', index)}${THIN}${factor}`,
      rows,
    },
  ];
  const penalties = [
    ...(l1 ? penalty(`What L1 adds to dW[${l}]`, 1, mathml`${named('sign')}${ofLayer('W', l)}`, l1) : []),
    ...(l2 ? penalty(`What L2 adds to dW[${l}]`, 2, ofLayer('W', l), l2) : []),
  ];
  const optimizer = OPTIMIZERS[training.optimizer] ?? training.optimizer;
  const taken = mathml`<mo>←</mo><mtext>${optimizer}</mtext>`;
  /** @param {'dW' | 'db'} name @param {(Term | Fragment)[]} more @returns {(Term | Fragment)[]} */
  const made = (name, more) =>
    plain
      ? [EQUALS, α, ...(more.length > 0 ? [OPEN, ofLayer(name, l), ...more, CLOSE] : [ofLayer(name, l)])]
      : [taken, ofLayer(name, l), ...more];
  /** @param {'W' | 'b'} letter */
  const added = (letter) =>
    mathml`<mo separator="true"
      rspace="0.8em">,</mo>${ofLayer(letter, l)}<mo>:=</mo>${ofLayer(letter, l)}<mo>+</mo>${changeOf(letter)}`;
  const whose = what === 'batch' ? '' : ', made from the whole batch';
  const how = plain ? `a step of α = ${training.learning_rate} against the gradient` : `a step of ${optimizer}`;
  return [
    {
      id: `W${l}`,
      way: 'update',
      result: change('W', step.weights),
      from: [...made('dW', penalties), added('W')],
      caption: `Each weight into layer ${l} takes ${how}${whose}.`,
      derivation: 'update',
    },
    {
      id: `b${l}`,
      way: 'update',
      result: change('b', upright(step.biases)),
      from: [...made('db', []), added('b')],
      caption: `So does each bias of layer ${l}.`,
      derivation: 'update',
    },
  ];
}

/** Whether a piece of a formula is a term, with numbers. @param {Term | Fragment} piece @returns {piece is Term} */
export const isTerm = (piece) => 'rows' in piece;

/**
 * What the server has found of all gradients, in words.
 *
 * @param {Inspection} inspection
 * @returns {{agrees: boolean | null, text: string}} null is neither
 */
export function verdictOf({ layers, check }) {
  if (!check) return { agrees: null, text: 'Without a label there is no gradient' };
  if (check.detail !== null || check.agree === null) return { agrees: null, text: 'Gradients not compared' };
  const gradients = layers.flatMap(({ agree }) => (agree ? [agree.weights.flat(), agree.biases] : []));
  const differing = gradients.filter((entries) => entries.includes(false)).length;
  const kinks =
    check.kinks > 0 ? `; ${check.kinks} of ${check.kinks + check.compared} entries at a kink, not compared` : '';
  if (check.compared === 0)
    return { agrees: null, text: `No entry could be compared: all ${check.kinks} are at a kink` };
  if (differing > 0)
    return {
      agrees: false,
      text: `${differing} of ${gradients.length} gradients ${
        differing === 1 ? 'differs' : 'differ'
      } from finite differences${kinks}`,
    };
  return {
    agrees: true,
    text: `${allOf(gradients.length)} gradients agree with finite differences${kinks}`,
  };
}

/** What “agrees” means: nncore's bounds (nncore/differences.py), in words. */
export const AGREES =
  '“Agrees” means: apart by less than a millionth of the larger one, or by less than 10⁻⁹ (times J, where J is above 1). ' +
  'That is rounding: of two zeros it may leave −1.6·10⁻¹⁵ and 3.1·10⁻¹³.';

/** The same of one gradient. @param {Check} check @returns {{agrees: boolean | null, text: string}} */
export function verdictOn({ agree }) {
  const places = agree.flatMap((row, i) =>
    row.flatMap((one, j) => (one === false ? [`row ${i + 1}, column ${j + 1}`] : [])),
  );
  const entries = agree.flat();
  const kinks = entries.filter((one) => one === null).length;
  const unknown =
    kinks > 0
      ? `${kinks === 1 ? 'one entry is' : `${kinks} entries are`} at a kink, where there is no slope to compare with`
      : '';
  if (places.length > 0)
    return {
      agrees: false,
      text: `differs at ${places.slice(0, 3).join('; ')}${
        places.length > 3 ? ` and ${places.length - 3} more` : ''
      }${unknown && `; ${unknown}`}`,
    };
  if (kinks === entries.length) return { agrees: null, text: unknown };
  return { agrees: true, text: `agrees${unknown && `; ${unknown}`}` };
}
