/** The axes of the cost chart, and where the names of its curves go. */

import { html } from '../../vendor/lit-html/lit-html.js';
import { scientific } from '../format.js';

/**
 * @typedef {{x: (iteration: number) => number, y: (cost: number) => number, width: number, height: number}} Scale in
 *   pixels, y downwards
 */
/** @typedef {{text: string, curve: {x: number[], y: number[]}, bold: boolean}} Curve */
/** @typedef {{text: string, bold: boolean, x: number, y: number, anchor: 'left' | 'right'}} Label */

/** The shortest axis there is. */
const FEWEST = 200;

/**
 * Ends of the axis within a power of ten, and into how many parts each is divided.
 *
 * @type {[digit: number, parts: number][]}
 */
const ENDS = [
  [1, 5],
  [1.5, 3],
  [2, 4],
  [3, 3],
  [4, 4],
  [5, 5],
  [6, 3],
  [8, 4],
  [10, 5],
];

/** @param {number} iterations */
function ending(iterations) {
  const least = Math.max(FEWEST, iterations);
  const power = 10 ** Math.floor(Math.log10(least));
  const [digit, parts] = /** @type {[number, number]} */ (ENDS.find(([digit]) => digit * power >= least));
  return { end: digit * power, parts };
}

/** The next round number of iterations, so that the axis grows in steps. @param {number} iterations */
export const xTop = (iterations) => ending(iterations).end;

/** @param {number} top from xTop */
export function xTicks(top) {
  const { parts } = ending(top);
  return Array.from({ length: parts + 1 }, (_, index) => (top * index) / parts);
}

/**
 * A linear axis goes up to so many times the cost at the start: a run that explodes leaves it, and leaves the others
 * legible.
 */
const EXPLODES = 5;
/** Where the run is now it goes up to, though, as long as it is no more than so many times the start. */
const READABLE = 1000;

/**
 * The range of the cost axis; of a logarithmic one, in powers of ten.
 *
 * @param {number[][]} curves costs, each from its start
 * @param {boolean} log
 * @param {number} [now] the cost where the run is
 * @returns {[number, number]}
 */
export function yRange(curves, log, now = 0) {
  const known = curves.flat().filter((cost) => cost > 0);
  const highest = known.reduce((high, cost) => Math.max(high, cost), 0.1);
  if (log) {
    const lowest = known.reduce((low, cost) => Math.min(low, cost), highest);
    return [Math.min(-1, Math.floor(Math.log10(lowest) * 2) / 2), Math.ceil(Math.log10(highest) * 5) / 5];
  }
  const start = curves.reduce((high, [first = 0]) => Math.max(high, first), 0);
  const least = Math.max(start, 0.1);
  const top = Math.max(Math.min(highest, EXPLODES * least), now <= READABLE * least ? now : 0);
  return [0, top <= 0.72 ? 0.72 : top * 1.06];
}

/** The costs of batches do not make the axis larger than so many times what their mean needs. */
const BEYOND = 2;

/**
 * The costs of batches, as far as an axis has room for them.
 *
 * @param {number[]} batches
 * @param {number[]} means
 */
export function within(batches, means) {
  const [low, high] = means.reduce(
    ([least, most], mean) => [Math.min(least, mean), Math.max(most, mean)],
    [Infinity, 0],
  );
  return batches.map((cost) => Math.min(Math.max(cost, low / BEYOND), high * BEYOND));
}

/** What costs as small as 0 are on a logarithmic axis. */
const SMALLEST = 1e-12;

/**
 * @param {number} iterations at the end of the axis
 * @param {[number, number]} range from yRange
 * @param {boolean} log
 * @param {number} width
 * @param {number} height
 * @returns {Scale}
 */
export const scaleTo = (iterations, [low, high], log, width, height) => ({
  x: (iteration) => (iteration / iterations) * width,
  y: (value) => height * (1 - ((log ? Math.log10(Math.max(value, SMALLEST)) : value) - low) / (high - low)),
  width,
  height,
});

/** Steps of a linear axis, within a power of ten. */
const STEPS = [1, 2, 5, 10];
const FEWEST_TICKS = 3;
/** Numbers that go so far are written by their powers of ten: there is room for four digits. */
const LONG = 10_000;

/**
 * Round numbers on a cost axis.
 *
 * @param {[number, number]} range from yRange
 * @param {boolean} log
 * @returns {{at: number, text: string}[]}
 */
