/**
 * ŷ over the plane: a canvas that the painter draws at every frame; axes and points by Plotly, when the data change;
 * what it shows, in words and a legend.
 */

import { html, mathml, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { computed, effect } from '../../vendor/signals-core/signals-core.js';
import { originOf, PLANE } from '../experiment/experiment.js';
import { entered, ticks } from '../experiment/origin.js';
import { figures, fixed, level } from '../format.js';
import { MANY_POINTS, MARKS, scaleOf, TARGETS } from '../marks.js';
import { EQUALS, inBrackets, indexed, number, ofUnit, variable, yHat } from '../notation.js';
import { pixelRatio } from '../painting/painter.js';
import { CONFIG, layoutIn } from '../plotly.js';
import { colours, palette } from '../theme.js';
import { sizeOf } from './extent.js';
import { Tip } from './tip.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../types/plotly').PlotlyApi} PlotlyApi */
/** @typedef {import('../types/protocol').Boundary} Boundary */
/** @typedef {import('../types/protocol').Points} Points */
/** @typedef {import('../types/protocol').Origin} Origin */
/** @typedef {import('../types/protocol').Axis} Axis */
/** @typedef {(id: string) => HTMLElement} Find */

/** The plane's inset in css/output.css is this. */
const MARGIN = { l: 31, t: 1, r: 1, b: 23 };
const TICKS = [-4, -2, 0, 2, 4];
/** At its end an axis has its name, and no number (units of the plane). */
const NAMED = 2;
const RADIUS = 8;
const SMALL_RADIUS = 5;
/** A point this near to the pointer is the one meant (pixels). */
const REACH = 8;

/**
 * @param {Store} store
 * @param {Find} find
 * @param {import('../../vendor/signals-core/signals-core.js').Signal<PlotlyApi | null>} plotly
 * @param {import('../painting/painter.js').Painter} painter
 */
export function mountBoundary(store, find, plotly, painter) {
  const plot = find('boundary');
  const plane = /** @type {HTMLElement} */ (plot.querySelector('.plane'));
  const chart = /** @type {HTMLElement} */ (plot.querySelector('.plotly'));
  painter.give('boundary', /** @type {HTMLCanvasElement} */ (plane.querySelector('canvas')));

  const { size } = sizeOf(plot);
  const { discretise: discrete, showTest } = store.setup;
  const marking = computed(() => store.setup.mistakes.value && !store.regression.value);
  effect(() => {
    const unit = store.attention.lookedAt.value;
    const { clientWidth: width, clientHeight: height } = plane;
    void size.value;
    if (width === 0) return;
    painter.plane('boundary', {
      width,
      height,
      ratio: pixelRatio(),
      run: 0,
      unit,
      flat: unit !== null && (store.flat.value[unit.layer - 1] ?? false),
      discrete: discrete.value,
      line: !store.regression.value,
      marked: marking.value && store.points.value ? places(store.points.value, showTest.value) : null,
    });
  });
  const origin = computed(() => originOf(store.experiment.value));
  effect(() => {
    const api = plotly.value;
    const points = store.points.value;
    const test = showTest.value;
    void [palette.value, size.value];
    if (!api || chart.clientWidth === 0) return;
    drawAxesAndPoints(api, chart, points, test, origin.value);
  });

  mountSwitches(store, find);
  mountLegend(store, find, chart);
  mountTip(store, plot, plane, origin);
}

/**
 * Where points are, as shares of the plane from its upper left corner; NaN for those that are not shown.
 *
 * @param {Points} data
 * @param {boolean} showTest
 */
function places({ points, split }, showTest) {
  const [low, high] = PLANE;
  const shares = new Float32Array(points.flatMap(([x, y]) => [(x - low) / (high - low), (high - y) / (high - low)]));
  if (!showTest) for (const index of split.test) shares[2 * index] = NaN;
  return shares;
}

/** @typedef {'showTest' | 'discretise' | 'mistakes'} Switch */

