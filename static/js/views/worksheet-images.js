/**
 * Pictures for a worksheet, whatever the page's theme: the boundary and the cost by Plotly, the network as SVG of our
 * own.
 */

import { layerSizes, OWN, PLANE, sameRun } from '../experiment/experiment.js';
import { ticks } from '../experiment/origin.js';
import { describe, summary } from '../experiment/words.js';
import { cost, count, fixed } from '../format.js';
import { fits } from '../layers.js';
import { HALO, LINE, MANY_POINTS, MARKS, RING, RING_LINE, SMALL_RING, scaleOf, TARGETS } from '../marks.js';
import { featureText } from '../notation.js';
import { boundaryLine } from '../painting/contour.js';
import { bytesOf, isSet, Maps } from '../painting/map.js';
import { layoutNetwork, TINY_UNIT } from '../painting/network-layout.js';
import { biasRadius, edgeStyles } from '../painting/network-picture.js';
import { ramp } from '../painting/ramp.js';
import { plain } from '../plotly.js';
import { painterColours, paperColours } from '../theme.js';
import { mapsOf } from './features.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */
/** @typedef {import('../types/protocol').Boundary} Boundary */
/** @typedef {import('../types/plotly').PlotlyApi} PlotlyApi */
/** @typedef {{data: object[], layout: object, width: number, height: number, iteration: number}} Figure */

const FONT = 'Roboto, "Segoe UI", "Liberation Sans", Arial, sans-serif';
const SERIF = '"STIX Two Text", STIX, Cambria, "Times New Roman", serif';
/** Pixels to each of the picture's units, for print. */
const SCALE = 2;
/** The plane's side, and its bitmap's: as many pixels as it has in print. */
const SIDE = 540;
const PLANE_PIXELS = SCALE * SIDE;
/** Around the plane, with two lines of a legend below (the picture's units): the plane stays a square of its size. */
const MARGIN = { l: 60, r: 20, t: 64, b: 120, autoexpand: false };
/** Points, and where there are many, as on the page (CSS pixels). */
const POINT = 8;
const SMALL_POINT = 5;
const CURVE_POINTS = 2000;
const TICKS = [-6, -4, -2, 0, 2, 4, 6];

/**
 * What all titles say.
 *
 * @param {Experiment} running what is trained
 * @param {Experiment} defaults
 * @param {Catalogue} catalogue
 * @param {import('../store/current-run.js').Picture | null} picture
 */
const caption = (running, defaults, catalogue, picture) => ({
  what: summary(running, defaults, catalogue),
  when: picture ? `iteration ${count(picture.iteration)}, cost ${cost(picture.run.train_cost)}` : '',
});

/** @param {string} title @param {{what: string, when: string}} caption */
const titled = (title, { what, when }) => ({
  text: `<b>${title}</b>  ${when}<br><span style="font-size:11px">${what}</span>`,
  x: 0,
  xref: 'container',
  xanchor: 'left',
  pad: { l: 16 },
  y: 0.972,
  yref: 'container',
  yanchor: 'top',
  font: { size: 15 },
});

/** What the layouts of both have in common. @param {string} colour of texts */
const onPaper = (colour) => ({
  paper_bgcolor: '#ffffff',
  plot_bgcolor: '#ffffff',
  font: { family: FONT, size: 12, color: colour },
});

/** @param {Blob} blob @returns {Promise<string>} a data address */
const dataAddress = (blob) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });

/**
 * ŷ over the plane with the points on it.
 *
 * @param {Store} store
 * @param {Experiment} defaults
 * @param {Catalogue} catalogue
 * @returns {Promise<Figure>}
 */
