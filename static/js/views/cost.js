/**
 * The cost of every iteration, thinned to what the pixels show, with earlier runs in grey. With mini-batches it is the
 * mean over an epoch that is drawn, over the costs of the batches, faintly. Plotly draws axes and curves when the axes
 * change; what has come since hangs on as a tail of our own, so that the curve grows smoothly whatever Plotly takes.
 */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { effect, signal } from '../../vendor/signals-core/signals-core.js';
import { sameRun } from '../experiment/experiment.js';
import { describe } from '../experiment/words.js';
import { cost, count } from '../format.js';
import { CONFIG, layoutIn, smallFont } from '../plotly.js';
import { nearestOn, thin } from '../store/history.js';
import { columnEnds, meansAt } from '../store/means.js';
import { colours, palette } from '../theme.js';
import { bindSignal } from './choice.js';
import { logTick, namesAt, place, scaleTo, within, xTicks, xTop, yRange } from './cost-scale.js';
import { sizeOf } from './extent.js';
import { mountScrub } from './scrub.js';
import { Tip } from './tip.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../types/plotly').PlotlyApi} PlotlyApi */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */

const MARGIN = { l: 31, t: 6, r: 12, b: 24 };
/**
 * Plotly takes 10 ms and more a drawing: while playing it gets at most this share of the time, and a rest of so many
 * milliseconds.
 */
const SHARE = 0.03;
const INTERVAL = 600;
/** A new run's first frame comes before its ghosts. */
const AFTER_FRAME = 120;
/** Room to grow that a new axis has. */
const ROOM = 1.5;

/**
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @param {Catalogue} catalogue
 * @param {import('../../vendor/signals-core/signals-core.js').Signal<PlotlyApi | null>} plotly
 */
export function mountCost(store, find, catalogue, plotly) {
  const plot = find('cost');
  const chart = /** @type {HTMLElement} */ (plot.querySelector('.plotly'));
  const names = /** @type {HTMLElement} */ (plot.querySelector('.names'));
  const scale = signal('linear');
  bindSignal(find('scale'), scale);

  const forget = find('forget');
  forget.addEventListener('click', () => {
    store.forgetGhosts();
    store.announcer.say('Earlier runs cleared');
  });
  effect(() => {
    forget.hidden = store.current.ghosts.value.length === 0 && store.compared.value.length === 0;
  });

  const keys = find('cost-keys');
  effect(() => {
    void store.current.experiment.value;
    keys.toggleAttribute('data-batches', store.current.history.epoch > 1);
  });

  const empty = /** @type {HTMLElement} */ (plot.querySelector('.empty'));
  effect(() => {
    empty.hidden = !store.current.aside.value;
    render(empty.hidden ? nothing : html`<span>No cost yet. ${store.obstacle.value}</span>`, empty);
  });

  const { size } = sizeOf(plot);

  const tail = new Tail(plot);
  /** What is on Plotly's axes. @type {Drawn | null} */
  let drawn = null;
  let due = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** Whether all is drawn, also if the axes hold; as it is while nothing trains. */
  let anew = false;
  let next = -Infinity;

  const draw = () => {
    const all = anew || !store.dialogue.playing.peek();
    due = anew = false;
    const began = performance.now();
    const api = plotly.peek();
    if (api && chart.clientWidth > 0)
      drawn = drawChart(api, chart, names, store, catalogue, scale.peek() === 'log', drawn, all);
    const now = performance.now();
    next = now + Math.max(INTERVAL, (now - began) / SHARE);
    grow();
  };
  const grow = () => {
    if (drawn) tail.draw(drawn, store);
  };
  const drawDue = () => {
    if (store.awaited) timer = setTimeout(drawDue, AFTER_FRAME);
    else draw();
  };
  /** In a task of its own, after the frame, or after that of a run that is asked for. @param {boolean} [soon] */
  const schedule = (soon = false) => {
    if (due && !soon) return;
    due = true;
    anew ||= soon;
    clearTimeout(timer);
    timer = setTimeout(drawDue, soon ? 0 : Math.max(AFTER_FRAME, next - performance.now()));
  };
  effect(() => {
    void [store.current.picture.value, store.current.ghosts.value, store.compared.value];
    grow();
    // Off the axes: Plotly has to move them now.
    schedule(
      drawn !== null && store.current.history === drawn.history && store.current.history.length > drawn.iterations,
    );
  });
  effect(() => {
    if (!store.dialogue.playing.value) schedule(true);
  });
  effect(() => {
    void [plotly.value, scale.value, palette.value, size.value];
    schedule(true);
  });

  mountTip(store, plot, catalogue, () => drawn);
  mountScrub(store, plot, (clientX) => drawn && iterationAt(drawn, plot, clientX));
}

