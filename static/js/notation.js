/** The lecture's notation as MathML. Each function gives a fragment to be put inside `<math>`. */

import { html, mathml, nothing } from '../vendor/lit-html/lit-html.js';
import { isNegative, parameter } from './format.js';

/** @typedef {import('../vendor/lit-html/lit-html.js').TemplateResult<3>} Fragment */

/** A variable, in a true italic. @param {string} letter */
export const variable = (letter) => mathml`<mi class="v">${letter}</mi>`;

/** @param {number | string} value */
export const number = (value) => mathml`<mn>${value}</mn>`;

/** The space after the name of a function, and between factors. */
export const THIN = mathml`<mspace width="0.17em"></mspace>`;

/** A function that has a name, upright: log @param {string} name */
export const named = (name) => mathml`<mi>${name}</mi>${THIN}`;

/** @param {string} sign */
export const operator = (sign) => mathml`<mo>${sign}</mo>`;

export const EQUALS = operator('=');

/** @param {string} side */
export const bracket = (side) => mathml`<mo stretchy="false" lspace="0.04em" rspace="0.04em">${side}</mo>`;

/** @param {Fragment} content */
export const inBrackets = (content) => mathml`${bracket('(')}${content}${bracket(')')}`;

/** @param {number | string} layer as in a^[1] */
const bracketed = (layer) =>
  mathml`<mrow><mo lspace="0" rspace="0" stretchy="false">[</mo><mn>${layer}</mn><mo lspace="0" rspace="0"
    stretchy="false">]</mo></mrow>`;

/** W^[1] @param {string} letter @param {number | string} layer */
export const ofLayer = (letter, layer) => mathml`<msup>${variable(letter)}${bracketed(layer)}</msup>`;

/** W^[1]T, a matrix on its side @param {string} letter @param {number | string} layer */
export const transposed = (letter, layer) =>
  mathml`<msup>${variable(letter)}<mrow>${bracketed(layer)}<mi mathvariant="normal">T</mi></mrow></msup>`;

/** g^[1]′ @param {number | string} layer */
export const slopeOf = (layer) =>
  mathml`<msup><mrow>${variable('g')}</mrow><mrow>${bracketed(layer)}<mo lspace="0" rspace="0">′</mo></mrow></msup>`;

/** a_2^[1] @param {string} letter @param {number} unit @param {number} layer */
export const ofUnit = (letter, unit, layer) =>
  mathml`<msubsup>${variable(letter)}<mn>${unit}</mn>${bracketed(layer)}</msubsup>`;

/** W_{1,2}^[1] @param {string} letter @param {number} row @param {number} column @param {number} layer */
export const entry = (letter, row, column, layer) =>
  mathml`<msubsup>${variable(letter)}<mrow><mn>${row}</mn><mo separator="true" lspace="0"
    rspace="0.1em">,</mo><mn>${column}</mn></mrow>${bracketed(layer)}</msubsup>`;

/** x_1 @param {string} letter @param {number} index */
export const indexed = (letter, index) => mathml`<msub>${variable(letter)}<mn>${index}</mn></msub>`;

/** An input of the network, by the names of nncore's table. @type {Record<string, {text: string, math: Fragment}>} */
const FEATURES = {
  x1: { text: 'x₁', math: indexed('x', 1) },
  x2: { text: 'x₂', math: indexed('x', 2) },
  x1_squared: { text: 'x₁²', math: mathml`<msubsup>${variable('x')}<mn>1</mn><mn>2</mn></msubsup>` },
  x2_squared: { text: 'x₂²', math: mathml`<msubsup>${variable('x')}<mn>2</mn><mn>2</mn></msubsup>` },
  x1_x2: { text: 'x₁x₂', math: mathml`${indexed('x', 1)}<mspace width="0.1em"></mspace>${indexed('x', 2)}` },
  sin_x1: { text: 'sin x₁', math: mathml`${named('sin')}${indexed('x', 1)}` },
  sin_x2: { text: 'sin x₂', math: mathml`${named('sin')}${indexed('x', 2)}` },
};

