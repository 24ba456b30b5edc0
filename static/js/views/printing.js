/**
 * The run on paper: one page with the plane, the cost and all settings as words, in place of the page itself. It is drawn
 * at once, since a browser does not wait: no worker, no Plotly. Classes differ in shape, so that no colour is needed.
 */

import { html, nothing, render, svg } from '../../vendor/lit-html/lit-html.js';
import { PLANE } from '../experiment/experiment.js';
import { ticks } from '../experiment/origin.js';
import { isShown } from '../experiment/parts.js';
import { describe, inFull } from '../experiment/words.js';
import { cost, count, fixed, percent } from '../format.js';
import { MARKS, markOf } from '../marks.js';
import { boundaryLine } from '../painting/contour.js';
import { isSet, Maps } from '../painting/map.js';
import { ramp } from '../painting/ramp.js';
import { thin } from '../store/history.js';
import { painterColours, paperColours } from '../theme.js';
import { sentence } from './in-words.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */
/** @typedef {import('../types/protocol').Boundary} Boundary */
/** @typedef {import('../types/protocol').Points} Points */
/** @typedef {{x: number[], y: number[]}} Curve */

const PIXELS = 600;
/** The plane is 100 units wide, as contour.js has it. */
const SIDE = 100;
const TICKS = [-6, -4, -2, 0, 2, 4, 6];
const MARK = 1.15;
/** Around a point that the network has wrong. */
const RING = 2.1;
/** Of the cost's picture. */
const [WIDTH, HEIGHT] = [200, 60];
const CURVE_POINTS = 600;

/**
 * @param {Store} store
 * @param {Catalogue} catalogue
 * @param {(id: string) => HTMLElement} find
 */
export function mountPrinting(store, find, catalogue) {
  const sheet = find('printed');
  const fill = () => render(page(store, catalogue, find), sheet);
  const empty = () => render(nothing, sheet);
  const paper = matchMedia('print');
  paper.addEventListener('change', () => (paper.matches ? fill() : empty()));
  addEventListener('beforeprint', fill);
  addEventListener('afterprint', empty);
}

/** @param {Store} store @param {Catalogue} catalogue @param {(id: string) => HTMLElement} find */
function page(store, catalogue, find) {
  const picture = store.current.picture.peek();
  const said = store.telling.described.peek();
  const reduction = store.reduction.peek();
  const { running } = store;
  const points = store.points.peek();
  const log = /** @type {HTMLInputElement | null} */ (find('scale').querySelector('input:checked'))?.value === 'log';
  return html`<h1>Shallows</h1>
    ${picture ? readouts(picture) : html`<p>Nothing is trained yet.</p>`}
    ${said ? html`<p class="said">${sentence(said)}</p>` : nothing}
    <div class="figures">
      ${isShown(reduction, 'output') && points ? plane(picture, points, running) : nothing}
      ${isShown(reduction, 'cost') ? costs(store, catalogue, log) : nothing}
    </div>
    <dl class="settings">${inFull(running, catalogue).map(
      ([title, text]) => html`<div><dt>${title}</dt><dd>${text}</dd></div>`,
    )}</dl>`;
}

