/** The cost of every iteration, thinned to what the pixels show, with earlier runs in grey; drawn by Plotly a few times a second. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { effect, signal } from '../../vendor/signals-core/signals-core.js';
import { place, xTicks, xTop, yTop } from '../cost-scale.js';
import { sameRun } from '../experiment.js';
import { cost, count } from '../format.js';
import { thin } from '../history.js';
import { CONFIG } from '../plotly.js';
import { colours, isDark } from '../theme.js';
import { bindChoice } from './choice.js';
import { Tip } from './tip.js';

/** @typedef {import('../state.js').Store} Store */
/** @typedef {import('../experiment.js').Experiment} Experiment */
/** @typedef {import('../types/plotly').PlotlyApi} PlotlyApi */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */

const MARGIN = { l: 31, t: 6, r: 12, b: 24 };
/** Plotly takes 10 ms and more a drawing: it gets at most this share of the time, and never more than one drawing in so many milliseconds. */
const SHARE = 0.05;
const INTERVAL = 160;
const AFTER_FRAME = 40;

/**
 * @param {Store} store
 * @param {Catalogue} catalogue
 * @param {(id: string) => HTMLElement} find
 * @param {import('../../vendor/signals-core/signals-core.js').Signal<PlotlyApi | null>} plotly
 */
export function mountCost(store, catalogue, find, plotly) {
  const plot = find('cost');
  const chart = /** @type {HTMLElement} */ (plot.querySelector('.plotly'));
  const names = /** @type {HTMLElement} */ (plot.querySelector('.names'));
  const scale = signal('linear');
  bindChoice(
    find('scale'),
    () => scale.value,
    (chosen) => {
      scale.value = chosen;
    },
  );

  const forget = find('forget');
  forget.addEventListener('click', () => {
    store.forgetGhosts();
    store.announcement.value = 'Earlier runs cleared';
  });
  effect(() => {
    forget.hidden = store.ghosts.value.length === 0;
  });

  const size = signal('');
  new ResizeObserver(() => {
    size.value = `${plot.clientWidth}×${plot.clientHeight}`;
  }).observe(plot);

  /** What the pointer needs to find an iteration under it. */
  let axis = { left: 0, width: 1, iterations: 1 };
  let due = false;
  let next = -Infinity;

  const draw = () => {
    due = false;
    const began = performance.now();
    const api = plotly.peek();
    if (api && chart.clientWidth > 0) axis = drawChart(api, chart, names, store, catalogue, scale.peek() === 'log');
    const now = performance.now();
    next = now + Math.max(INTERVAL, (now - began) / SHARE);
  };
  /** In a task of its own, after the frame. @param {boolean} [soon] */
  const schedule = (soon = false) => {
    if (due && !soon) return;
    due = true;
    setTimeout(() => due && draw(), soon ? 0 : Math.max(AFTER_FRAME, next - performance.now()));
  };
  effect(() => {
    void [store.picture.value, store.ghosts.value];
    schedule();
  });
  effect(() => {
    void [plotly.value, scale.value, isDark.value, size.value];
    schedule(true);
  });

  mountTip(store, catalogue, plot, () => axis);
}

/**
 * How a run differs from the one there is now: always its activation, and what else is not the same.
 *
 * @param {Experiment} run
 * @param {Experiment} now
 * @param {Catalogue} catalogue
 */
function describe(run, now, { activations, initializations }) {
  const parts = [run.units.length === 0 ? 'logistic regression' : (activations.find(({ name }) => name === run.activation)?.label ?? run.activation)];
  if (run.activation === 'leaky_relu' && run.slope !== now.slope) parts.push(`slope ${run.slope}`);
  if (run.units.length > 0 && String(run.units) !== String(now.units)) parts.push(`2-${run.units.join('-')}-1`);
  if (run.scheme !== now.scheme) parts.push(initializations.find(({ name }) => name === run.scheme)?.label ?? run.scheme);
  if (run.weightSeed !== now.weightSeed) parts.push(`seed ${run.weightSeed}`);
  if (run.learningRate !== now.learningRate) parts.push(`α ${run.learningRate}`);
  return parts.join(', ');
}

/** Earlier runs that are not the one now running again. @param {Store} store */
function visibleGhosts(store) {
  const running = store.running.peek();
  return store.ghosts.peek().filter(({ experiment }) => !running || !sameRun(experiment, running));
}

