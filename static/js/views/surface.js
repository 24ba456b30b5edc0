/**
 * ŷ over the plane as a surface in space, by all of Plotly, which comes when it is first needed: made when the panel
 * opens, gone when it closes, drawn anew a few times a second.
 */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { effect, signal } from '../../vendor/signals-core/signals-core.js';
import { originOf, PLANE } from '../experiment/experiment.js';
import { entered, ticks } from '../experiment/origin.js';
import { figures, fixed } from '../format.js';
import { MARKS, markOf, RAMP } from '../marks.js';
import { loadPlotly, plain } from '../plotly.js';
import { together } from '../signals.js';
import { colours, palette } from '../theme.js';
import { whenOpen } from './drawer.js';
import { sizeOf } from './extent.js';
import { fetchLater } from './later.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../types/plotly').PlotlyApi} PlotlyApi */
/** @typedef {import('../types/protocol').Boundary} Boundary */
/** @typedef {import('../types/protocol').Points} Points */
/** @typedef {import('../types/protocol').Origin} Origin */

/**
 * While playing it is drawn at most this often, for at most this share of the time, but not more seldom than this
 * (milliseconds).
 */
const INTERVAL = 250;
const SHARE = 0.2;
const SELDOM = 1500;
/** It is made of so many samples each way: more take long where there is no graphics card. */
const SAMPLES = 100;
/** The table has so many rows and columns. */
const TABLE_SIZE = 7;
/** Of its lines only so many are drawn each way. */
const MESH = 20;

/** Where one looks from: an angle around, an angle up (degrees), and how far away. */
const START = { around: -60, up: 26, away: 2.4 };
/** What is said until it is there: where the processor draws, nothing else moves meanwhile. */
const PENDING = 'Drawing the surface. Without a graphics card it takes some seconds.';
/** The axes reach beyond what is drawn by this share of it: what lies on their ends is cut raggedly. */
const SLACK = 0.01;
/** Half a mark's height, as a share of what is drawn. */
const LIFT = 0.04;
/** What each button does to it. @type {Record<string, (view: typeof START) => typeof START>} */
const TURNS = {
  'surface-left': (view) => ({ ...view, around: view.around - 15 }),
  'surface-right': (view) => ({ ...view, around: view.around + 15 }),
  'surface-up': (view) => ({ ...view, up: Math.min(85, view.up + 10) }),
  'surface-down': (view) => ({ ...view, up: Math.max(-5, view.up - 10) }),
  'surface-nearer': (view) => ({ ...view, away: Math.max(1, view.away / 1.2) }),
  'surface-farther': (view) => ({ ...view, away: Math.min(5, view.away * 1.2) }),
  'surface-start': (view) => view,
};

/** @param {Store} store @param {(id: string) => HTMLElement} find */
export function mountSurface(store, find) {
  const plotly = signal(/** @type {PlotlyApi | null} */ (null));
  const scene = find('surface-scene');
  const problem = find('surface-problem');
  const pending = find('surface-pending');
  const buttons = find('surface-turn');
  const table = find('surface-table');
  const details = /** @type {HTMLDetailsElement} */ (table.closest('details'));
  const tableOpen = signal(details.open);
  let asked = false;
  details.addEventListener('toggle', () => {
    tableOpen.value = details.open;
  });
  for (const [id, turn] of Object.entries(TURNS)) {
    find(id).addEventListener('click', () => {
      plotly
        .peek()
        ?.relayout(scene, { 'scene.camera': camera(turn(id === 'surface-start' ? startOf(scene) : viewOf(scene))) });
    });
  }

  const load = async () => {
    if (asked) return;
    asked = true;
    plotly.value = await fetchLater(
      store,
      'What draws the surface',
      () => loadPlotly(/** @type {string} */ (document.body.dataset.plotlyInSpace)),
      load,
    );
    asked = plotly.value !== null;
  };
  whenOpen(store, 'surface', () => {
    const able = hasWebGL();
    problem.hidden = able;
    scene.hidden = buttons.hidden = !able;
    details.open ||= !able;
    if (able) void load();
    const { size, stop: stopSize } = sizeOf(scene);
    return together(
      stopSize,
      able ? showSurface(store, scene, pending, plotly, size) : () => undefined,
      showTable(store, table, tableOpen),
      () => render(nothing, table),
    );
  });
}

