/** ŷ over the plane: a canvas and two lines by ourselves, at every frame; axes and points by Plotly, when the data change. */

import { html, nothing } from '../../vendor/lit-html/lit-html.js';
import { effect, signal } from '../../vendor/signals-core/signals-core.js';
import { boundaryLine } from '../contour.js';
import { fixed } from '../format.js';
import { PLANE } from '../experiment.js';
import { heat, paint } from '../heat.js';
import { indexed, operator, variable, yHat } from '../notation.js';
import { CONFIG } from '../plotly.js';
import { colours, isDark } from '../theme.js';
import { Tip } from './tip.js';

/** @typedef {import('../state.js').Store} Store */
/** @typedef {import('../types/plotly').PlotlyApi} PlotlyApi */
/** @typedef {import('../types/protocol').Boundary} Boundary */
/** @typedef {import('../types/protocol').Points} Points */

/** The plane's inset in css/output.css is this. */
const MARGIN = { l: 31, t: 1, r: 1, b: 23 };
const TICKS = [-4, -2, 0, 2, 4];
/** A point this near to the pointer is the one meant (pixels). */
const REACH = 8;

/** @param {Store} store @param {HTMLElement} plot @param {import('../../vendor/signals-core/signals-core.js').Signal<PlotlyApi | null>} plotly */
export function mountBoundary(store, plot, plotly) {
  const plane = /** @type {HTMLElement} */ (plot.querySelector('.plane'));
  const canvas = /** @type {HTMLCanvasElement} */ (plane.querySelector('canvas'));
  const lines = /** @type {SVGPathElement[]} */ ([...plot.querySelectorAll('.halo, .iso')]);
  const chart = /** @type {HTMLElement} */ (plot.querySelector('.plotly'));

  effect(() => {
    const boundary = store.picture.value?.run.boundary;
    void heat.value;
    if (!boundary) return;
    const { values, width, height } = boundary;
    paint(canvas, values, width, height);
    const path = boundaryLine(boundary);
    for (const line of lines) line.setAttribute('d', path);
  });

  const size = signal(plot.clientWidth);
  new ResizeObserver(() => {
    size.value = plot.clientWidth;
  }).observe(plot);
  effect(() => {
    const api = plotly.value;
    const points = store.points.value;
    void isDark.value;
    if (!api || size.value === 0) return;
    drawAxesAndPoints(api, chart, points);
  });

  mountTip(store, plot, plane);
}

/** @param {PlotlyApi} plotly @param {HTMLElement} chart @param {Points | null} data */
function drawAxesAndPoints(plotly, chart, data) {
  const [ink3, edge, line, one, zero, outline, hollow] = colours('ink-3', 'edge', 'line-2', 'one-mark', 'zero-mark', 'mark-line', 'test-fill');
  const style = getComputedStyle(chart);
  const many = (data?.points.length ?? 0) > 600;
  const radius = many ? 5 : 8;
  /** @param {number[]} indices @param {number} label @param {boolean} test */
  const trace = (indices, label, test) => {
    const chosen = indices.filter((index) => data?.labels[index] === label);
    const colour = label ? one : zero;
    return {
      type: 'scatter',
      mode: 'markers',
      x: chosen.map((index) => data?.points[index][0]),
      y: chosen.map((index) => data?.points[index][1]),
      marker: {
        symbol: label ? 'circle' : 'diamond',
        size: (label ? radius : radius * 1.15) - (test ? 0.5 : 0),
        opacity: 1,
        color: test ? hollow : colour,
        line: { color: test ? colour : outline, width: test ? 1.6 : many ? 0.6 : 1 },
      },
      hoverinfo: 'skip',
      cliponaxis: false,
    };
  };
  const { train, test } = data?.split ?? { train: [], test: [] };
  const axis = { range: PLANE, fixedrange: true, showgrid: false, zeroline: false, tickvals: TICKS, ticks: 'outside', ticklen: 4, tickcolor: edge, showline: false, linecolor: line };
  plotly.react(
    chart,
    [trace(train, 0, false), trace(train, 1, false), trace(test, 0, true), trace(test, 1, true)],
    {
      width: chart.clientWidth,
      height: chart.clientHeight,
      margin: { ...MARGIN, pad: 0 },
      paper_bgcolor: 'rgba(0,0,0,0)',
      plot_bgcolor: 'rgba(0,0,0,0)',
      font: { family: style.fontFamily, size: parseFloat(getComputedStyle(document.documentElement).fontSize) * 0.75, color: ink3 },
      showlegend: false,
      hovermode: false,
      xaxis: { ...axis, ticktext: TICKS.map((tick) => fixed(tick, 0)) },
      yaxis: { ...axis, ticktext: TICKS.map((tick) => fixed(tick, 0)) },
    },
    CONFIG,
  );
}

