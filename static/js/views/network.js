/** The network: what can be changed about it, every unit's map, every weight and bias, its shapes, and one unit in words. */

import { html, nothing, render, svg } from '../../vendor/lit-html/lit-html.js';
import { computed, effect, signal } from '../../vendor/signals-core/signals-core.js';
import { boundaryLine, contour } from '../contour.js';
import { unitsField } from '../experiment.js';
import { parameter } from '../format.js';
import { heat, paint } from '../heat.js';
import { MIN_COLUMN_PITCH, MIN_UNIT_PITCH, along, layoutNetwork } from '../network-layout.js';
import { OPENING, bracket, indexed, ofLayer, ofUnit, operator, shape, term, variable, yHat } from '../notation.js';
import { bindChoice } from './choice.js';
import { anotherSeed } from './data.js';
import { bindValue, stopsEvery } from './value.js';

/** @typedef {import('../state.js').Store} Store */
/** @typedef {import('../state.js').Selection} Selection */
/** @typedef {import('../experiment.js').Fields} Fields */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */
/** @typedef {import('../types/protocol').LayerParameters} LayerParameters */
/** @typedef {import('../network-layout.js').Layout} Layout */
/** @typedef {import('../network-layout.js').Edge} Edge */
/** @typedef {(id: string) => HTMLElement} Find */

/** A new layer's units when there is none to take them from. */
const NEW_LAYER = 4;
/** With more edges than this each is fainter. */
const MANY_EDGES = 150;
const THINNEST = 0.8;
const THICKEST = 6.2;
/** How many frames it takes to paint every unit's map, and how many maps a frame paints at most. */
const MAP_TURNS = 3;
const MOST_MAPS = 6;
/** The byte of a map at which z changes sign. ReLU is zero on a whole side of it, so its line is drawn just above. */
const ZERO = 127.5;
const JUST_ABOVE_ZERO = 128.5;

/** @param {Store} store @param {Fields} fields @param {Catalogue} catalogue @param {Find} find */
export function mountNetwork(store, fields, catalogue, find) {
  mountSettings(store, fields, catalogue, find);

  const graph = find('graph');
  const area = signal({ width: graph.clientWidth, height: graph.clientHeight });
  new ResizeObserver(() => {
    const { clientWidth: width, clientHeight: height } = graph;
    if (width !== area.value.width || height !== area.value.height) area.value = { width, height };
  }).observe(graph);

  const stage = /** @type {HTMLElement} */ (graph.parentElement);
  const layout = computed(() => layoutNetwork(store.layerSizes.value, area.value.width, area.value.height));
  effect(() => {
    const sizes = store.layerSizes.value;
    graph.style.minHeight = sizes.some((units) => units > 7) ? `${Math.max(...sizes) * MIN_UNIT_PITCH}px` : '';
    stage.style.minWidth = `${sizes.length * MIN_COLUMN_PITCH}px`;
  });

  mountCaptions(store, catalogue, layout, find('captions'));
  mountShapes(store, layout, find('shapes'));
  mountGraph(store, layout, graph);
  mountSentence(store, find('sentence'));
}

/** @param {Store} store @param {Fields} fields @param {Catalogue} catalogue @param {Find} find */
function mountSettings(store, fields, catalogue, find) {
  const add = /** @type {HTMLButtonElement} */ (find('add-layer'));
  const remove = /** @type {HTMLButtonElement} */ (find('remove-layer'));
  const depth = find('depth');
  const [fewest, most] = catalogue.limits.hidden_layers;
  add.addEventListener('click', () => {
    const { units } = store.experiment.value;
    store.change({ units: [...units, units.at(-1) ?? NEW_LAYER] });
  });
  remove.addEventListener('click', () => store.change({ units: store.experiment.value.units.slice(0, -1) }));
  effect(() => {
    const layers = store.experiment.value.units.length;
    depth.textContent = String(layers);
    add.disabled = layers >= most;
    remove.disabled = layers <= fewest;
  });

  bindChoice(
    find('schemes'),
    () => store.experiment.value.scheme,
    (scheme) => store.change({ scheme }),
  );
  bindValue({
    input: /** @type {HTMLInputElement} */ (find('weight-seed')),
    problem: find('weight-seed-problem'),
    field: fields.weightSeed,
    value: () => store.experiment.value.weightSeed,
    change: (weightSeed) => store.change({ weightSeed }),
  });
  find('new-weight-seed').addEventListener('click', () => {
    const weightSeed = anotherSeed(store.experiment.value.weightSeed);
    store.change({ weightSeed });
    store.announcement.value = `New initial weights, seed ${weightSeed}`;
  });
}