/**
 * @typedef {object} Drawn
 * @property {import('../store/history.js').History} history of the current curve
 * @property {number} upTo iterations of it that are drawn
 * @property {number} window costs that the line is the mean of
 * @property {number} testsUpTo test costs that are drawn
 * @property {number} iterations at the axis' end
 * @property {number} rewritten how often the history had been rewritten
 * @property {string} around what Plotly has drawn beside the current curves
 * @property {import('./cost-scale.js').Scale} scale
 */

/** @param {Drawn} drawn @param {HTMLElement} plot @param {number} clientX */
const iterationAt = ({ iterations, scale }, plot, clientX) =>
  Math.round(((clientX - plot.getBoundingClientRect().left - MARGIN.l) / scale.width) * iterations);

/**
 * The newest piece of the current curves, and a dot where the run is: at their end or, after a seek, with a line down
 * to its iteration.
 */
class Tail {
  #train;
  #batches;
  #test;
  #dot;
  #here;

  /** @param {HTMLElement} plot */
  constructor(plot) {
    this.#train = /** @type {SVGPathElement} */ (plot.querySelector('.train-tail'));
    this.#batches = /** @type {SVGPathElement} */ (plot.querySelector('.batch-tail'));
    this.#test = /** @type {SVGPathElement} */ (plot.querySelector('.test-tail'));
    this.#dot = /** @type {SVGCircleElement} */ (plot.querySelector('.live circle'));
    this.#here = /** @type {SVGPathElement} */ (plot.querySelector('.live .here'));
  }