/**
 * @param {Store} store
 * @param {HTMLElement} scene
 * @param {HTMLElement} pending says that it is being drawn
 * @param {{value: PlotlyApi | null, peek: () => PlotlyApi | null}} plotly
 * @param {{value: string}} size
 */
function showSurface(store, scene, pending, plotly, size) {
  pending.textContent = PENDING;
  /** Whether that can be read: then it may take its time. */
  const said = signal(false);
  const stopWaiting = afterPainting(() => {
    said.value = true;
  });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let due;
  let next = -Infinity;
  let made = false;
  let stopClearing = () => {};
  /** What is drawn already. @type {unknown[]} */
  let drawn = [];

  // What is being turned stays as it is meanwhile, or it would jump.
  let held = false;
  const hold = () => {
    held = true;
  };
  const release = () => {
    if (!held) return;
    held = false;
    due ??= setTimeout(draw, 0);
  };
  scene.addEventListener('pointerdown', hold);
  for (const end of ['pointerup', 'pointercancel']) document.addEventListener(end, release);

  const draw = () => {
    due = undefined;
    if (held) return;
    const api = plotly.peek();
    const { boundary } = store.current.drawn.peek()?.run ?? {};
    const origin = originOf(store.experiment.peek());
    const shown = [boundary, store.points.peek(), origin, palette.peek(), scene.clientWidth, scene.clientHeight];
    if (
      !said.peek() ||
      !api ||
      !boundary ||
      scene.clientWidth === 0 ||
      shown.every((value, index) => value === drawn[index])
    )
      return;
    drawn = shown;
    const began = performance.now();
    api.react(
      scene,
      [surfaceOf(boundary), ...pointsOf(store.points.peek(), boundary)],
      layoutOf(scene, boundary, origin),
      { displayModeBar: false, responsive: false, showTips: false },
    );
    if (!made) stopClearing = afterPainting(() => pending.replaceChildren());
    made = true;
    const now = performance.now();
    next = now + Math.min(SELDOM, Math.max(INTERVAL, (now - began) / SHARE));
  };
  const stop = effect(() => {
    void [store.current.drawn.value, store.points.value, plotly.value, palette.value, size.value, said.value];
    due ??= setTimeout(draw, Math.max(0, next - performance.now()));
  });
  return () => {
    stop();
    stopWaiting();
    stopClearing();
    pending.replaceChildren();
    clearTimeout(due);
    scene.removeEventListener('pointerdown', hold);
    for (const end of ['pointerup', 'pointercancel']) document.removeEventListener(end, release);
    if (made) plotly.peek()?.purge(scene);
  };
}

/** Does something once what there is now has been painted. @param {() => void} act @returns {() => void} calls it off */
function afterPainting(act) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let later;
  const frame = requestAnimationFrame(() => {
    later = setTimeout(act);
  });
  return () => {
    cancelAnimationFrame(frame);
    clearTimeout(later);
  };
}