export async function boundaryFigure(store, defaults, catalogue) {
  const [ink, ink2, edge, line, contour, halo] = paperColours(
    'ink',
    'ink-2',
    'edge',
    'line-2',
    'contour',
    'contour-halo',
  );
  const targetColours = paperColours(...TARGETS);
  const { discretise, showTest, mistakes } = store.experiment.peek();
  const { dataset, origin: from } = store.running;
  const picture = store.current.picture.peek();
  const boundary = picture?.run.boundary;
  const data = store.points.peek();
  const regression = data?.task === 'regression';
  const largest = Math.max(Number.MIN_VALUE, ...(data?.labels.map(Math.abs) ?? []));
  const many = (data?.points.length ?? 0) > MANY_POINTS;
  const point = many ? SMALL_POINT : POINT;

  /**
   * @param {number[]} indices
   * @param {string} name
   * @param {import('../marks.js').Mark} mark
   * @param {boolean} test
   */
  const trace = (indices, name, { symbol, colour, scale }, test) => {
    const targets = indices.map((index) => data?.labels[index]);
    const fill = regression
      ? { color: targets, ...scaleOf(targetColours, largest) }
      : { color: paperColours(colour)[0] };
    return {
      type: 'scatter',
      mode: 'markers',
      name,
      x: indices.map((index) => data?.points[index][0]),
      y: indices.map((index) => data?.points[index][1]),
      marker: test
        ? { symbol, size: point * scale - 0.5, color: 'rgba(255,255,255,0.88)', line: { width: 1.6, ...fill } }
        : { symbol, size: point * scale, ...fill, line: { color: '#ffffff', width: many ? 0.6 : 1 } },
      cliponaxis: false,
    };
  };
  const { train, test } = data?.split ?? { train: [], test: [] };
  const kinds = regression
    ? [{ label: null, name: 'examples', mark: MARKS[1] }]
    : MARKS.map((mark, label) => ({ label, name: `y = ${label}`, mark }));
  const traces = [{ indices: train, held: false }, ...(showTest ? [{ indices: test, held: true }] : [])].flatMap(
    ({ indices, held }) =>
      kinds.map(({ label, name, mark }) =>
        trace(
          indices.filter((index) => label === null || data?.labels[index] === label),
          held ? `${name}, test` : name,
          mark,
          held,
        ),
      ),
  );
  const bits = mistakes && !regression ? picture?.run.misclassified : null;
  const wrong = bits ? [...train, ...(showTest ? test : [])].filter((index) => isSet(bits, index)) : [];
  const radius = many ? SMALL_RING : RING;
  const ring = {
    type: 'scatter',
    mode: 'markers',
    x: wrong.map((index) => data?.points[index][0]),
    y: wrong.map((index) => data?.points[index][1]),
    cliponaxis: false,
  };
  /** @param {string} colour @param {number} width */
  const rings = (colour, width) => ({ symbol: 'circle-open', size: 2 * radius, color: colour, line: { width } });
  const axis = {
    range: PLANE,
    showgrid: false,
    zeroline: false,
    ticks: 'outside',
    tickcolor: edge,
    showline: true,
    mirror: true,
    linecolor: line,
  };
  /** Points of a table keep its names and units, as on the page. */
  const origin = dataset === OWN ? from : null;
  /** @param {0 | 1} index */
  const numbered = (index) => {
    const { at, texts } = origin
      ? ticks(origin.axes[index], PLANE)
      : { at: TICKS, texts: TICKS.map((tick) => fixed(tick, 0)) };
    const name = origin ? `: ${plain(origin.axes[index].name)}` : '';
    return {
      tickvals: at,
      ticktext: texts,
      title: {
        standoff: 6,
        text: `<i>x</i><sub>${index + 1}</sub>${name}`,
        font: { family: SERIF, size: 17, color: ink },
      },
    };
  };
  const [low, high] = PLANE;
  /** The contour's path spans 0 to 100 from the upper left corner. @param {string} path */
  const inPlane = (path) =>
    path.replace(
      /([-\d.]+) ([-\d.]+)/g,
      (_, x, y) => `${(low + (x / 100) * (high - low)).toFixed(3)},${(high - (y / 100) * (high - low)).toFixed(3)}`,
    );
  const path = boundary && !regression ? inPlane(boundaryLine(boundary)) : '';
  return {
    width: MARGIN.l + SIDE + MARGIN.r,
    height: MARGIN.t + SIDE + MARGIN.b,
    iteration: picture?.iteration ?? 0,
    data: [
      { ...ring, name: 'halo', showlegend: false, marker: rings(halo, RING_LINE + HALO - LINE) },
      { ...ring, name: 'wrong', marker: rings(contour, RING_LINE) },
      ...traces,
    ].filter(({ x }) => x.length > 0),
    layout: {
      title: titled('Output', caption(store.running, defaults, catalogue, picture)),
      margin: MARGIN,
      ...onPaper(ink2),
      legend: { orientation: 'h', x: 0, y: -0.12, font: { color: ink } },
      xaxis: { ...axis, ...numbered(0) },
      yaxis: { ...axis, ...numbered(1) },
      images: boundary
        ? [
            {
              source: await planeImage(boundary, discretise),
              xref: 'x',
              yref: 'y',
              x: low,
              y: high,
              sizex: high - low,
              sizey: high - low,
              sizing: 'stretch',
              layer: 'below',
            },
          ]
        : [],
      shapes: path
        ? [
            { color: halo, width: HALO },
            { color: contour, width: LINE },
          ].map((stroke) => ({ type: 'path', path, xref: 'x', yref: 'y', layer: 'between', line: stroke }))
        : [],
    },
  };
}