  /** @param {Drawn} drawn @param {Store} store */
  draw({ history, rewritten, upTo, window, testsUpTo, iterations, scale }, { current }) {
    const { history: now } = current;
    const picture = current.picture.peek();
    // A run that Plotly has not drawn anything of yet begins at its own first iteration.
    const goesOn = now === history && now.rewritten === rewritten;
    const from = goesOn ? Math.max(0, upTo - 1) : 0;
    const testsFrom = goesOn ? Math.max(0, testsUpTo - 1) : 0;
    const shown = Math.min(now.length, iterations + 1);
    const columns = Math.ceil(scale.x(shown) - scale.x(from));
    const piece = thin(now.costs.subarray(from, shown), columns);
    const every = piece.x.map((iteration, index) => [from + iteration, piece.y[index]]);
    const mean = now.epoch > 1;
    const over = now === history ? window : now.epoch;
    /** @param {number[]} x */
    const means = (x) => meansAt(now.costs, over, x).map((cost, index) => [x[index], cost]);
    const points = mean ? means(columnEnds(from, shown, columns)) : every;
    const back = picture !== null && picture.iteration < now.length;
    const here = picture && [picture.iteration, mean && back ? now.mean(picture.iteration) : picture.run.train_cost];
    // A mean ends with the costs that there are.
    const hangs = !mean || now.length === 0;
    if (here && hangs && picture.iteration === now.length && now.length <= iterations) points.push(here);
    /** @param {number[]} point */
    const pointAt = ([iteration, value]) =>
      [MARGIN.l + scale.x(iteration), MARGIN.t + Math.min(scale.height, Math.max(0, scale.y(value)))].map((length) =>
        length.toFixed(1),
      );
    /** @param {number[]} point */
    const at = (point) => pointAt(point).join(' ');
    /** @param {number[][]} line */
    const path = (line) => (line.length > 1 ? `M${line.map(at).join('L')}` : '');
    write(this.#train, 'd', path(points));
    write(this.#batches, 'd', mean ? path(every) : '');
    write(
      this.#test,
      'd',
      path(
        now.tests
          .slice(testsFrom)
          .filter((test) => test.iteration <= iterations)
          .map((test) => [test.iteration, test.cost]),
      ),
    );
    // After a seek the run is not where the curve ends.
    const end = here && back ? here : points.at(-1);
    write(this.#here, 'd', here && back ? `M${at([here[0], Infinity])}V${MARGIN.t + scale.height}` : '');
    write(this.#dot, 'visibility', end ? 'visible' : 'hidden');
    if (!end) return;
    // Not by a transform: the browser would take the page's layers apart and together again.
    const [x, y] = pointAt(end);
    write(this.#dot, 'cx', x);
    write(this.#dot, 'cy', y);
  }
}

/** Only what it is not yet: what is written is laid out. @param {Element} element @param {string} name @param {string} value */
function write(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/**
 * @typedef {object} Earlier
 * @property {string} name
 * @property {number} length iterations
 * @property {(columns: number) => import('../store/history.js').Curve} curve with mini-batches, of means
 * @property {(iteration: number) => {iteration: number, cost: number}} near the cost there, or the nearest known
 */

/**
 * Earlier runs that are not the one now running again, and those that the reader compares.
 *
 * @param {Store} store
 * @param {Catalogue} catalogue
 * @returns {Earlier[]}
 */
function earlierRuns(store, catalogue) {
  const now = store.running;
  const compared = store.compared.peek();
  /** @param {Experiment} experiment */
  const isCompared = (experiment) =>
    compared.some(
      (run) => sameRun(run.experiment, experiment) && run.experiment.learningRate === experiment.learningRate,
    );
  return [
    ...store.current.ghosts
      .peek()
      .filter(({ experiment }) => !sameRun(experiment, now) && !isCompared(experiment))
      .map(({ experiment, history }) => ({
        name: describe(experiment, now, catalogue),
        length: history.length,
        /** @param {number} columns */
        curve: (columns) => history.curves(columns).line,
        /** @param {number} iteration */
        near: (iteration) => ({ iteration, cost: history.mean(iteration) }),
      })),
    ...compared.map(({ name, experiment, curve, means }) => ({
      name: name || describe(experiment, now, catalogue),
      length: (curve.x.at(-1) ?? 0) + 1,
      curve: () => means ?? curve,
      /** @param {number} iteration */
      near: (iteration) => nearestOn(means ?? curve, iteration),
    })),
  ];
}

/**
 * @param {PlotlyApi} plotly
 * @param {HTMLElement} chart
 * @param {HTMLElement} names
 * @param {Store} store
 * @param {Catalogue} catalogue
 * @param {boolean} log
 * @param {Drawn | null} before
 * @param {boolean} anew also what has not changed
 * @returns {Drawn}
 */
function drawChart(plotly, chart, names, store, catalogue, log, before, anew) {
  const [ink, ink2, ink3, ghostColour, grid, faint] = colours('ink', 'ink-2', 'ink-3', 'ghost', 'grid', 'faint');
  const { history } = store.current;
  const runs = earlierRuns(store, catalogue);
  const { running } = store;
  const width = chart.clientWidth - MARGIN.l - MARGIN.r;
  const height = chart.clientHeight - MARGIN.t - MARGIN.b;

  const { line: current, batches, window } = history.curves(width);
  const earlier = runs.map(({ name, curve }) => ({ name, curve: curve(width) }));
  const longest = Math.max(history.length, ...runs.map(({ length }) => length));
  const keeps = before?.history === history && before.iterations >= longest;
  const iterations = keeps ? before.iterations : xTop(store.dialogue.playing.peek() ? longest * ROOM : longest);
  const stride = Math.max(1, Math.ceil(history.tests.length / width));
  const tests = history.tests.filter((_, index) => index % stride === 0 || index === history.tests.length - 1);

  const testCurve = { x: tests.map((test) => test.iteration), y: tests.map((test) => test.cost) };

  const latest = store.current.picture.peek()?.run.train_cost;
  const range = yRange(
    [
      current.y,
      ...(batches ? [within(batches.y, current.y)] : []),
      ...earlier.map(({ curve }) => curve.y),
      testCurve.y,
      latest === undefined || current.y.length > 1 ? [] : [latest],
    ],
    log,
    latest,
  );
  const scale = scaleTo(iterations, range, log, width, height);
  const labels = place(
    [
      { text: describe(running, running, catalogue), curve: current, bold: true },
      ...earlier.map(({ name, curve }) => ({ text: name, curve, bold: false })).reverse(),
    ].filter(({ curve }) => curve.x.length > 1),
    [testCurve],
    scale,
    smallFont(),
  );

  render(namesAt(labels, MARGIN), names);
  // While all of this holds, the tail is what there is to add; a mean moves with its window.
  const { rewritten } = history;
  const around = JSON.stringify([rewritten, range, window, runs.map(({ name, length }) => [name, length])]);
  if (!anew && keeps && before.around === around) return before;
  /** @param {{x: number[], y: number[]}} curve @param {object} line */
  const trace = ({ x, y }, line) => ({ type: 'scatter', mode: 'lines', x, y, line, hoverinfo: 'skip' });
  plotly.react(
    chart,
    [
      ...(batches ? [trace(batches, { color: faint, width: 1 })] : []),
      ...earlier.map(({ curve }) => trace(curve, { color: ghostColour, width: 1.25 })),
      trace(testCurve, { color: ink2, width: 1.5, dash: '4px,3px' }),
      trace(current, { color: ink, width: 2 }),
    ],
    {
      ...layoutIn(chart, MARGIN, ink3),
      xaxis: {
        range: [0, iterations],
        fixedrange: true,
        showgrid: false,
        zeroline: false,
        tickvals: xTicks(iterations),
        tickformat: ',d',
        ticks: 'outside',
        ticklen: 5,
        tickcolor: 'rgba(0,0,0,0)',
        automargin: false,
      },
      yaxis: {
        type: log ? 'log' : 'linear',
        range,
        fixedrange: true,
        gridcolor: grid,
        zeroline: false,
        nticks: 5,
        ...(log ? { dtick: logTick(range), exponentformat: 'power' } : { rangemode: 'tozero' }),
        automargin: false,
      },
    },
    CONFIG,
  );
  const [upTo, testsUpTo] = [history.length, history.tests.length];
  return { history, rewritten, upTo, window, testsUpTo, iterations, around, scale };
}

/**
 * The exact cost at the iteration under the pointer.
 *
 * @param {Store} store
 * @param {Catalogue} catalogue
 * @param {HTMLElement} plot
 * @param {() => Drawn | null} axis
 */
function mountTip(store, plot, catalogue, axis) {
  const tip = new Tip(plot);
  /** @param {PointerEvent} event */
  const show = (event) => {
    const drawn = axis();
    if (!drawn) return undefined;
    const iteration = iterationAt(drawn, plot, event.clientX);
    const earlier = earlierRuns(store, catalogue).filter(({ length }) => iteration < length);
    const known = iteration >= 0 && iteration < store.current.history.length;
    if (iteration < 0 || iteration > drawn.iterations || !(known || earlier.length > 0)) return tip.hide();
    const { running } = store;
    const { history } = store.current;
    const test = known ? history.testNear(iteration) : null;
    /** @param {{iteration: number}} found */
    const at = (found) => (found.iteration === iteration ? nothing : html` at ${count(found.iteration)}`);
    tip.show(
      html`<div>Iteration ${count(iteration)}</div>
        ${
          known
            ? html`<div><b>${describe(running, running, catalogue)}</b> ${cost(history.mean(iteration))}${
                history.epoch > 1 ? html` <span class="quiet">batch ${cost(history.costs[iteration])}</span>` : nothing
              }${test ? html` <span class="quiet">test ${cost(test.cost)}${at(test)}</span>` : nothing}</div>`
            : nothing
        }
        ${earlier.map(
          ({ name, near }) =>
            html`<div class="quiet">${name} ${cost(near(iteration).cost)}${at(near(iteration))}</div>`,
        )}`,
      event,
      MARGIN.l + drawn.scale.x(iteration),
    );
    return undefined;
  };
  plot.addEventListener('pointermove', show);
  plot.addEventListener('pointerdown', show);
  plot.addEventListener('pointerleave', () => tip.hide());
}
