/**
 * The examples over a small picture of the plane, marked by their class; hollow ones are held out for test.
 */

import { nothing, svg } from '../../vendor/lit-html/lit-html.js';
import { PLANE } from '../experiment/experiment.js';
import { markOf } from '../marks.js';

/**
 * @typedef {object} Examples
 * @property {readonly (readonly [x1: number, x2: number])[]} points
 * @property {readonly number[]} labels
 * @property {import('../types/protocol').Points['split']} split
 * @property {import('../types/protocol').Problem} [task]
 */

/** In units of the plane. */
const RADIUS = 0.24;
const SMALL_RADIUS = 0.15;
/** With more points than this they are smaller. */
const MANY_POINTS = 400;
/** A target is drawn in one of so many strengths. */
const STRENGTHS = 3;

const [low, high] = PLANE;
export const VIEW_BOX = `${low} ${-high} ${high - low} ${high - low}`;

/** @param {number} x @param {number} y @param {number} r */
const circle = (x, y, r) =>
  `M${(x - r).toFixed(2)} ${y.toFixed(2)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;

/** @param {number} x @param {number} y @param {number} r */
const diamond = (x, y, r) =>
  `M${x.toFixed(2)} ${(y - 1.2 * r).toFixed(2)}l${1.2 * r} ${1.2 * r}l${-1.2 * r} ${1.2 * r}l${-1.2 * r} ${-1.2 * r}z`;

const PATHS = { circle, diamond };

/**
 * What an SVG with `VIEW_BOX` is filled with.
 *
 * @param {Examples | null} data
 * @param {boolean} showTest
 * @param {number} [size] of a mark, in units of the plane
 */
export function pointsOver(data, showTest, size) {
  if (!data) return nothing;
  const { points, labels, split, task } = data;
  const radius = size ?? (points.length > MANY_POINTS ? SMALL_RADIUS : RADIUS);
  const largest = labels.reduce((most, label) => Math.max(most, Math.abs(label)), Number.MIN_VALUE);
  /** Each path by its class. @type {Map<string, string>} */
  const paths = new Map();
  /** @param {number[]} indices @param {string} held */
  const add = (indices, held) => {
    for (const index of indices) {
      // One number has no place on a plane: a line.
      const [x, y = 0] = points[index];
      const label = labels[index];
      const regression = task === 'regression';
      const mark = markOf(label);
      const strength = regression
        ? ` strength-${Math.min(STRENGTHS, 1 + Math.floor((Math.abs(label) / largest) * STRENGTHS))}`
        : '';
      const name = `${mark.name}${held}${strength}`;
      const path = PATHS[regression ? 'circle' : mark.symbol];
      paths.set(name, `${paths.get(name) ?? ''}${path(x, -y, radius)}`);
    }
  };
  add(split.train, '');
  if (showTest) add(split.test, ' held');
  return [...paths].map(([name, d]) => svg`<path class=${name} d=${d}></path>`);
}