/** x₁, x₂ and ŷ wherever the pointer is, from the latest grid; a point's own label if it is on one. @param {Store} store @param {HTMLElement} plot @param {HTMLElement} plane */
function mountTip(store, plot, plane) {
  const tip = new Tip(/** @type {HTMLElement} */ (plot.querySelector('.tip')));
  /** @type {{x: number, y: number} | null} */
  let pointer = null;

  const show = () => {
    const boundary = store.picture.value?.run.boundary;
    if (!pointer || !boundary) return tip.hide();
    const area = plane.getBoundingClientRect();
    const frame = plot.getBoundingClientRect();
    const across = (pointer.x - area.left) / area.width;
    const up = (area.bottom - pointer.y) / area.height;
    if (across < 0 || across > 1 || up < 0 || up > 1) return tip.hide();
    const [x0, x1] = boundary.x;
    const [y0, y1] = boundary.y;
    let x = x0 + across * (x1 - x0);
    let y = y0 + up * (y1 - y0);
    const found = nearest(store.points.value, x, y, (REACH * (x1 - x0)) / area.width);
    if (found) [x, y] = found.point;
    const probability = sample(boundary, (x - x0) / (x1 - x0), (y - y0) / (y1 - y0));
    const equals = operator('=');
    tip.show(
      html`<div><math>${indexed('x', 1)}${equals}</math> ${fixed(x)}&ensp;<math>${indexed('x', 2)}${equals}</math> ${fixed(y)}</div>
        <div><math>${yHat}${equals}</math> ${fixed(probability)}${found ? html`&ensp;<math>${variable('y')}${equals}</math> ${found.label}${found.test ? html` <span class="quiet">held out for test</span>` : nothing}` : nothing}</div>`,
      pointer.x - frame.left,
      pointer.y - frame.top,
    );
    return undefined;
  };

  plot.addEventListener('pointermove', ({ clientX: x, clientY: y }) => {
    pointer = { x, y };
    show();
  });
  plot.addEventListener('pointerdown', ({ clientX: x, clientY: y }) => {
    pointer = { x, y };
    show();
  });
  plot.addEventListener('pointerleave', () => {
    pointer = null;
    tip.hide();
  });
  effect(() => {
    void store.picture.value;
    if (pointer) show();
  });
}

/** ŷ between the samples of the grid, at a share of its width and height. @param {Boundary} boundary @param {number} across @param {number} up */
function sample({ values, width, height }, across, up) {
  const column = Math.min(width - 2, Math.max(0, Math.floor(across * (width - 1))));
  const row = Math.min(height - 2, Math.max(0, Math.floor(up * (height - 1))));
  const tx = Math.min(1, Math.max(0, across * (width - 1) - column));
  const ty = Math.min(1, Math.max(0, up * (height - 1) - row));
  const at = row * width + column;
  const lower = values[at] * (1 - tx) + values[at + 1] * tx;
  const upper = values[at + width] * (1 - tx) + values[at + width + 1] * tx;
  return (lower * (1 - ty) + upper * ty) / 255;
}

/** The example within reach of a place, if any. @param {Points | null} data @param {number} x @param {number} y @param {number} reach */
function nearest(data, x, y, reach) {
  if (!data) return null;
  let best = -1;
  let distance = reach;
  data.points.forEach(([x1, x2], index) => {
    const here = Math.hypot(x1 - x, x2 - y);
    if (here >= distance) return;
    best = index;
    distance = here;
  });
  if (best < 0) return null;
  return { point: data.points[best], label: data.labels[best], test: data.split.test.includes(best) };
}