/** @param {string} name */
export const featureText = (name) => FEATURES[name]?.text ?? name;

/** @param {string} name */
export const featureMath = (name) => FEATURES[name]?.math ?? mathml`<mtext>${name}</mtext>`;

export const yHat = variable('ŷ');

/** 2 × m @param {number | string} rows @param {number | string} columns */
export const shape = (rows, columns) => mathml`${size(rows)}<mo>×</mo>${size(columns)}`;

/** @param {number | string} extent */
const size = (extent) => (typeof extent === 'number' ? number(extent) : variable(extent));

/**
 * A signed, coloured number before a variable, as a `<math>` of its own so that long sums wrap: “− 4.51 x₂”.
 *
 * @param {number} value
 * @param {Fragment | typeof nothing} factor
 * @param {boolean} first the first term of a sum shows no plus
 */
export function term(value, factor, first) {
  return html`<math translate="no">${signed(value, first)}<mspace width="0.25em"></mspace>${factor}</math>`;
}

/** The number alone with its sign. @param {number} value @param {boolean} first */
export function signed(value, first) {
  const text = parameter(value);
  const negative = isNegative(text);
  const sign =
    first && !negative
      ? nothing
      : mathml`<mo form=${first ? 'prefix' : 'infix'} lspace=${first ? '0' : '0.22em'}
        rspace=${first ? '0' : '0.22em'}>${negative ? '−' : '+'}</mo>`;
  return mathml`${sign}<mn class=${negative ? 'n' : 'p'}>${parameter(Math.abs(value))}</mn>`;
}

/**
 * g and its derivative, by the names of nncore's table; leaky ReLU's slope is a parameter.
 *
 * @type {Record<string, (slope: number) => [g: Fragment, gPrime: Fragment]>}
 */
export const FORMULAS = {
  sigmoid: () => [
    mathml`<mfrac><mn>1</mn><mrow><mn>1</mn><mo>+</mo><msup>${variable('e')}<mrow><mo
      form="prefix">−</mo>${variable('z')}</mrow></msup></mrow></mfrac>`,
    mathml`${variable('a')}<mspace
      width="0.15em"></mspace>${inBrackets(mathml`<mn>1</mn><mo>−</mo>${variable('a')}`)}`,
  ],
  tanh: () => [
    mathml`${named('tanh')}${variable('z')}`,
    mathml`<mn>1</mn><mo>−</mo><msup>${variable('a')}<mn>2</mn></msup>`,
  ],
  relu: () => [
    mathml`${named('max')}${bracket('(')}<mn>0</mn><mo
      separator="true">,</mo>${variable('z')}${bracket(')')}`,
    cases(0),
  ],
  leaky_relu: (slope) => [
    mathml`${named('max')}${bracket('(')}${number(String(slope))}${variable('z')}<mo
      separator="true">,</mo>${variable('z')}${bracket(')')}`,
    cases(slope),
  ],
  linear: () => [variable('z'), number(1)],
};

/** The derivative of the two with a corner, where nncore and the lecture take 1 at 0. @param {number} below */
const cases = (below) =>
  mathml`<mn>1</mn><mspace width="0.3em"></mspace><mtext class="q">if</mtext><mspace
    width="0.3em"></mspace>${variable('z')}<mo>≥</mo><mn>0</mn><mo separator="true">,</mo><mspace
    width="0.3em"></mspace><mtext class="q">else</mtext><mspace width="0.3em"></mspace>${number(String(below))}`;

/** How a unit's activation opens its bracket in a sentence. @type {Record<string, Fragment>} */
export const OPENING = {
  sigmoid: mathml`${variable('σ')}${bracket('(')}`,
  tanh: mathml`${named('tanh')}${bracket('(')}`,
  relu: mathml`${named('max')}${bracket('(')}<mn>0</mn><mo separator="true">,</mo><mspace
    width="0.3em"></mspace>`,
  leaky_relu: mathml`${variable('g')}${bracket('(')}`,
  linear: bracket('('),
};