/** @param {Boundary} boundary @param {boolean} discrete @returns {Promise<string>} */
async function planeImage({ values, width, height }, discrete) {
  const canvas = new OffscreenCanvas(PLANE_PIXELS, PLANE_PIXELS);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'));
  const maps = new Maps();
  maps.paint(values, width, height, ramp(painterColours(paperColours).heat, discrete));
  maps.draw(context, 0, { x: 0, y: 0, width: PLANE_PIXELS, height: PLANE_PIXELS });
  return dataAddress(await canvas.convertToBlob());
}

/**
 * The cost of every iteration, on train and test, with the earlier runs that are shown.
 *
 * @param {Store} store
 * @param {Experiment} defaults
 * @param {Catalogue} catalogue
 * @param {boolean} log
 * @returns {Figure}
 */
export function costFigure(store, defaults, catalogue, log) {
  const [ink, ink2, ghost, grid, line, faint] = paperColours('ink', 'ink-2', 'ghost', 'grid', 'line-2', 'faint');
  const { history } = store.current;
  const { line: train, batches } = history.curves(CURVE_POINTS);
  const { running } = store;
  /** @param {string} name @param {{x: number[], y: number[]}} curve @param {object} stroke */
  const trace = (name, { x, y }, stroke) => ({ type: 'scatter', mode: 'lines', name, x, y, line: stroke });
  const { tests } = history;
  const picture = store.current.picture.peek();
  return {
    width: 760,
    height: 460,
    iteration: picture?.iteration ?? 0,
    data: [
      ...(batches ? [trace('each batch', batches, { color: faint, width: 1 })] : []),
      ...store.current.ghosts.peek().map(({ experiment, history: earlier }) =>
        trace(describe(experiment, running, catalogue), earlier.curves(CURVE_POINTS).line, {
          color: ghost,
          width: 1.25,
        }),
      ),
      ...(tests.length > 0
        ? [
            trace(
              'test',
              { x: tests.map(({ iteration }) => iteration), y: tests.map((test) => test.cost) },
              { color: ink2, width: 1.5, dash: '4px,3px' },
            ),
          ]
        : []),
      trace(batches ? `train, mean of an epoch (${count(history.epoch)} batches)` : 'train', train, {
        color: ink,
        width: 2,
      }),
    ],
    layout: {
      title: titled('Cost', caption(running, defaults, catalogue, picture)),
      margin: { l: 64, r: 24, t: 64, b: 92 },
      ...onPaper(ink2),
      showlegend: true,
      legend: { orientation: 'h', x: 0, y: -0.18, traceorder: 'reversed', font: { color: ink } },
      xaxis: {
        title: { text: 'iteration' },
        rangemode: 'tozero',
        showgrid: false,
        zeroline: false,
        tickformat: ',d',
        showline: true,
        linecolor: line,
      },
      yaxis: {
        title: { text: 'cost <i>J</i>' },
        type: log ? 'log' : 'linear',
        gridcolor: grid,
        zeroline: false,
        ...(log ? { exponentformat: 'power' } : { rangemode: 'tozero' }),
      },
    },
  };
}