/** @param {PlotlyApi} plotly @param {HTMLElement} chart @param {HTMLElement} names @param {Store} store @param {Catalogue} catalogue @param {boolean} log */
function drawChart(plotly, chart, names, store, catalogue, log) {
  const [ink, ink2, ink3, ghostColour, grid, ground] = colours('ink', 'ink-2', 'ink-3', 'ghost', 'grid', 'ground');
  const { history } = store;
  const ghosts = visibleGhosts(store);
  const picture = store.picture.peek();
  const running = store.running.peek() ?? store.experiment.peek();
  const width = chart.clientWidth - MARGIN.l - MARGIN.r;
  const height = chart.clientHeight - MARGIN.t - MARGIN.b;
  const font = parseFloat(getComputedStyle(document.documentElement).fontSize) * 0.75;

  const current = thin(history.costs, width);
  if (picture && picture.iteration === history.length) {
    current.x.push(picture.iteration);
    current.y.push(picture.run.train_cost);
  }
  const earlier = ghosts.map((ghost) => ({ ...ghost, curve: thin(ghost.history.costs, width) }));
  const iterations = xTop(Math.max(history.length, ...ghosts.map((ghost) => ghost.history.length)));
  const stride = Math.max(1, Math.ceil(history.tests.length / width));
  const tests = history.tests.filter((_, index) => index % stride === 0 || index === history.tests.length - 1);

  const testCurve = { x: tests.map((test) => test.iteration), y: tests.map((test) => test.cost) };

  const all = [...current.y, ...earlier.flatMap(({ curve }) => curve.y), ...testCurve.y];
  const range = yTop(all, log);
  /** @type {import('../cost-scale.js').Scale} */
  const scale = {
    x: (iteration) => (iteration / iterations) * width,
    y: (value) => height * (1 - ((log ? Math.log10(Math.max(value, 1e-12)) : value) - range[0]) / (range[1] - range[0])),
    width,
    height,
  };
  const labels = place(
    [
      { text: describe(running, running, catalogue), curve: current, bold: true },
      ...earlier.map(({ experiment, curve }) => ({ text: describe(experiment, running, catalogue), curve, bold: false })).reverse(),
    ].filter(({ curve }) => curve.x.length > 1),
    [testCurve],
    scale,
    font,
  );

  /** @param {{x: number[], y: number[]}} curve @param {object} line */
  const trace = ({ x, y }, line) => ({ type: 'scatter', mode: 'lines', x, y, line, hoverinfo: 'skip' });
  const end = current.x.length - 1;
  const axisFont = { color: ink3, size: font };
  plotly.react(
    chart,
    [
      ...earlier.map(({ curve }) => trace(curve, { color: ghostColour, width: 1.25 })),
      trace(testCurve, { color: ink2, width: 1.5, dash: '4px,3px' }),
      trace(current, { color: ink, width: 2 }),
      { type: 'scatter', mode: 'markers', x: current.x.slice(end), y: current.y.slice(end), marker: { color: ink, size: 8, line: { color: ground, width: 2 } }, hoverinfo: 'skip', cliponaxis: false },
    ],
    {
      width: chart.clientWidth,
      height: chart.clientHeight,
      margin: { ...MARGIN, pad: 0 },
      paper_bgcolor: 'rgba(0,0,0,0)',
      plot_bgcolor: 'rgba(0,0,0,0)',
      font: { family: getComputedStyle(chart).fontFamily, ...axisFont },
      showlegend: false,
      hovermode: false,
      xaxis: { range: [0, iterations], fixedrange: true, showgrid: false, zeroline: false, tickvals: xTicks(iterations), tickformat: ',d', ticks: 'outside', ticklen: 5, tickcolor: 'rgba(0,0,0,0)', automargin: false },
      yaxis: {
        type: log ? 'log' : 'linear',
        range,
        fixedrange: true,
        gridcolor: grid,
        zeroline: false,
        nticks: 5,
        ...(log ? { dtick: 1, exponentformat: 'power' } : { rangemode: 'tozero' }),
        automargin: false,
      },
    },
    CONFIG,
  );
  render(
    labels.map(({ text, x, y, bold, anchor }) => html`<span class="curve-name ${bold ? 'now' : ''} ${anchor}" style="left:${MARGIN.l + x}px;top:${MARGIN.t + y}px">${text}</span>`),
    names,
  );
  return { left: MARGIN.l, width, iterations };
}

/** The exact cost at the iteration under the pointer. @param {Store} store @param {Catalogue} catalogue @param {HTMLElement} plot @param {() => {left: number, width: number, iterations: number}} axis */
function mountTip(store, catalogue, plot, axis) {
  const tip = new Tip(/** @type {HTMLElement} */ (plot.querySelector('.tip')));
  const cursor = /** @type {HTMLElement} */ (plot.querySelector('.cursor'));
  const hide = () => {
    tip.hide();
    cursor.hidden = true;
  };
  /** @param {PointerEvent} event */
  const show = ({ clientX, clientY }) => {
    const frame = plot.getBoundingClientRect();
    const { left, width, iterations } = axis();
    const x = clientX - frame.left;
    const iteration = Math.round(((x - left) / width) * iterations);
    const ghosts = visibleGhosts(store).filter(({ history }) => iteration < history.length);
    const known = iteration >= 0 && iteration < store.history.length;
    if (iteration < 0 || x > left + width + 2 || !(known || ghosts.length > 0)) return hide();
    const running = store.running.peek() ?? store.experiment.peek();
    const test = known ? store.history.testNear(iteration) : null;
    cursor.hidden = false;
    cursor.style.transform = `translateX(${left + (iteration / iterations) * width}px)`;
    tip.show(
      html`<div>Iteration ${count(iteration)}</div>
        ${known ? html`<div><b>${describe(running, running, catalogue)}</b> ${cost(store.history.costs[iteration])}${test ? html` <span class="quiet">test ${cost(test.cost)}${test.iteration === iteration ? nothing : html` at ${count(test.iteration)}`}</span>` : nothing}</div>` : nothing}
        ${ghosts.map(({ experiment, history }) => html`<div class="quiet">${describe(experiment, running, catalogue)} ${cost(history.costs[iteration])}</div>`)}`,
      x,
      clientY - frame.top,
    );
    return undefined;
  };
  plot.addEventListener('pointermove', show);
  plot.addEventListener('pointerdown', show);
  plot.addEventListener('pointerleave', hide);
}
