/**
 * Where each line of an iteration comes from, in our own words: one table. What the lecture notes write otherwise is
 * said, and why.
 */

import { html, mathml } from '../../../vendor/lit-html/lit-html.js';
import {
  bracket,
  indexed,
  named,
  number,
  ofLayer,
  operator,
  shape,
  slopeOf,
  transposed,
  variable,
} from '../../notation.js';

/** @typedef {import('../../notation.js').Fragment} Fragment */

/** @param {...(Fragment | Fragment[])} parts */
const math = (...parts) => html`<math translate="no">${parts}</math>`;
/** A formula on a line of its own. @param {...(Fragment | Fragment[])} parts */
const line = (...parts) => html`<p class="formula"><math translate="no">${parts}</math></p>`;
/** @param {Fragment} upper @param {Fragment} lower */
const slope = (upper, lower) =>
  mathml`<mfrac><mrow><mo form="prefix" lspace="0" rspace="0">∂</mo>${upper}</mrow><mrow><mo form="prefix" lspace="0"
    rspace="0">∂</mo>${lower}</mrow></mfrac>`;
/** @param {Fragment | Fragment[]} base @param {Fragment} power */
const raised = (base, power) => mathml`<msup><mrow>${base}</mrow>${power}</msup>`;
/** @param {Fragment | Fragment[]} upper @param {Fragment | Fragment[]} lower */
const over = (upper, lower) => mathml`<mfrac><mrow>${upper}</mrow><mrow>${lower}</mrow></mfrac>`;

const [a, b, e, g, w, x, y, z, L, J, m, X, Y, α, ε] = [...'abegwxyzLJmXYαε'].map(variable);
const [eq, plus, minus, times, colon, prime] = ['=', '+', '−', '∗', ':=', '′'].map(operator);
const [open, close] = ['(', ')'].map(bracket);
const [zero, one, two] = [0, 1, 2].map(number);
const less = mathml`<mo form="prefix">−</mo>`;
const log = named('log');
const mean = over(one, m);
const sum = mathml`<mo stretchy="false">∑</mo>`;
const bar = mathml`<mo stretchy="false">|</mo>`;
const dot = mathml`<mspace width="0.2em"></mspace>`;
const T = mathml`<mi mathvariant="normal">T</mi>`;
const l = 'l';
const before = 'l−1';
const after = 'l+1';
const oneLess = [open, one, minus, a, close];
/** What the notes have otherwise. @param {unknown} text */
const slip = (text) => html`<p class="slip"><b>In the notes</b> ${text}</p>`;