/** @param {PlotlyApi} plotly @param {Figure} figure @param {'png' | 'svg'} format @returns {Promise<Blob>} */
export async function plotImage(plotly, { data, layout, width, height }, format) {
  const address = await plotly.toImage(
    { data, layout: { ...layout, width, height } },
    { format, width, height, scale: format === 'png' ? SCALE : 1 },
  );
  const [head, body] = [address.slice(0, address.indexOf(',')), address.slice(address.indexOf(',') + 1)];
  // No fetch: the page's policy lets it reach only its server.
  return new Blob([head.endsWith('base64') ? bytesOf(body) : decodeURIComponent(body)], {
    type: head.replace(/^data:/, '').replace(/;.*$/, ''),
  });
}

const SVG = 'http://www.w3.org/2000/svg';

/** @param {string} name @param {Record<string, string | number>} attributes @param {(Node | string)[]} children */
function element(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, String(value));
  made.append(...children);
  return made;
}

/** @param {number} value */
const tenth = (value) => Math.round(value * 10) / 10;

/**
 * The network: edges as paths, each unit's map as a picture of its own, names as text.
 *
 * @param {Store} store
 * @param {Experiment} defaults
 * @param {Catalogue} catalogue
 * @param {import('../painting/painter.js').Painter} painter
 * @returns {Promise<{svg: string, width: number, height: number, iteration: number}>}
 */