/**
 * The name of each layer, and how many units it has. The steppers are made once per layer and stay, so that focus does.
 *
 * @param {Store} store
 * @param {Catalogue} catalogue
 * @param {import('../../vendor/signals-core/signals-core.js').ReadonlySignal<Layout>} layout
 * @param {HTMLElement} container
 */
function mountCaptions(store, catalogue, layout, container) {
  const field = unitsField(catalogue);
  const [fewest, most] = field.limits;
  /** @param {number} layer @param {number} units */
  const resize = (layer, units) => {
    store.change({ units: store.experiment.value.units.map((now, index) => (index === layer - 1 ? units : now)) });
  };
  /** @type {WeakSet<Element>} */
  const bound = new WeakSet();
  effect(() => {
    const { columns, pitch } = layout.value;
    const units = store.layerSizes.value.slice(1, -1);
    const last = columns.length - 1;
    const long = pitch >= 120;
    container.classList.toggle('dense', pitch < 92);
    render(
      columns.map((x, layer) => {
        if (layer === 0) return html`<div style="left:${x}px"><b>Input</b></div>`;
        if (layer === last) return html`<div style="left:${x}px"><b>Output</b></div>`;
        const count = units[layer - 1];
        return html`<div style="left:${x}px">
          <b>${long ? `Hidden layer ${layer}` : `Layer ${layer}`}</b>
          <span class="stepper">
            <button class="btn sq" type="button" aria-label="Remove a unit from layer ${layer}" ?disabled=${count <= fewest} @click=${() => resize(layer, count - 1)}><svg class="i" aria-hidden="true"><use href="#i-minus"></use></svg></button>
            <input class="value" type="number" inputmode="numeric" step="any" autocomplete="off" aria-label="Hidden units in layer ${layer}" aria-describedby="units-${layer}-problem" data-layer=${layer}>
            <button class="btn sq" type="button" aria-label="Add a unit to layer ${layer}" ?disabled=${count >= most} @click=${() => resize(layer, count + 1)}><svg class="i" aria-hidden="true"><use href="#i-plus"></use></svg></button>
            <p class="problem" id="units-${layer}-problem" role="alert"></p>
          </span>
        </div>`;
      }),
      container,
    );
    for (const input of /** @type {NodeListOf<HTMLInputElement>} */ (container.querySelectorAll('input'))) {
      if (bound.has(input)) continue;
      bound.add(input);
      const layer = Number(input.dataset.layer);
      bindValue({
        input,
        problem: /** @type {HTMLElement} */ (input.parentElement?.querySelector('.problem')),
        field,
        value: () => store.experiment.value.units[layer - 1] ?? fewest,
        change: (units) => resize(layer, units),
        stops: stopsEvery(fewest, most, 1),
      });
    }
  });
}

/**
 * @param {Store} store
 * @param {import('../../vendor/signals-core/signals-core.js').ReadonlySignal<Layout>} layout
 * @param {HTMLElement} container
 */
function mountShapes(store, layout, container) {
  effect(() => {
    const { columns, pitch } = layout.value;
    const sizes = store.layerSizes.value;
    const dense = pitch < 150;
    container.classList.toggle('dense', dense);
    container.classList.toggle('tight', pitch < 92);
    /** @param {unknown} name @param {unknown} extent */
    const line = (name, extent) => html`<dt><math>${name}</math></dt><dd><math>${extent}</math></dd>`;
    render(
      columns.map((x, layer) => {
        if (layer === 0) return html`<dl style="left:${x}px">${line(variable('X'), shape(sizes[0], 'm'))}</dl>`;
        return html`<dl style="left:${x}px">
          ${line(ofLayer('W', layer), shape(sizes[layer - 1], sizes[layer]))} ${line(ofLayer('b', layer), shape(sizes[layer], 1))}
          ${dense ? line(ofLayer('A', layer), shape(sizes[layer], 'm')) : line([ofLayer('Z', layer), operator(','), ofLayer('A', layer)], shape(sizes[layer], 'm'))}
        </dl>`;
      }),
      container,
    );
  });
}

/**
 * Structure by lit, when it changes; numbers into it, at every frame.
 *
 * @param {Store} store
 * @param {import('../../vendor/signals-core/signals-core.js').ReadonlySignal<Layout>} layout
 * @param {HTMLElement} graph
 */