/** @param {Store} store @param {Find} find */
function mountSwitches(store, find) {
  /** @type {[id: string, name: Switch][]} */
  const switches = [
    ['show-test', 'showTest'],
    ['discretise', 'discretise'],
    ['mistakes', 'mistakes'],
  ];
  for (const [id, name] of switches) {
    const box = /** @type {HTMLInputElement} */ (find(id));
    box.addEventListener('change', () => store.change({ [name]: box.checked }));
    effect(() => {
      box.checked = store.setup[name].value;
    });
  }
  // A value is never simply wrong.
  effect(() => {
    /** @type {HTMLElement} */ (find('mistakes').closest('.labelled')).hidden = store.regression.value;
  });
}

/** @param {string} shape @param {string} kind */
const mark = (shape, kind) => html`<svg class="mk ${kind}" aria-hidden="true"><use href="#i-${shape}"></use></svg>`;

/**
 * What the colours mean: of ŷ, or of the unit that is looked at.
 *
 * @param {Store} store
 * @param {Find} find
 * @param {HTMLElement} chart
 */
function mountLegend(store, find, chart) {
  const heading = find('output-shows');
  const legend = find('output-legend');
  /** The ends of the ramp: as the latest frame has them, at the pace of what is read. */
  const ends = computed(() => {
    const run = store.current.drawn.value?.run;
    const unit = store.attention.lookedAt.value;
    const maps = unit && run?.neurons?.[unit.layer - 1];
    if (unit && maps && unit.unit < maps.units) return `${level(maps.low[unit.unit])} ${level(maps.high[unit.unit])}`;
    return `${level(run?.boundary?.low ?? 0)} ${level(run?.boundary?.high ?? 1)}`;
  });
  effect(() => {
    const looked = store.attention.lookedAt.value;
    const unit = looked && looked.layer > 0 && looked.layer < store.layerSizes.value.length - 1 ? looked : null;
    const regression = store.regression.value;
    const { showTest, mistakes } = store.setup;
    const held = showTest.value && (store.points.value?.split.test.length ?? 0) > 0;
    const [low, high] = ends.value.split(' ');
    const middle = unit
      ? html`<math translate="no">${ofUnit('z', unit.unit + 1, unit.layer)}${EQUALS}${number(0)}</math>`
      : regression
        ? html`<math translate="no">${yHat}${EQUALS}${number(0)}</math>`
        : html`<math translate="no">${yHat}${EQUALS}${number(0.5)}</math>`;
    render(
      unit
        ? html`<math translate="no" class="small">${ofUnit('a', unit.unit + 1, unit.layer)}</math> over the plane`
        : regression
          ? html`<math translate="no" class="small">${yHat}</math> estimates <math translate="no" class="small">${variable('y')}</math>`
          : html`<math translate="no" class="small">${yHat}${EQUALS}${variable('P')}${inBrackets(
              mathml`${variable('y')}${EQUALS}${number(1)}<mo lspace=".3em" rspace=".3em"
              stretchy="false">|</mo>${variable('x')}`,
            )}</math>`,
      heading,
    );
    const bar = html`<span class="bar ${unit || !regression ? 'lined' : ''}"><span class="mid">${middle}</span></span>`;
    const numbered = html`<span class="end">${low}</span>${bar}<span class="end">${high}</span>`;
    /** @param {string} shape @param {number} label */
    const key = (shape, label) =>
      html`<span class="k">${mark(shape, shape)}<math translate="no">${variable('y')}${EQUALS}${number(label)}</math></span>`;
    render(
      html`${regression ? numbered : html`${key('zero', 0)}${unit ? numbered : bar}${key('one', 1)}`}
        ${
          held
            ? html`<span class="k held">${
                regression
                  ? mark('one', 'target hollow')
                  : html`${mark('zero', 'zero hollow')}${mark('one', 'one hollow')}`
              }test</span>`
            : nothing
        }
        ${mistakes.value && !regression && !unit ? html`<span class="k wrong">${mark('one', 'ring')}wrong</span>` : nothing}`,
      legend,
    );
    chart.setAttribute(
      'aria-label',
      unit
        ? `Activation of unit ${unit.unit + 1} of hidden layer ${unit.layer} over the plane, ` +
            'with the examples and the line where its z is zero'
        : regression
          ? 'Predicted value over the plane, with the examples in the colours of their targets'
          : 'Predicted probability of class 1 over the plane, with the examples and the line where it is one half',
    );
  });
}