export async function networkImage(store, defaults, catalogue, painter) {
  const colours = painterColours(paperColours);
  const [ink, ink2, ink3, line] = paperColours('ink', 'ink-2', 'ink-3', 'line-2');
  const { running } = store;
  const { features, layers: hidden, problem } = running;
  const sizes = layerSizes(running);
  const last = sizes.length - 1;
  const width = Math.max(720, sizes.length * 150);
  const graph = Math.max(360, Math.max(...sizes) * 56);
  const head = { title: 64, names: 44 };
  const top = head.title + head.names;
  const height = top + graph + 24;
  const layout = layoutNetwork(sizes, width, graph, features);
  const { nodes, edges, columns, labelled, inputsBelow } = layout;

  const ratio = 3;
  // While it trains the painter is ahead of the page: whatever the picture says is of its frame.
  const { bitmap, of } = await painter.snapshot(
    {
      nodes,
      edges: [],
      width,
      height: graph,
      ratio,
      sizes,
      chosen: null,
      flat: hidden.map(({ activation }) => activation === 'relu'),
      line: problem === 'classification',
      inputs: mapsOf(catalogue, features),
      frozen: [],
    },
    colours,
  );
  // Another run has begun meanwhile, and the picture is of that one.
  if (!sameRun(running, store.running)) {
    bitmap.close();
    return networkImage(store, defaults, catalogue, painter);
  }

  const picture = of && { iteration: of.iteration, run: of.runs[0] };
  const parameters = picture?.run.layers ?? [];
  const known = fits(parameters, sizes);
  const many = edges.length > 150;
  const drawn = element('g', { fill: 'none', 'stroke-linecap': 'round', 'stroke-opacity': many ? 0.5 : 0.78 });
  if (known)
    edgeStyles(edges, parameters).forEach((style, index) =>
      drawn.append(
        element('path', {
          d: edges[index].path,
          stroke: style.negative ? colours.zero : colours.one,
          'stroke-width': tenth(style.width),
        }),
      ),
    );

  const units = element('g', {});
  /** @param {Record<string, string | number>} attributes @param {(Node | string)[]} children */
  const label = (attributes, ...children) =>
    units.append(
      element(
        'text',
        { 'text-anchor': 'middle', 'font-family': SERIF, 'font-size': 15, fill: ink, ...attributes },
        ...children,
      ),
    );
  for (const { layer, unit, x, y, size: side } of nodes) {
    const [left, above] = [x - side / 2, y - side / 2];
    const square = { x: left, y: above, width: side, height: side };
    const crop = new OffscreenCanvas(Math.round(side * ratio), Math.round(side * ratio));
    /** @type {OffscreenCanvasRenderingContext2D} */ (crop.getContext('2d')).drawImage(
      bitmap,
      -left * ratio,
      -above * ratio,
    );
    units.append(
      element('image', { ...square, href: await dataAddress(await crop.convertToBlob()) }),
      element('rect', { ...square, rx: side < TINY_UNIT ? 5 : 8, fill: 'none', stroke: line }),
    );
    if (layer > 0 && known) {
      const bias = parameters[layer - 1].biases[unit];
      units.append(
        element('circle', {
          cx: left,
          cy: y + side / 2,
          r: tenth(biasRadius(bias)),
          fill: bias < 0 ? colours.zero : colours.one,
          stroke: colours.ground,
          'stroke-width': 2,
        }),
      );
    }
    if (layer === 0) {
      label(
        inputsBelow ? { x, y: y + side / 2 + 16 } : { x: left - 8, y: y + 5, 'text-anchor': 'end' },
        featureText(features[unit]),
      );
    } else if (layer === last) {
      label({ x, y: y + side / 2 + 22, 'font-size': 16, 'font-style': 'italic' }, 'ŷ');
    } else if (labelled) {
      label(
        { x, y: y + side / 2 + 20 },
        element('tspan', { 'font-style': 'italic' }, 'a'),
        element('tspan', { dy: 4, 'font-size': 10 }, String(unit + 1)),
        element('tspan', { dy: -10, 'font-size': 10 }, `[${layer}]`),
      );
    }
  }
  bitmap.close();

  const names = columns.map((x, layer) => {
    const name = layer === 0 ? 'Input' : layer === last ? 'Output' : `Hidden layer ${layer}`;
    const activation =
      layer === 0
        ? ''
        : layer === last
          ? problem === 'regression'
            ? 'linear'
            : 'sigmoid'
          : (catalogue.activations.find((row) => row.name === hidden[layer - 1].activation)?.label ?? '');
    return element(
      'g',
      { 'text-anchor': 'middle', 'font-size': 13 },
      element('text', { x, y: head.title + 14, fill: ink, 'font-weight': 600 }, name),
      element('text', { x, y: head.title + 31, fill: ink3, 'font-size': 12 }, activation),
    );
  });
  const { what, when } = caption(running, defaults, catalogue, picture);
  const svg = element(
    'svg',
    { width, height, viewBox: `0 0 ${width} ${height}`, 'font-family': FONT },
    element('title', {}, `Network: ${what}, ${when}`),
    element('rect', { width, height, fill: '#ffffff' }),
    element(
      'text',
      { x: 16, y: 28, 'font-size': 15, fill: ink2 },
      element('tspan', { 'font-weight': 700 }, 'Network'),
      `  ${when}`,
    ),
    element('text', { x: 16, y: 46, 'font-size': 11, fill: ink2 }, what),
    ...names,
    element('g', { transform: `translate(0 ${top})` }, drawn, units),
  );
  return { svg: new XMLSerializer().serializeToString(svg), width, height, iteration: picture?.iteration ?? 0 };
}

/** @param {{svg: string, width: number, height: number}} picture @returns {Promise<Blob>} */
export async function rasterised({ svg, width, height }) {
  const address = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = new OffscreenCanvas(width * SCALE, height * SCALE);
    /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d')).drawImage(
      image,
      0,
      0,
      canvas.width,
      canvas.height,
    );
    return await canvas.convertToBlob();
  } finally {
    URL.revokeObjectURL(address);
  }
}
