/** The cost of a watched network as a small picture: train as a line, test dashed. */

import { html, nothing, svg } from '../../vendor/lit-html/lit-html.js';
import { count } from '../format.js';
import { scaleTo, xTicks, xTop, yRange, yTicks } from '../views/cost-scale.js';

const LEFT = 30;
const BELOW = 18;
const ABOVE = 5;
/** A number below the axis takes as much. */
const NUMBER = 44;

/** @param {{x: number[], y: number[]}} curve @param {import('../views/cost-scale.js').Scale} scale */
const path = ({ x, y }, scale) =>
  x
    .map(
      (at, index) => `${index ? 'L' : 'M'}${scale.x(at).toFixed(1)} ${Math.max(-ABOVE, scale.y(y[index])).toFixed(1)}`,
    )
    .join('');

/**
 * @param {import('../store/history.js').History} history
 * @param {{width: number, height: number, log: boolean, end?: number}} size `end` is the last iteration that the axis shows,
 *   at least
 */
export function costCurve(history, { width, height, log, end = 0 }) {
  if (history.length === 0) return nothing;
  const columns = Math.max(40, width - LEFT);
  const { line } = history.curves(columns);
  const test = { x: history.tests.map(({ iteration }) => iteration), y: history.tests.map(({ cost }) => cost) };
  const top = xTop(Math.max(history.length - 1, end));
  const range = yRange([line.y, test.y], log, line.y.at(-1));
  const scale = scaleTo(top, range, log, width - LEFT, height - BELOW - ABOVE);
  const ticks = xTicks(top);
  const every = Math.ceil((ticks.length * NUMBER) / scale.width);
  return html`<svg class="curve" width=${width} height=${height} role="img" aria-label="Cost of every iteration"><g
    transform="translate(${LEFT} ${ABOVE})">${yTicks(range, log).map(
      ({ at, text }) =>
        svg`<path class="gl" d="M0 ${scale.y(at).toFixed(1)}H${scale.width}"></path><text x="-8"
          y=${(scale.y(at) + 4).toFixed(1)} text-anchor="end">${text}</text>`,
    )}${ticks
      .filter((_, index) => index % every === 0)
      .map(
        (at) =>
          svg`<text x=${scale.x(at).toFixed(1)} y=${height - ABOVE - 4} text-anchor=${
            at === 0 ? 'start' : at === ticks.at(-1) ? 'end' : 'middle'
          }>${count(at)}</text>`,
      )}<path class="tst" d=${path(test, scale)}></path><path class="run" d=${path(line, scale)}></path></g></svg>`;
}