/** @param {import('../store/current-run.js').Picture} picture */
function readouts({ iteration, run }) {
  const rows = [
    ['Iteration', count(iteration)],
    ['Cost J, training', cost(run.train_cost)],
    ['Cost J, test', run.test_cost === null ? '–' : cost(run.test_cost)],
    ['Right, training', percent(run.train_accuracy)],
    ['Right, test', percent(run.test_accuracy)],
  ].filter(([, value]) => value !== '–');
  return html`<dl class="numbers">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

// -- the plane

/** @param {number} x from the left, as a share of the plane's width in its units */
const along = (x) => ((x - PLANE[0]) / (PLANE[1] - PLANE[0])) * SIDE;

/**
 * @param {import('../store/current-run.js').Picture | null} picture
 * @param {Points} points
 * @param {import('../experiment/experiment.js').Experiment} experiment
 */
function plane(picture, { points, labels, split, task }, { discretise, showTest, mistakes }) {
  const boundary = picture?.run.boundary ?? null;
  const colours = paperColours(...MARKS.map(({ colour }) => colour));
  const regression = task === 'regression';
  const largest = Math.max(Number.MIN_VALUE, ...labels.map(Math.abs));
  /** @param {number} index @param {boolean} held */
  const mark = (index, held) => {
    const [x1, x2] = points[index];
    const { name, scale } = markOf(labels[index]);
    const size = regression ? MARK * (0.35 + 0.9 * (Math.abs(labels[index]) / largest)) : MARK * scale;
    const colour = colours[name === 'one' ? 1 : 0];
    return shape(name, along(x1), SIDE - along(x2), size, colour, held);
  };
  const bits = mistakes && task !== 'regression' ? picture?.run.misclassified : null;
  /** @param {number} index */
  const ring = (index) => {
    const [x1, x2] = points[index];
    return svg`<circle class="ring" cx=${along(x1)} cy=${SIDE - along(x2)} r=${RING} fill="none" stroke="#000" stroke-width=".4"></circle>`;
  };
  const inside = (/** @type {number} */ index) =>
    points[index].every((value) => value >= PLANE[0] && value <= PLANE[1]);
  const shown = points[0]?.length === 2;
  const key = (/** @type {'one' | 'zero'} */ name, /** @type {boolean} */ held, /** @type {string} */ text) =>
    html`<span class="key"><svg viewBox="-2 -2 4 4" width="10" height="10">${shape(
      name,
      0,
      0,
      1.5,
      colours[name === 'one' ? 1 : 0],
      held,
    )}</svg>${text}</span>`;
  return html`<figure class="over-plane"><div class="map">${boundary ? heat(boundary, discretise) : nothing}
    <svg viewBox="0 0 ${SIDE} ${SIDE}"><rect width=${SIDE} height=${SIDE} fill="none" stroke="#000" stroke-width=".3"></rect>
      ${
        boundary && !regression
          ? svg`<path d=${boundaryLine(boundary)} fill="none" stroke="#000" stroke-width=".7"></path>`
          : nothing
      }
      ${shown ? split.train.filter(inside).map((index) => mark(index, false)) : nothing}
      ${shown && showTest ? split.test.filter(inside).map((index) => mark(index, true)) : nothing}
      ${
        shown && bits
          ? [...split.train, ...(showTest ? split.test : [])]
              .filter((index) => inside(index) && isSet(bits, index))
              .map(ring)
          : nothing
      }
      ${TICKS.map(
        (tick) =>
          svg`<text x=${along(tick)} y=${SIDE + 4} text-anchor="middle">${fixed(tick, 0)}</text>
            <text x="-1.2" y=${SIDE - along(tick) + 1} text-anchor="end">${fixed(tick, 0)}</text>`,
      )}
    </svg></div>
    <figcaption>${
      regression
        ? html`${key('one', false, 'above 0')}${key('zero', false, 'below 0, the larger the farther from it')}`
        : html`${key('one', false, 'y = 1')}${key('zero', false, 'y = 0')}`
    }${showTest && split.test.length > 0 ? key('one', true, 'hollow: test') : nothing}${
      bits ? html`<span>ringed: wrong</span>` : nothing
    }<span>x1 to the right, x2 upwards</span></figcaption>
  </figure>`;
}

/** @param {'one' | 'zero'} name @param {number} x @param {number} y @param {number} size @param {string} colour @param {boolean} hollow */
function shape(name, x, y, size, colour, hollow) {
  const [fill, stroke] = hollow ? ['#fff', colour] : [colour, '#fff'];
  const width = hollow ? 0.45 : 0.2;
  return name === 'one'
    ? svg`<circle cx=${x} cy=${y} r=${size} fill=${fill} stroke=${stroke} stroke-width=${width}></circle>`
    : svg`<path d="M${x} ${y - size}l${size} ${size}l${-size} ${size}l${-size} ${-size}z" fill=${fill} stroke=${stroke}
        stroke-width=${width}></path>`;
}

/**
 * A bitmap: what a canvas has drawn, a browser may draw anew on paper, and then not to the same pixel.
 *
 * @param {Boundary} boundary
 * @param {boolean} discrete
 */
function heat({ values, width, height }, discrete) {
  const drawn = new OffscreenCanvas(PIXELS, PIXELS);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (drawn.getContext('2d'));
  const maps = new Maps();
  maps.paint(values, width, height, ramp(painterColours(paperColours).heat, discrete));
  maps.draw(context, 0, { x: 0, y: 0, width: PIXELS, height: PIXELS });
  const canvas = document.createElement('canvas');
  canvas.width = PIXELS;
  canvas.height = PIXELS;
  canvas.getContext('bitmaprenderer')?.transferFromImageBitmap(drawn.transferToImageBitmap());
  return canvas;
}

// -- the cost

/** Round numbers from 0 to at most this one. @param {number} high */
function round(high) {
  const { at, texts } = ticks({ name: '', center: 0, scale: 1 }, [0, high]);
  return at.map((number, index) => ({ at: number, text: texts[index] }));
}

/** @param {Store} store @param {Catalogue} catalogue @param {boolean} log */
function costs(store, catalogue, log) {
  const { history } = store.current;
  const { tests } = history;
  const earlier = store.current.ghosts.peek();
  const held = { x: tests.map(({ iteration }) => iteration), y: tests.map((test) => test.cost) };
  /** @type {{name: string, kind: string, curve: Curve}[]} */
  const curves = [
    ...earlier.map(({ experiment, history: before }) => ({
      name: describe(experiment, store.running, catalogue),
      kind: 'ghost',
      curve: thin(before.costs, CURVE_POINTS),
    })),
    ...(tests.length > 1 ? [{ name: 'test', kind: 'test', curve: held }] : []),
    { name: 'training', kind: 'train', curve: thin(history.costs, CURVE_POINTS) },
  ];
  const all = curves.flatMap(({ curve }) => curve.y).filter((y) => Number.isFinite(y) && (!log || y > 0));
  const last = Math.max(1, ...curves.flatMap(({ curve }) => curve.x.at(-1) ?? 0));
  if (all.length === 0) return nothing;
  const scaled = log ? Math.log10 : (/** @type {number} */ y) => y;
  const high = scaled(all.reduce((a, b) => Math.max(a, b)));
  const low = log ? Math.min(scaled(all.reduce((a, b) => Math.min(a, b))), high - 1) : 0;
  const up = (/** @type {number} */ y) => HEIGHT - ((scaled(y) - low) / (high - low || 1)) * HEIGHT;
  const across = (/** @type {number} */ x) => (x / last) * WIDTH;
  /** @param {Curve} curve */
  const path = ({ x, y }) =>
    x
      .flatMap((at, index) => {
        const drawn = Number.isFinite(y[index]) && (!log || y[index] > 0);
        return drawn ? `${across(at).toFixed(2)},${up(y[index]).toFixed(2)}` : [];
      })
      .join(' ');
  const levels = log ? [low, (low + high) / 2, high].map((y) => ({ at: 10 ** y, text: cost(10 ** y) })) : round(high);
  return html`<figure class="cost"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}">
      ${levels.map(
        ({ at, text }) =>
          svg`<line x2=${WIDTH} y1=${up(at)} y2=${up(at)} stroke="#999" stroke-width=".2"></line>
            <text x="-1.5" y=${up(at) + 1} text-anchor="end">${text}</text>`,
      )}
      ${round(last).map(
        ({ at, text }) => svg`<text x=${across(at)} y=${HEIGHT + 4.5} text-anchor="middle">${text}</text>`,
      )}
      ${curves.map(({ kind, curve }) => svg`<polyline class=${kind} points=${path(curve)}></polyline>`)}
    </svg>
    <figcaption><span>Cost J of each iteration</span>${curves.toReversed().map(
      ({ name, kind }) =>
        html`<span class="key"><svg viewBox="0 0 18 4" width="27" height="6"><polyline
            class=${kind} points="0,2 18,2"></polyline></svg>${name}</span>`,
    )}</figcaption>
  </figure>`;
}