function mountGraph(store, layout, graph) {
  effect(() => {
    const { nodes, edges, labelled, valued } = layout.value;
    const last = store.layerSizes.value.length - 1;
    const chosen = store.selected.value;
    graph.classList.toggle('many', edges.length > MANY_EDGES);
    /** @param {Selection} unit */
    const isChosen = ({ layer, unit }) => chosen !== null && chosen.layer === layer && chosen.unit === unit;
    /** @param {Edge} edge */
    const touches = (edge) => chosen === null || isChosen({ layer: edge.layer, unit: edge.to }) || isChosen({ layer: edge.layer - 1, unit: edge.from });

    render(
      html`<svg aria-hidden="true">${edges.map((edge) => svg`<path class="edge ${touches(edge) ? '' : 'dim'}" d=${edge.path}></path>`)}</svg>
        ${nodes.map((node) => {
          const position = `left:${node.x}px;top:${node.y}px;width:${node.size}px;height:${node.size}px`;
          if (node.layer === 0) {
            return html`<div class="node x${node.unit + 1}" style=${position}></div>
              <span class="node-label left" style="left:${node.x - node.size / 2 - 8}px;top:${node.y}px"><math>${indexed('x', node.unit + 1)}</math></span>`;
          }
          const name = node.layer === last ? 'Output unit' : `Unit ${node.unit + 1} of hidden layer ${node.layer}`;
          return html`<button class="node unit ${node.size < 34 ? 'tiny' : ''}" type="button" style=${position} aria-label=${name} title=${name} aria-pressed=${isChosen(node)} @click=${() => store.select({ layer: node.layer, unit: node.unit })}>
              <canvas></canvas><svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true"><path></path></svg>
            </button>
            ${
              labelled || node.layer === last
                ? html`<span class="node-label" style="left:${node.x}px;top:${node.y + node.size / 2 + (node.layer === last ? 9 : 5)}px"><math>${
                    node.layer === last ? [yHat, operator('='), ofLayer('a', last)] : ofUnit('a', node.unit + 1, node.layer)
                  }</math></span>`
                : nothing
            }`;
        })}
        <svg aria-hidden="true">
          ${edges.map((edge, index) => (chosen && valued && touches(edge) && labelled ? valuePlate(edge, index, isChosen({ layer: edge.layer, unit: edge.to })) : nothing))}
          ${nodes.filter(({ layer }) => layer > 0).map((node) => svg`<circle class="bias" cx=${node.x - node.size / 2} cy=${node.y + node.size / 2}></circle>`)}
        </svg>`,
      graph,
    );
  });

  const line = computed(() => (store.experiment.value.activation === 'relu' ? JUST_ABOVE_ZERO : ZERO));
  effect(() => {
    // The structure above is in place: the same signals, and effects run in the order they were made.
    const { nodes, edges } = layout.value;
    const sizes = store.layerSizes.value;
    void store.selected.value;
    const last = sizes.length - 1;
    const units = [...graph.querySelectorAll('.unit')].map((element) => ({
      canvas: /** @type {HTMLCanvasElement} */ (element.querySelector('canvas')),
      path: /** @type {SVGPathElement} */ (element.querySelector('path')),
    }));
    const paths = /** @type {SVGPathElement[]} */ ([...graph.querySelectorAll('.edge')]);
    const plates = [...graph.querySelectorAll('.edge-value')].map((element) => ({
      edge: edges[Number(element.getAttribute('data-edge'))],
      text: /** @type {SVGTextElement} */ (element.querySelector('text')),
    }));
    const biases = /** @type {SVGCircleElement[]} */ ([...graph.querySelectorAll('.bias')]);
    /** What is drawn already, so that only changes touch the page. @type {string[]} */
    const drawn = [];
    const thickest = graph.clientWidth < 480 ? THICKEST * 0.7 : THICKEST;

    const stopReading = effect(() => {
      const picture = store.reading.value;
      if (!picture || !fits(picture.run.layers, sizes)) return;
      const { layers } = picture.run;
      let largest = Number.MIN_VALUE;
      for (const { weights } of layers) for (const row of weights) for (const weight of row) largest = Math.max(largest, Math.abs(weight));
      edges.forEach(({ layer, from, to }, index) => {
        const weight = layers[layer - 1].weights[from][to];
        const width = (THINNEST + (thickest * Math.abs(weight)) / largest).toFixed(1);
        const state = weight < 0 ? `-${width}` : width;
        if (drawn[index] === state) return;
        drawn[index] = state;
        paths[index].style.strokeWidth = width;
        paths[index].classList.toggle('negative', weight < 0);
      });
      for (const { edge, text } of plates) {
        const value = parameter(layers[edge.layer - 1].weights[edge.from][edge.to]);
        if (text.textContent !== value) text.textContent = value;
      }

      nodes.forEach(({ layer, unit }, index) => {
        if (layer === 0) return;
        const circle = biases[index - sizes[0]];
        const value = layers[layer - 1].biases[unit];
        const radius = Math.min(6.5, 2.6 + 1.3 * Math.abs(value)).toFixed(1);
        if (circle.getAttribute('r') !== radius) circle.setAttribute('r', radius);
        circle.classList.toggle('negative', value < 0);
      });
    });

    // While playing a frame paints a part of the maps, in turn; otherwise, and when a run begins, all of them.
    const share = Math.min(MOST_MAPS, Math.ceil(units.length / MAP_TURNS));
    const hidden = nodes.filter(({ layer }) => layer > 0);
    let turn = 0;
    let shown = Infinity;
    const stopPainting = effect(() => {
      const picture = store.picture.value;
      const playing = store.playing.value;
      const zeroLine = line.value;
      void heat.value;
      if (!picture || !fits(picture.run.layers, sizes)) return;
      const { neurons, boundary } = picture.run;
      const begins = picture.iteration < shown;
      shown = picture.iteration;
      for (let count = playing && !begins ? share : units.length; count > 0; count--) {
        turn = (turn + 1) % units.length;
        const { layer, unit } = hidden[turn];
        const map = layer === last ? boundary : neurons?.[layer - 1];
        if (!map) continue;
        const { canvas, path } = units[turn];
        const { width, height } = map;
        const bytes = layer === last ? map.values : map.values.subarray(unit * width * height, (unit + 1) * width * height);
        paint(canvas, bytes, width, height);
        path.setAttribute('d', layer === last && boundary ? boundaryLine(boundary) : contour(bytes, width, height, zeroLine));
      }
    });
    return () => {
      stopReading();
      stopPainting();
    };
  });
}