/** @param {Boundary} boundary */
function surfaceOf({ width, height, x, y, low, high, values }) {
  /** @param {number} length @returns {number[]} indices, both ends among them */
  const chosen = (length) =>
    Array.from({ length: Math.min(length, SAMPLES) }, (_, index) =>
      Math.round((index * (length - 1)) / (Math.min(length, SAMPLES) - 1)),
    );
  const columns = chosen(width);
  const [orange, middle, blue, ink, mesh] = colours(...RAMP, 'ink', 'edge');
  /** @param {[number, number]} ends @param {number} length */
  const along = ([from, to], length) => chosen(length).map((index) => from + ((to - from) * index) / (length - 1));
  const level = (low + high) / 2;
  /** @param {[number, number]} ends */
  const lines = ([from, to]) => ({
    show: true,
    start: from,
    end: to,
    size: (to - from) / MESH,
    color: mesh,
    width: 1,
    highlight: false,
  });
  return {
    type: 'surface',
    x: along(x, width),
    y: along(y, height),
    z: chosen(height).map((row) => columns.map((column) => low + (values[row * width + column] / 255) * (high - low))),
    cmin: low,
    cmax: high,
    colorscale: [
      [0, orange],
      [0.5, middle],
      [1, blue],
    ],
    showscale: false,
    hoverinfo: 'skip',
    lighting: { ambient: 0.85, diffuse: 0.3, specular: 0.05, roughness: 0.9 },
    contours: {
      x: lines(x),
      y: lines(y),
      // With an end no higher than its start, Plotly draws one at each tick of the axis instead.
      z: { show: low === 0, start: level, end: level + 0.5, size: 1, color: ink, width: 3, highlight: false },
    },
  };
}

/**
 * Each at its label's height, as much above it as keeps the surface from cutting it in half.
 *
 * @param {Points | null} data
 * @param {Boundary} boundary
 */
function pointsOf(data, { low, high }) {
  if (!data) return [];
  const lift = LIFT * (high - low);
  /** @param {number[]} indices @param {import('../marks.js').Mark} mark @param {boolean} test */
  const trace = (indices, mark, test) => {
    const chosen = indices.filter((index) => markOf(data.labels[index]) === mark);
    return {
      type: 'scatter3d',
      mode: 'markers',
      x: chosen.map((index) => data.points[index][0]),
      y: chosen.map((index) => data.points[index][1]),
      z: chosen.map((index) => data.labels[index] + lift),
      marker: {
        symbol: `${mark.symbol}${test ? '-open' : ''}`,
        size: 4 / mark.scale,
        color: colours(mark.colour)[0],
      },
      hoverinfo: 'skip',
    };
  };
  const { train, test } = data.split;
  return [...MARKS.map((mark) => trace(train, mark, false)), ...MARKS.map((mark) => trace(test, mark, true))];
}

/** @param {HTMLElement} scene @param {Boundary} boundary @param {Origin | null} origin */
function layoutOf(scene, { low, high }, origin) {
  const [ink3, edge] = colours('ink-3', 'line-2');
  const axis = { color: ink3, gridcolor: edge, zerolinecolor: edge, showspikes: false, showbackground: false };
  return {
    width: scene.clientWidth,
    height: scene.clientHeight,
    margin: { l: 0, r: 0, t: 0, b: 0 },
    paper_bgcolor: 'rgba(0,0,0,0)',
    font: { family: getComputedStyle(scene).fontFamily, size: 12, color: ink3 },
    showlegend: false,
    scene: {
      xaxis: { ...axis, range: beyond(PLANE), ...writtenAt('x₁', origin?.axes[0]) },
      yaxis: { ...axis, range: beyond(PLANE), ...writtenAt('x₂', origin?.axes[1]) },
      zaxis: { ...axis, range: beyond([low, high + LIFT * (high - low)]), title: { text: 'ŷ' } },
      aspectmode: 'manual',
      aspectratio: { x: 1.2, y: 1.2, z: 0.7 },
      dragmode: 'orbit',
      hovermode: false,
      camera: cameraOf(scene),
    },
  };
}

/**
 * An axis has the name and the units that the points had where they came from, as the plane and its image have.
 *
 * @param {string} name
 * @param {import('../types/protocol').Axis} [axis]
 */
function writtenAt(name, axis) {
  if (!axis) return { title: { text: name } };
  const { at, texts } = ticks(axis, PLANE);
  return { tickvals: at, ticktext: texts, title: { text: `${name}: ${plain(axis.name)}` } };
}