/**
 * @param {PlotlyApi} plotly
 * @param {HTMLElement} chart
 * @param {Points | null} data
 * @param {boolean} showTest
 * @param {Origin | null} origin
 */
function drawAxesAndPoints(plotly, chart, data, showTest, origin) {
  const [ink3, edge, line, outline, hollow] = colours('ink-3', 'edge', 'line-2', 'mark-line', 'test-fill');
  const markColours = colours(...MARKS.map(({ colour }) => colour));
  const targetColours = colours(...TARGETS);
  const many = (data?.points.length ?? 0) > MANY_POINTS;
  const radius = many ? SMALL_RADIUS : RADIUS;
  /**
   * @param {number[]} indices
   * @param {import('../marks.js').Mark} mark
   * @param {object} fill
   * @param {number} ring of what is held out, which is hollow; else 0
   */
  const trace = (indices, { symbol, scale }, fill, ring) => ({
    type: 'scatter',
    mode: 'markers',
    x: indices.map((index) => data?.points[index][0]),
    y: indices.map((index) => data?.points[index][1]),
    marker: {
      symbol,
      size: radius * scale - (ring > 0 ? 0.5 : 0),
      opacity: 1,
      ...(ring > 0
        ? { color: hollow, line: { ...fill, width: ring } }
        : { ...fill, line: { color: outline, width: many ? 0.6 : 1 } }),
    },
    hoverinfo: 'skip',
    cliponaxis: false,
  });
  /** @param {number[]} indices @param {boolean} test */
  const classes = (indices, test) =>
    MARKS.map((mark, label) =>
      trace(
        indices.filter((index) => data?.labels[index] === label),
        mark,
        { color: markColours[label] },
        test ? 1.6 : 0,
      ),
    );
  const largest = Math.max(Number.MIN_VALUE, ...(data?.labels.map(Math.abs) ?? []));
  /** Targets in the ramp's hues, strong enough to be seen on it. @param {number[]} indices @param {boolean} test */
  const targets = (indices, test) => [
    trace(
      indices,
      MARKS[1],
      { color: indices.map((index) => data?.labels[index]), ...scaleOf(targetColours, largest) },
      test ? 1.8 : 0,
    ),
  ];
  const traces = data?.task === 'regression' ? targets : classes;
  const train = data?.split.train ?? [];
  const test = showTest ? (data?.split.test ?? []) : [];
  const axis = {
    range: PLANE,
    fixedrange: true,
    showgrid: false,
    zeroline: false,
    ticks: 'outside',
    ticklen: 4,
    tickcolor: edge,
    showline: false,
    linecolor: line,
  };
  plotly.react(
    chart,
    [...traces(train, false), ...traces(test, true)],
    {
      ...layoutIn(chart, MARGIN, ink3),
      xaxis: { ...axis, ...numbers(origin?.axes[0]) },
      yaxis: { ...axis, ...numbers(origin?.axes[1]) },
    },
    CONFIG,
  );
}

/**
 * What stands at an axis, in the units that the points had where they came from; at its end stands its name.
 *
 * @param {Axis} [axis]
 */
function numbers(axis) {
  if (!axis) return { tickvals: TICKS, ticktext: TICKS.map((tick) => fixed(tick, 0)) };
  const { at, texts } = ticks(axis, PLANE);
  const free = at.filter((place) => place < PLANE[1] - NAMED);
  return { tickvals: free, ticktext: texts.slice(0, free.length) };
}

/**
 * x₁, x₂ and ŷ wherever the pointer is, from the latest grid; a point's own label if it is on one.
 *
 * @param {Store} store
 * @param {HTMLElement} plot
 * @param {HTMLElement} plane
 * @param {import('../../vendor/signals-core/signals-core.js').ReadonlySignal<Origin | null>} origin
 */