/** Whether parameters are those of a network of these sizes. @param {LayerParameters[]} layers @param {number[]} sizes */
const fits = (layers, sizes) => layers.length === sizes.length - 1 && layers.every(({ biases }, index) => biases.length === sizes[index + 1]);

/** A weight on its edge, nearer to the end that is not shared with the others. @param {Edge} edge @param {number} index @param {boolean} incoming */
function valuePlate(edge, index, incoming) {
  const [x, y] = along(edge, incoming ? (edge.from % 2 === 0 ? 0.56 : 0.66) : 0.42);
  return svg`<g class="edge-value" data-edge=${index} transform="translate(${x.toFixed(1)} ${y.toFixed(1)})">
    <rect x="-21" y="-9" width="42" height="18" rx="4"></rect><text y="4.2"></text></g>`;
}

/** @param {Store} store @param {HTMLElement} container */
function mountSentence(store, container) {
  effect(() => {
    const chosen = store.selected.value;
    const picture = store.reading.value;
    const sizes = store.layerSizes.value;
    const { activation } = store.experiment.value;
    if (!chosen) {
      render(html`<p>Select a unit to see what it computes.</p>`, container);
      return;
    }
    if (!picture || !fits(picture.run.layers, sizes)) return;
    const { layer, unit } = chosen;
    const isOutput = layer === sizes.length - 1;
    const { weights, biases } = picture.run.layers[layer - 1];
    const which = isOutput ? 'the output' : sizes.length === 3 ? `neuron ${unit + 1}` : `neuron ${unit + 1} of layer ${layer}`;
    /** @param {number} input */
    const factor = (input) => (layer === 1 ? indexed('x', input + 1) : ofUnit('a', input + 1, layer - 1));
    const left = isOutput ? yHat : ofUnit('a', unit + 1, layer);
    const opening = OPENING[isOutput ? 'sigmoid' : activation];
    render(
      html`<p>What ${which} computes. The line in its picture is where the bracket is zero.</p>
        <div class="sum ${weights.length > 6 ? 'long' : ''}">
          <math>${left}${operator('=')}${opening}</math>
          ${weights.map((row, input) => term(row[unit], factor(input), input === 0))}
          ${term(biases[unit], nothing, false)}<math>${bracket(')')}</math>
        </div>`,
      container,
    );
  });
}