/** @param {readonly number[]} range */
function beyond([low, high]) {
  const slack = SLACK * (high - low);
  return [low - slack, high + slack];
}

/** From so far that all of it is seen: where there is more height than width, from farther. @param {HTMLElement} scene */
const startOf = ({ clientWidth, clientHeight }) => ({
  ...START,
  away: START.away * Math.max(1, (1.36 * clientHeight) / Math.max(1, clientWidth)),
});

/** Plotly's camera. @param {typeof START} view */
function camera({ around, up, away }) {
  const [a, b] = [around, up].map((degrees) => (degrees * Math.PI) / 180);
  return {
    eye: { x: away * Math.cos(b) * Math.cos(a), y: away * Math.cos(b) * Math.sin(a), z: away * Math.sin(b) },
    center: { x: 0, y: 0, z: -0.15 },
    up: { x: 0, y: 0, z: 1 },
  };
}

/** Where each scene was begun to be looked at from. @type {WeakMap<HTMLElement, string>} */
const begun = new WeakMap();

/**
 * Where the reader looks from, also after turning it by hand: Plotly keeps the layout on its element. What nobody has
 * turned is seen from where all of it fits in, whatever the size has become.
 *
 * @param {HTMLElement} scene
 */
function cameraOf(scene) {
  const now = /** @type {{layout?: {scene?: {camera?: ReturnType<typeof camera>}}}} */ (scene).layout?.scene?.camera;
  if (now && JSON.stringify(now.eye) !== begun.get(scene)) return now;
  const start = camera(startOf(scene));
  begun.set(scene, JSON.stringify(start.eye));
  return start;
}

/** @param {HTMLElement} scene @returns {typeof START} */
function viewOf(scene) {
  const { x, y, z } = cameraOf(scene).eye;
  const away = Math.hypot(x, y, z);
  return { around: (Math.atan2(y, x) * 180) / Math.PI, up: (Math.asin(z / away) * 180) / Math.PI, away };
}

function hasWebGL() {
  const context = document.createElement('canvas').getContext('webgl');
  context?.getExtension('WEBGL_lose_context')?.loseContext();
  return context !== null;
}

/** ŷ on a coarse grid. @param {Store} store @param {HTMLElement} place @param {{value: boolean}} open */
function showTable(store, place, open) {
  return effect(() => {
    const boundary = open.value ? store.current.drawn.value?.run.boundary : undefined;
    render(boundary ? tableOf(boundary, originOf(store.experiment.value)) : nothing, place);
  });
}

/** @param {Boundary} boundary @param {Origin | null} origin */
function tableOf({ width, height, x, y, low, high, values }, origin) {
  const steps = Array.from({ length: TABLE_SIZE }, (_, index) => index / (TABLE_SIZE - 1));
  /** @param {0 | 1} index @param {number} share */
  const along = (index, share) => {
    const [from, to] = [x, y][index];
    const place = from + (to - from) * share;
    return origin ? figures(entered(origin.axes[index], place)) : fixed(place, 1);
  };
  /** @param {number} across @param {number} up */
  const at = (across, up) => values[Math.round(up * (height - 1)) * width + Math.round(across * (width - 1))];
  return html`<table><caption>ŷ at places of the plane</caption>
    <thead><tr><th scope="col">${origin?.axes[1].name ?? 'x₂'} \\ ${origin?.axes[0].name ?? 'x₁'}</th>${steps.map(
      (step) => html`<th scope="col">${along(0, step)}</th>`,
    )}</tr></thead>
    <tbody>${steps
      .toReversed()
      .map(
        (up) =>
          html`<tr><th scope="row">${along(1, up)}</th>${steps.map(
            (across) => html`<td>${fixed(low + (at(across, up) / 255) * (high - low))}</td>`,
          )}</tr>`,
      )}</tbody></table>`;
}
