/** A small picture of what an experiment begins with, for lists: its points, and beside them its network. */

import { html, nothing, svg } from '../../vendor/lit-html/lit-html.js';
import { layerSizes, OWN } from '../experiment/experiment.js';
import { pointsOver, VIEW_BOX } from './example-marks.js';

/** @typedef {import('../types/protocol').Catalogue} Catalogue */
/** @typedef {Pick<import('../experiment/experiment.js').Experiment,
 *   'dataset' | 'problem' | 'features' | 'layers'> & Partial<import('../experiment/experiment.js').OwnPoints>} Start */

/** In units of the plane: to be seen where it is as small as a thumb's nail. */
const RADIUS = 0.42;
/** Of the network's picture, in its own units. */
const SIDE = 52;
const EDGE = 6;
/** More units than this are drawn as so many. */
const MOST_UNITS = 16;
/** Where the curve of g lies, below the network. */
const CURVE = { top: 36, height: 13 };
/** Of g, as on the switch. */
const [LOWEST, HIGHEST] = [-1.2, 1.7];

/**
 * @param {Start} start
 * @param {Catalogue} catalogue
 */
export const miniature = (start, catalogue) => html`<span class="miniature tile" aria-hidden="true"><span class="pic"
  ><svg viewBox=${VIEW_BOX}>${pointsOver(examplesOf(start, catalogue), false, RADIUS)}</svg></span><span class="pic"
  ><svg viewBox="0 0 ${SIDE} ${SIDE}">${networkOf(start, catalogue)}</svg></span></span>`;

/** Own points as they are, else the dataset's sample. @param {Start} start @param {Catalogue} catalogue */
function examplesOf({ dataset, problem, points = [], labels = [] }, { datasets, regression_datasets }) {
  const sample =
    dataset === OWN
      ? { points, labels }
      : [...datasets, ...regression_datasets].find(({ name }) => name === dataset)?.sample;
  if (!sample) return null;
  return { ...sample, split: { train: sample.points.map((_, index) => index), test: [] }, task: problem };
}

/** A dot for a unit, a line for a weight, and g of the first hidden layer. @param {Start} start @param {Catalogue} catalogue */
function networkOf({ features, layers }, { activations }) {
  const sizes = layerSizes({ features, layers });
  const height = layers.length > 0 ? CURVE.top - 2 : SIDE;
  const across = (SIDE - 2 * EDGE) / (sizes.length - 1);
  const columns = sizes.map((size, layer) => {
    const dots = Math.min(size, MOST_UNITS);
    const apart = Math.min(9, (height - 8) / dots);
    return Array.from({ length: dots }, (_, unit) => ({
      x: EDGE + layer * across,
      y: height / 2 + (unit - (dots - 1) / 2) * apart,
      r: Math.max(0.9, Math.min(2.4, apart * 0.36)),
    }));
  });
  const edges = columns
    .slice(1)
    .flatMap((column, index) =>
      columns[index].flatMap((from) => column.map((to) => `M${from.x} ${from.y}L${to.x} ${to.y}`)),
    );
  const first = activations.find(({ name }) => name === layers[0]?.activation);
  return svg`<path class="edges" d=${edges.join('')}></path>${columns
    .flat()
    .map(({ x, y, r }) => svg`<circle cx=${x} cy=${y} r=${r}></circle>`)}${
    first ? svg`<path class="g" d=${curveOf(first)}></path>` : nothing
  }`;
}

/** g as the catalogue has it, as far as the switch shows it. @param {Catalogue['activations'][number]} activation */
function curveOf({ z, g }) {
  const seen = z.map((_, index) => index).filter((index) => g[index] >= LOWEST && g[index] <= HIGHEST);
  const place = (/** @type {number} */ index) => {
    const x = EDGE + ((z[index] - z[0]) / (z[z.length - 1] - z[0])) * (SIDE - 2 * EDGE);
    const y = CURVE.top + (1 - (g[index] - LOWEST) / (HIGHEST - LOWEST)) * CURVE.height;
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  };
  return `M${seen.map(place).join('L')}`;
}
