/** Curves over iterations as an SVG: for a lab's own charts, which are redrawn often and small. */

import { html, nothing, svg } from '../../vendor/lit-html/lit-html.js';
import { count } from '../format.js';
import { smallFont } from '../plotly.js';
import { namesAt, place, scaleTo, xTicks, xTop, yRange, yTicks } from '../views/cost-scale.js';

/** @typedef {import('../views/cost-scale.js').Scale} Scale */

/**
 * @typedef {object} Line
 * @property {number[]} x
 * @property {number[]} y
 * @property {string} style a class of css/labs.css
 * @property {string} [name] written where the curve falls
 * @property {boolean} [bold] the one that is meant
 */

/** @typedef {{x: number[], low: number[], high: number[], style: string}} Band */

const MARGIN = { l: 38, t: 8, r: 10, b: 22 };
/** Where names are at the ends of the curves, they have this beside the picture. */
const END = 46;
const GAP = 6;
/** A piece of a curve, for lists. @param {string} style of it */
export const sampleOf = (style) =>
  html`<svg class="sample" viewBox="0 0 22 4" aria-hidden="true"><path class="line ${style}" d="M0 2H22"></path></svg>`;

/**
 * The numbers below an axis; the outermost stay within the picture.
 *
 * @param {{x: number, text: string}[]} ticks
 * @param {number} y
 */
export const belowAxis = (ticks, y) =>
  ticks.map(
    ({ x, text }, index) =>
      svg`<text class="x ${index === 0 ? 'first' : index === ticks.length - 1 ? 'last' : ''}" x=${x.toFixed(1)}
        y=${y}>${text}</text>`,
  );

/**
 * @param {object} chart
 * @param {number} chart.width pixels
 * @param {number} chart.height
 * @param {number} chart.iterations the last one there is
 * @param {boolean} chart.log
 * @param {Line[]} chart.lines the last are drawn above the others
 * @param {Band[]} [chart.bands]
 * @param {boolean} [chart.namesAtEnd] for curves that do not fall
 * @returns {{picture: unknown, scale: Scale, top: number}}
 */
export function lineChart({ width, height, iterations, log, lines, bands = [], namesAtEnd = false }) {
  const top = xTop(iterations);
  const range = yRange([...lines.map(({ y }) => y), ...bands.map(({ high }) => high)], log);
  const scale = scaleTo(
    top,
    range,
    log,
    Math.max(1, width - MARGIN.l - (namesAtEnd ? END : MARGIN.r)),
    Math.max(1, height - MARGIN.t - MARGIN.b),
  );
  /** @param {number} iteration @param {number} value */
  const at = (iteration, value) =>
    `${scale.x(iteration).toFixed(1)} ${Math.min(scale.height, Math.max(-1, scale.y(value))).toFixed(1)}`;
  /** @param {number[]} x @param {number[]} y */
  const points = (x, y) => x.map((iteration, index) => at(iteration, y[index]));
  const named = lines.filter(({ name, x }) => name && x.length > 1);
  const texts = named
    .map(({ name = '', x, y, bold = false }) => ({ text: name, curve: { x, y }, bold }))
    .sort((a, b) => Number(b.bold) - Number(a.bold));
  const font = smallFont();
  const labels = namesAtEnd ? endLabels(texts, scale, font) : place(texts, [], scale, font);
  const picture = html`<svg class="lines" width=${width} height=${height}
    aria-hidden="true"><g transform="translate(${MARGIN.l} ${MARGIN.t})">
      ${yTicks(range, log).map(
        ({ at: value, text }) => svg`<path class="grid"
        d="M0 ${scale.y(value).toFixed(1)}H${scale.width}"></path><text class="y" x="-6"
        y=${scale.y(value).toFixed(1)}>${text}</text>`,
      )}
      ${belowAxis(
        xTicks(top).map((tick) => ({ x: scale.x(tick), text: count(tick) })),
        scale.height + 16,
      )}
      ${bands.map(
        ({ x, low, high, style }) => svg`<path class="band ${style}"
        d="M${[...points(x, high), ...points(x, low).reverse()].join('L')}Z"></path>`,
      )}
      ${lines.map(({ x, y, style }) =>
        x.length > 1 ? svg`<path class="line ${style}" d="M${points(x, y).join('L')}"></path>` : nothing,
      )}
    </g></svg>
    ${namesAt(labels, MARGIN)}`;
  return { picture, scale, top };
}

/**
 * Names one below the other, each as near to the end of its curve as that goes.
 *
 * @param {import('../views/cost-scale.js').Curve[]} curves
 * @param {Scale} scale
 * @param {number} font
 * @returns {import('../views/cost-scale.js').Label[]}
 */
function endLabels(curves, scale, font) {
  const pitch = font * 1.2;
  const labels = curves
    .map(({ text, bold, curve: { x, y } }) => ({
      text,
      bold,
      x: scale.x(x[x.length - 1]) + GAP,
      y: Math.min(scale.height, Math.max(0, scale.y(y[y.length - 1]))),
      anchor: /** @type {const} */ ('left'),
    }))
    .sort((a, b) => a.y - b.y);
  labels.forEach((label, index) => {
    if (index > 0) label.y = Math.max(label.y, labels[index - 1].y + pitch);
  });
  // What was pushed out below is pushed up again.
  labels.toReversed().forEach((label, index, upwards) => {
    label.y = Math.min(label.y, index > 0 ? upwards[index - 1].y - pitch : scale.height - font / 2);
  });
  return labels;
}

/**
 * The iteration under a place of a chart's.
 *
 * @param {{scale: Scale, top: number}} chart
 * @param {number} x pixels from its left
 */
export const iterationAt = ({ scale, top }, x) => Math.round(((x - MARGIN.l) / scale.width) * top);

/**
 * Where in a chart something is, in pixels from its upper left corner.
 *
 * @param {Scale} scale
 * @param {number} iteration
 * @param {number} value
 */
export const placeOf = (scale, iteration, value) => ({
  x: MARGIN.l + scale.x(iteration),
  y: MARGIN.t + scale.y(value),
});