export function yTicks([low, high], log) {
  if (log) {
    const every = Math.ceil((high - low) / 5);
    const powers = Array.from({ length: Math.floor(high) - Math.ceil(low) + 1 }, (_, index) => Math.ceil(low) + index);
    return powers
      .filter((power) => power % every === 0)
      .map((power) => ({
        at: 10 ** power,
        text: power < -3 || power > 3 ? `1e${power}`.replace('-', '−') : String(10 ** power),
      }));
  }
  const raw = (high - low) / (FEWEST_TICKS + 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * /** @type {number} */ (STEPS.find((digit) => digit * power >= raw));
  const decimals = Math.max(0, -Math.floor(Math.log10(step)));
  return Array.from({ length: Math.floor(high / step) + 1 }, (_, index) => ({
    at: index * step,
    text: high < LONG ? (index * step).toFixed(decimals) : index === 0 ? '0' : scientific(index * step),
  }));
}

/** Plotly's distance between ticks of a logarithmic axis. @param {[number, number]} range */
export const logTick = ([low, high]) => (high - low <= 2 ? 'D2' : Math.ceil((high - low) / 5));

/** Shares of a curve's visible way down at which its name is tried. */
const TRIES = [0.45, 0.3, 0.6, 0.2, 0.75, 0.1, 0.9];
const GAP = 8;

/**
 * Each name beside its curve where it falls, clear of names placed before and of other curves as far as that goes;
 * a name without such a place is left out.
 *
 * @param {Curve[]} curves in the order of their importance
 * @param {Curve['curve'][]} nameless curves that are better not covered
 * @param {Scale} scale
 * @param {number} font pixels
 * @returns {Label[]}
 */
export function place(curves, nameless, scale, font) {
  const shapes = [...curves.map(({ curve }) => curve), ...nameless].map(({ x, y }) =>
    x.map((iteration, index) => [scale.x(iteration), scale.y(y[index])]),
  );
  /** @type {{left: number, right: number, top: number, bottom: number}[]} */
  const taken = [];
  /** @type {Label[]} */
  const labels = [];
  curves.forEach(({ text, bold }, index) => {
    const points = shapes[index];
    const textWidth = text.length * font * (bold ? 0.58 : 0.54);
    const [, top] = points.reduce((high, point) => (point[1] < high[1] ? point : high));
    const bottom = points[points.length - 1][1];
    const falls = bottom - top > 2 * font;
    const spots = falls
      ? TRIES.map(
          (share) => points.find((point) => point[1] >= top + share * (bottom - top)) ?? points[points.length - 1],
        )
      : TRIES.map((share) => points[Math.floor((points.length - 1) * share)]);
    /** @type {{label: Label, box: typeof taken[number], cost: number} | null} */
    let best = null;
    for (const [x, y] of spots) {
      for (const anchor of /** @type {const} */ (['left', 'right'])) {
        const atX = anchor === 'left' ? x + GAP : x - GAP;
        const atY = falls ? y : y + (y > scale.height / 2 ? -font : font);
        const box = {
          left: anchor === 'left' ? atX : atX - textWidth,
          right: anchor === 'left' ? atX + textWidth : atX,
          top: atY - font * 0.75,
          bottom: atY + font * 0.75,
        };
        if (box.left < 2 || box.right > scale.width || box.top < -4 || box.bottom > scale.height + 2) continue;
        if (
          taken.some(
            (other) =>
              box.left < other.right + 4 &&
              box.right > other.left - 4 &&
              box.top < other.bottom &&
              box.bottom > other.top,
          )
        )
          continue;
        let cost = 0;
        for (const shape of shapes) cost += timesIn(shape, box);
        if (!best || cost < best.cost) best = { label: { text, bold, x: atX, y: atY, anchor }, box, cost };
      }
      if (best?.cost === 0) break;
    }
    if (!best) return;
    taken.push(best.box);
    labels.push(best.label);
  });
  return labels;
}

/**
 * How many pieces of a curve meet a box: also of one that has few points, none of them in it.
 *
 * @param {number[][]} points from left to right
 * @param {{left: number, right: number, top: number, bottom: number}} box
 */
function timesIn(points, { left, right, top, bottom }) {
  let times = 0;
  for (let index = 1; index < points.length; index++) {
    const [[x0, y0], [x1, y1]] = [points[index - 1], points[index]];
    if (x1 < left || x0 > right) continue;
    /** @param {number} x */
    const at = (x) => y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
    const [from, to] = x0 < x1 ? [at(Math.max(x0, left)), at(Math.min(x1, right))] : [y0, y1];
    if (Math.min(from, to) < bottom && Math.max(from, to) > top) times++;
  }
  return times;
}

/** The names where they go, in a chart with such margins. @param {Label[]} labels @param {{l: number, t: number}} margin */
export const namesAt = (labels, { l, t }) =>
  labels.map(
    ({ text, x, y, bold, anchor }) =>
      html`<span class="curve-name ${bold ? 'now' : ''} ${anchor}" aria-hidden="true"
        style="left:${l + x}px;top:${t + y}px">${text}</span>`,
  );