/** @type {Record<string, import('../../../vendor/lit-html/lit-html.js').TemplateResult>} */
export const DERIVATIONS = {
  X: html`<p>Each example is a column of ${math(X)}, so ${math(X)} is ${math(shape('n[0]', 'm'))}: a row for each input,
    a column for each example. ${math(ofLayer('A', 0))} is another name for it. The labels stand in the same order in
    ${math(Y)}.</p>`,
  Z: html`<p>A unit multiplies each input by a weight, adds them up, and adds its bias:
    ${math(z, eq, raised(w, T), x, plus, b)}. The weights of a unit are a <em>column</em> of ${math(ofLayer('W', l))},
    so all units at once, for all examples at once, are</p>
    ${line(ofLayer('Z', l), eq, transposed('W', l), ofLayer('A', before), plus, ofLayer('b', l))}
    <p>Rows times columns: ${math(shape('n[l]', 'n[l−1]'))} times ${math(shape('n[l−1]', 'm'))} is
      ${math(shape('n[l]', 'm'))}. The bias is one column, added to every column.</p>
    ${slip(
      html`the list of shapes of the second layer says w[1] and b[1]; these are ${math(ofLayer('W', 2))} and
        ${math(ofLayer('b', 2))}.`,
    )}`,
  A: html`<p>The activation bends every entry by itself:
    ${math(
      ofLayer('A', l),
      eq,
      mathml`<msup>${g}<mrow><mo>[</mo><mn>l</mn><mo>]</mo></mrow></msup>`,
      open,
      ofLayer('Z', l),
      close,
    )}.
    Nothing is summed, so the shape stays. Without a bend two layers would be one: with
    ${math(g, open, z, close, eq, z)},</p>
    ${line(
      ofLayer('Z', 2),
      eq,
      transposed('W', 2),
      open,
      transposed('W', 1),
      X,
      plus,
      ofLayer('b', 1),
      close,
      plus,
      ofLayer('b', 2),
      eq,
      raised([open, ofLayer('W', 1), ofLayer('W', 2), close], T),
      X,
      plus,
      raised(b, prime),
    )}
    <p>with ${math(raised(b, prime), eq, transposed('W', 2), ofLayer('b', 1), plus, ofLayer('b', 2))}:
      again one straight line.</p>
    ${slip(
      html`this ends with w X, with w made of the transposes; it is ${math(raised(w, T), X)} with
        ${math(w, eq, ofLayer('W', 1), ofLayer('W', 2))}, whose column belongs to the unit.`,
    )}`,
  output_sigmoid: html`<p>The sigmoid of the output turns any number into one between 0 and 1, to be read as the
    probability of class 1:
    ${math(
      a,
      eq,
      over(one, [one, plus, raised(e, mathml`<mrow>${less}${z}</mrow>`)]),
    )}. It is one half where ${math(z, eq, zero)}: there the boundary
    runs.</p>`,
  output_linear: html`<p>A regression predicts a number as large or small as it likes, so the output is not bent:
    ${math(a, eq, z)}.</p>`,
  loss_sigmoid: html`<p>If ${math(y, eq, one)}, only ${math(less, log, a)} is left: 0 for a sure and right prediction,
    without bound for a sure and wrong one. If ${math(y, eq, zero)}, it is ${math(less, log, oneLess)},
    the same the other way round. The server takes it from z, as
    ${math(log, open, one, plus, raised(e, z), close, minus, y, z)}, which is the same and
    never takes the logarithm of 0.</p>
    ${slip(
      html`one version lacks the half with ${math(open, one, minus, y, close)}, so that examples of class 0 would cost
        nothing; another writes ${math(one, minus, y, dot, log, oneLess)} without the brackets around
        ${math(one, minus, y)}; and a ${math(raised(g, prime))} behind the sum belongs to the way back, not
        to the cost.`,
    )}`,
  loss_linear: html`<p>The squared distance from the target; the half is there so that its slope is simply
    ${math(a, minus, y)}. (The notes have no regression; this is the loss that goes with a linear output.)</p>`,
  J: html`<p>${math(J, eq, mean, sum, L)}: the mean, so that a cost of 200 examples can be compared with one of 20.
    Training makes this number small. Penalties, where there are any, are added to what is made small, and are told
    beside ${math(J)}.</p>`,
  dZ_sigmoid: html`<p>${math(ofLayer('dZ', 'L'))} has, for each example, the slope of its loss along z of the output. By
    the chain rule it is the slope of the loss along a, times that of the sigmoid, ${math(a, oneLess)}:</p>
    ${line(
      slope(L, z),
      eq,
      open,
      less,
      over(y, a),
      plus,
      over([one, minus, y], [one, minus, a]),
      close,
      dot,
      a,
      oneLess,
    )}
    ${line(eq, less, y, oneLess, plus, open, one, minus, y, close, a, eq, a, minus, y)}
    <p>Everything awkward cancels: that is why this loss goes with this activation. Too large a prediction has a
      positive slope, and z shall become smaller.</p>`,
  dZ_linear: html`<p>${math(ofLayer('dZ', 'L'))} has, for each example, the slope of its loss along z of the output.
    With ${math(a, eq, z)} it is that of ${math(over(one, two), raised([open, z, minus, y, close], two))}, which is
    ${math(a, minus, y)}: the same formula as for the sigmoid with its loss.</p>`,
  dZ: html`<p>A unit of layer l reaches the loss through every unit of the next layer. Along each of these ways the
    slope is that of the next z, times the weight between them; they add up to
    ${math(ofLayer('W', after), ofLayer('dZ', after))}. That is the slope along a. From a to z it is one more factor,
    the slope of the activation at that z, entry by entry:</p>
    ${line(
      ofLayer('dZ', l),
      eq,
      open,
      ofLayer('W', after),
      ofLayer('dZ', after),
      close,
      times,
      slopeOf(l),
      open,
      ofLayer('Z', l),
      close,
    )}
    <p>${math(shape('n[l]', 'n[l+1]'))} times ${math(shape('n[l+1]', 'm'))} is ${math(shape('n[l]', 'm'))}, the shape of
      ${math(ofLayer('Z', l))}. Where the activation is flat, nothing comes back. At the corner of ReLU and leaky ReLU
      the slope is taken as 1.</p>
    ${slip(
      html`this is called dz[2], with the slope of g[2]. It belongs to the hidden layer:
        ${math(
          ofLayer('dZ', 1),
          eq,
          open,
          ofLayer('W', 2),
          ofLayer('dZ', 2),
          close,
          times,
          slopeOf(1),
          open,
          ofLayer('Z', 1),
          close,
        )}.`,
    )}`,
  dW: html`<p>A weight multiplies what comes in: ${math(z, eq, raised(w, T), a, plus, b)}, so the slope of z along a
    weight is the a that it multiplies. For one example
    ${math(slope(L, ofLayer('W', l)), eq, ofLayer('a', before), transposed('dz', l))}; the cost is a mean, and so is its
    slope:</p>
    ${line(ofLayer('dW', l), eq, mean, ofLayer('A', before), transposed('dZ', l))}
    <p>The product adds up over the examples, and ${math(shape('n[l−1]', 'm'))} times ${math(shape('m', 'n[l]'))} is
      ${math(shape('n[l−1]', 'n[l]'))}, the shape of ${math(ofLayer('W', l))}.</p>
    ${slip(
      html`np.dot(A1.T, dŷ) has no such shape, it is ${math(mean, ofLayer('A', 1), transposed('dZ', 2))}; dW[1] is made
        from ${math(ofLayer('dZ', 1))}, not from “dz[2]”; and in the general formula it is ${math(ofLayer('dZ', l))}
        with the layer’s own index, not l + 1, times the input ${math(ofLayer('A', before))}.`,
    )}`,
  db: html`<p>The bias is added as it is, so the slope of z along it is 1, and for one example
    ${math(slope(L, ofLayer('b', l)), eq, ofLayer('dz', l))}. The mean over the examples is the mean of each row:</p>
    ${line(ofLayer('db', l), eq, mean, sum, ofLayer('dZ', l))}
    ${slip(html`for one example it says dz[2] a[2], and in general dz[l+1]; it is ${math(ofLayer('dz', l))}.`)}`,
  update: html`<p>The gradient points to where the cost grows fastest, so a step against it makes it smaller, if the
    step is short enough:</p>
    ${line(ofLayer('W', l), colon, ofLayer('W', l), minus, α, ofLayer('dW', l))}
    ${line(ofLayer('b', l), colon, ofLayer('b', l), minus, α, ofLayer('db', l))}
    <p>A penalty adds its own slope to ${math(ofLayer('dW', l))}: that of
      ${math(indexed('λ', 1), sum, bar, w, bar)} is its rate times the sign of the weight, that of
      ${math(over(one, two), indexed('λ', 2), sum, raised(w, two))} its rate times the
      weight. Other optimisers make another step of the same gradient. A frozen parameter stays.</p>`,
};

/** How a gradient is checked without the chain rule. */
export const DIFFERENCES = html`<p>A check that knows nothing of the chain rule: move one parameter up by a tiny ε, then
  down, and see what becomes of the cost. ${math(
    slope(J, w),
    operator('≈'),
    over([J, open, w, plus, ε, close, minus, J, open, w, minus, ε, close], [two, ε]),
  )}. Where z lies on the corner of a ReLU there is no slope, and nothing to compare with.</p>`;