function mountTip(store, plot, plane, origin) {
  const tip = new Tip(plot);
  /** @type {PointerEvent | null} */
  let pointer = null;

  const show = () => {
    const boundary = store.current.drawn.value?.run.boundary;
    if (!pointer || !boundary) return tip.hide();
    const area = plane.getBoundingClientRect();
    const across = (pointer.clientX - area.left) / area.width;
    const up = (area.bottom - pointer.clientY) / area.height;
    if (across < 0 || across > 1 || up < 0 || up > 1) return tip.hide();
    const [x0, x1] = boundary.x;
    const [y0, y1] = boundary.y;
    let x = x0 + across * (x1 - x0);
    let y = y0 + up * (y1 - y0);
    const found = nearest(store.points.value, x, y, (REACH * (x1 - x0)) / area.width, store.experiment.value.showTest);
    if (found) [x, y] = found.point;
    const predicted = sample(boundary, (x - x0) / (x1 - x0), (y - y0) / (y1 - y0));
    tip.show(
      html`<div><math translate="no">${indexed('x', 1)}${EQUALS}</math> ${fixed(x)}&ensp;<math translate="no">
        ${indexed('x', 2)}${EQUALS}</math> ${fixed(y)}</div>
        ${origin.value?.axes.map(
          (axis, index) =>
            html`<div class="quiet" translate="no">${axis.name}: ${figures(entered(axis, [x, y][index]))}</div>`,
        )}
        <div><math translate="no">${yHat}${EQUALS}</math> ${level(predicted)}${
          found
            ? html`&ensp;<math translate="no">${variable('y')}${EQUALS}</math> ${
                Number.isInteger(found.label) ? found.label : level(found.label)
              }${found.test ? html` <span class="quiet">held out for test</span>` : nothing}`
            : nothing
        }</div>`,
      pointer,
    );
    return undefined;
  };

  for (const type of /** @type {const} */ (['pointermove', 'pointerdown']))
    plot.addEventListener(type, (event) => {
      pointer = event;
      show();
    });
  plot.addEventListener('pointerleave', () => {
    pointer = null;
    tip.hide();
  });
  effect(() => {
    void store.current.drawn.value;
    if (pointer) show();
  });
}

/**
 * ŷ between the samples of the grid, at a share of its width and height.
 *
 * @param {Boundary} boundary
 * @param {number} across
 * @param {number} up
 */
function sample({ values, width, height, low = 0, high = 1 }, across, up) {
  const column = Math.min(width - 2, Math.max(0, Math.floor(across * (width - 1))));
  const row = Math.min(height - 2, Math.max(0, Math.floor(up * (height - 1))));
  const tx = Math.min(1, Math.max(0, across * (width - 1) - column));
  const ty = Math.min(1, Math.max(0, up * (height - 1) - row));
  const at = row * width + column;
  const lower = values[at] * (1 - tx) + values[at + 1] * tx;
  const upper = values[at + width] * (1 - tx) + values[at + width + 1] * tx;
  return low + ((lower * (1 - ty) + upper * ty) / 255) * (high - low);
}

/**
 * How near to an example a place on the plane is meant for it, in the plane's units.
 *
 * @param {number} width of the plane in pixels
 */
export const reachIn = (width) => (REACH * (PLANE[1] - PLANE[0])) / width;

/**
 * The example within reach of a place, if any.
 *
 * @param {Points | null} data
 * @param {number} x
 * @param {number} y
 * @param {number} reach
 * @param {boolean} showTest
 */
export function nearest(data, x, y, reach, showTest) {
  if (!data) return null;
  let best = -1;
  let distance = reach;
  data.points.forEach(([x1, x2], index) => {
    const here = Math.hypot(x1 - x, x2 - y);
    if (here >= distance || (!showTest && data.split.test.includes(index))) return;
    best = index;
    distance = here;
  });
  if (best < 0) return null;
  return { index: best, point: data.points[best], label: data.labels[best], test: data.split.test.includes(best) };
}
