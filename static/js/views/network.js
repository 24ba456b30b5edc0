/**
 * The network: what can be changed about it, its units (the painter draws their maps, edges and biases), its shapes,
 * one unit in words, and every parameter at hand.
 */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { computed, effect, signal } from '../../vendor/signals-core/signals-core.js';
import { unitsField } from '../experiment/experiment.js';
import { parameterKey } from '../experiment/parameters.js';
import { parameter as written } from '../format.js';
import { fits } from '../layers.js';
import { EQUALS, featureMath, ofLayer, ofUnit, operator, shape, variable, yHat } from '../notation.js';
import {
  along,
  layoutNetwork,
  MIN_COLUMN_PITCH,
  MIN_UNIT_PITCH,
  parameterAt,
  TINY_UNIT,
} from '../painting/network-layout.js';
import { pixelRatio } from '../painting/painter.js';
import { bindChoice } from './choice.js';
import { renewSeed } from './data.js';
import { mapsOf } from './features.js';
import { icon } from './icon.js';
import { layerActivation } from './layer-activation.js';
import { lock, unitFormula, valueAt } from './parameter.js';
import { bindFields, bindValue, stopsBetween, stopsEvery } from './value.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../types/painting').Unit} Unit */
/** @typedef {import('../experiment/experiment.js').Fields} Fields */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */
/** @typedef {import('../painting/network-layout.js').Layout} Layout */
/** @typedef {import('../types/painting').Edge} Edge */
/** @typedef {import('../types/protocol').LayerParameters} LayerParameters */
/** @typedef {import('../types/protocol').Parameter} Parameter */
/** @typedef {import('./parameter.js').OpenParameter} OpenParameter */
/** @typedef {(id: string) => HTMLElement} Find */

/** The browser's font size that distances beside text are of (pixels). */
const USUAL_TEXT = 16;
/** An edge or a bias as near as this is the one meant (pixels). */
const MOUSE_REACH = 8;
const FINGER_REACH = 16;

/**
 * @param {Store} store
 * @param {Find} find
 * @param {Catalogue} catalogue
 * @param {Fields} fields
 * @param {import('../painting/painter.js').Painter} painter
 * @param {OpenParameter} open takes a parameter in hand
 */
export function mountNetwork(store, find, catalogue, fields, painter, open) {
  mountSettings(store, find, catalogue, fields);

  const graph = find('graph');
  const measured = () => ({
    width: graph.clientWidth,
    height: graph.clientHeight,
    text: Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / USUAL_TEXT,
  });
  const area = signal(measured());
  new ResizeObserver(() => {
    const now = measured();
    const { width, height, text } = area.value;
    if (width !== now.width || height !== now.height || text !== now.text) area.value = now;
  }).observe(graph);

  const stage = /** @type {HTMLElement} */ (graph.parentElement);
  const layout = computed(() =>
    layoutNetwork(store.layerSizes.value, area.value.width, area.value.height, store.features.value, area.value.text),
  );
  effect(() => {
    const sizes = store.layerSizes.value;
    graph.style.minHeight = sizes.some((units) => units > 7) ? `${Math.max(...sizes) * MIN_UNIT_PITCH}px` : '';
    stage.style.minWidth = `${sizes.length * MIN_COLUMN_PITCH * area.value.text}px`;
  });

  mountCaptions(store, find('captions'), catalogue, layout, find('units-problems'));
  mountShapes(store, find('shapes'), layout);
  const frozen = computed(() => [...store.dialogue.frozen.value.values()]);
  const inputs = computed(() => mapsOf(catalogue, store.features.value));
  mountGraph(store, graph, layout, painter, inputs, frozen, open);
  mountSentence(store, find('sentence'), open);
}

/** @param {Store} store @param {Find} find @param {Catalogue} catalogue @param {Fields} fields */
function mountSettings(store, find, catalogue, fields) {
  const add = /** @type {HTMLButtonElement} */ (find('add-layer'));
  const remove = /** @type {HTMLButtonElement} */ (find('remove-layer'));
  const depth = find('depth');
  const [fewest, most] = catalogue.limits.hidden_layers;
  add.addEventListener('click', () => store.addLayer());
  remove.addEventListener('click', () => store.change({ layers: store.experiment.value.layers.slice(0, -1) }));
  effect(() => {
    const layers = store.layerSizes.value.length - 2;
    depth.textContent = String(layers);
    add.disabled = layers >= most;
    remove.disabled = layers <= fewest;
  });

  bindChoice(
    find('schemes'),
    () => store.setup.scheme.value,
    (scheme) => store.change({ scheme }),
  );
  bindFields(store, find, fields, {
    scale: ['weight-scale', stopsBetween(0.001, fields.scale.limits[1])],
    weightSeed: ['weight-seed', []],
  });
  effect(() => {
    /** @type {HTMLInputElement} */ (find('weight-scale')).disabled = store.setup.scheme.value !== 'small_random';
  });
  renewSeed(store, find('new-weight-seed'), 'weightSeed', 'New initial weights');
}

/**
 * The name of each layer, how many units it has, and what they apply. The steppers are made once per layer and stay, so
 * that focus does.
 *
 * @param {Store} store
 * @param {HTMLElement} container
 * @param {Catalogue} catalogue
 * @param {import('../../vendor/signals-core/signals-core.js').ReadonlySignal<Layout>} layout
 * @param {HTMLElement} problems where it is said what is wrong with a number of units
 */
function mountCaptions(store, container, catalogue, layout, problems) {
  const [fewest, most] = catalogue.limits.units;
  /** @param {number} layer @param {number} units */
  const resize = (layer, units) => store.changeLayer(layer, { units });
  /** What ends the binding of each. @type {Map<HTMLInputElement, () => void>} */
  const bound = new Map();
  effect(() => {
    const { columns, pitch, text } = layout.value;
    const units = store.layerSizes.value.slice(1, -1);
    const last = columns.length - 1;
    const long = pitch >= 120 * text;
    container.classList.toggle('dense', pitch < 92 * text);
    render(
      units.map((_, index) => html`<p class="problem" id="units-${index + 1}-problem" role="alert"></p>`),
      problems,
    );
    render(
      columns.map((x, layer) => {
        if (layer === 0) return html`<div style="left:${x}px"><b>Input</b></div>`;
        if (layer === last) return html`<div style="left:${x}px"><b>Output</b></div>`;
        const count = units[layer - 1];
        return html`<div style="left:${x}px">
          <b>${long ? `Hidden layer ${layer}` : `Layer ${layer}`}</b>
          <span class="stepper">
            <button class="btn sq" type="button" aria-label="Remove a unit from layer ${layer}"
              ?disabled=${count <= fewest} @click=${() => resize(layer, count - 1)}>${icon('minus')}</button>
            <input class="value" type="text" role="spinbutton" inputmode="numeric" autocomplete="off"
              aria-label="Hidden units in layer ${layer}" aria-describedby="units-${layer}-problem" data-layer=${layer}>
            <button class="btn sq" type="button" aria-label="Add a unit to layer ${layer}" ?disabled=${count >= most}
              @click=${() => resize(layer, count + 1)}>${icon('plus')}</button>
          </span>
          ${layerActivation(store, catalogue, layer)}
        </div>`;
      }),
      container,
    );
    for (const [input, stop] of bound) {
      if (input.isConnected) continue;
      stop();
      bound.delete(input);
    }
    for (const input of /** @type {NodeListOf<HTMLInputElement>} */ (container.querySelectorAll('input'))) {
      if (bound.has(input)) continue;
      const layer = Number(input.dataset.layer);
      const stop = bindValue({
        input,
        problem: /** @type {HTMLElement} */ (problems.children[layer - 1]),
        field: unitsField(catalogue, `Hidden units in layer ${layer}`),
        value: () => store.experiment.value.layers[layer - 1]?.units ?? fewest,
        change: (units) => resize(layer, units),
        stops: stopsEvery(fewest, most, 1),
      });
      bound.set(input, stop);
    }
  });
}

/**
 * @param {Store} store
 * @param {HTMLElement} container
 * @param {import('../../vendor/signals-core/signals-core.js').ReadonlySignal<Layout>} layout
 */
function mountShapes(store, container, layout) {
  effect(() => {
    const { columns, pitch, text } = layout.value;
    const sizes = store.layerSizes.value;
    const dense = pitch < 150 * text;
    container.classList.toggle('dense', dense);
    container.classList.toggle('tight', pitch < 92 * text);
    /** @param {unknown} name @param {unknown} extent */
    const line = (name, extent) =>
      html`<dt><math translate="no">${name}</math></dt><dd><math translate="no">${extent}</math></dd>`;
    render(
      columns.map((x, layer) => {
        if (layer === 0) return html`<dl style="left:${x}px">${line(variable('X'), shape(sizes[0], 'm'))}</dl>`;
        return html`<dl style="left:${x}px">
          ${line(ofLayer('W', layer), shape(sizes[layer - 1], sizes[layer]))}
            ${line(ofLayer('b', layer), shape(sizes[layer], 1))}
          ${
            dense
              ? line(ofLayer('A', layer), shape(sizes[layer], 'm'))
              : line([ofLayer('Z', layer), operator(','), ofLayer('A', layer)], shape(sizes[layer], 'm'))
          }
        </dl>`;
      }),
      container,
    );
  });
}

/**
 * The units as buttons, under the painter's canvas; over it the values of the chosen unit's edges, and of the one under
 * the pointer.
 *
 * @param {Store} store
 * @param {HTMLElement} graph
 * @param {import('../../vendor/signals-core/signals-core.js').ReadonlySignal<Layout>} layout
 * @param {import('../painting/painter.js').Painter} painter
 * @param {import('../../vendor/signals-core/signals-core.js').ReadonlySignal<{size: number, values: Uint8Array}>}
 *   inputs
 * @param {import('../../vendor/signals-core/signals-core.js').ReadonlySignal<Parameter[]>} frozen
 * @param {OpenParameter} open
 */
function mountGraph(store, graph, layout, painter, inputs, frozen, open) {
  const units = document.createElement('div');
  const canvas = document.createElement('canvas');
  const values = document.createElement('div');
  values.className = 'values';
  canvas.ariaHidden = values.ariaHidden = 'true';
  graph.replaceChildren(units, canvas, values);
  painter.give('network', canvas);
  const pointed = mountPointing(store, graph, layout, open);
  effect(() => painter.emphasise(store.attention.emphasis.value));

  effect(() => {
    const { nodes, edges, width, height } = layout.value;
    if (width === 0) return;
    painter.network({
      nodes,
      edges,
      width,
      height,
      ratio: pixelRatio(),
      sizes: store.layerSizes.value,
      chosen: store.attention.selected.value,
      flat: store.flat.value,
      line: !store.regression.value,
      inputs: inputs.value,
      frozen: frozen.value,
    });
  });

  effect(() => {
    const { nodes, labelled, inputsBelow } = layout.value;
    const last = store.layerSizes.value.length - 1;
    const features = store.features.value;
    const chosen = store.attention.selected.value;
    render(
      nodes.map((node) => {
        const { layer, unit, x, y, size } = node;
        const position = `left:${x}px;top:${y}px;width:${size}px;height:${size}px`;
        const look = () => {
          if (layer > 0) store.attention.look({ layer, unit });
          store.attention.pointed.value = { what: 'units', layer, unit, input: null };
        };
        const away = () => {
          store.attention.look(null);
          store.attention.pointed.value = null;
        };
        if (layer === 0) {
          const place = inputsBelow ? `left:${x}px;top:${y + size / 2 + 4}px` : `left:${x - size / 2 - 8}px;top:${y}px`;
          return html`<div class="node" style=${position} @pointerenter=${look} @pointerleave=${away}></div>
            <span class="node-label ${inputsBelow ? '' : 'left'}"
              style=${place}><math translate="no">${featureMath(features[unit])}</math></span>`;
        }
        const name = layer === last ? 'Output unit' : `Unit ${unit + 1} of hidden layer ${layer}`;
        return html`<button class="node unit ${size < TINY_UNIT ? 'tiny' : ''}" type="button" style=${position}
          aria-label=${name} title=${name} aria-pressed=${isUnit(chosen, layer, unit)}
          @click=${() => store.attention.select({ layer, unit })} @pointerenter=${look} @pointerleave=${away} @focus=${look}
          @blur=${away}></button>
          ${
            labelled || layer === last
              ? html`<span class="node-label"
                style="left:${x}px;top:${y + size / 2 + (layer === last ? 9 : 5)}px"><math translate="no">${
                  layer === last ? [yHat, EQUALS, ofLayer('a', last)] : ofUnit('a', unit + 1, layer)
                }</math></span>`
              : nothing
          }`;
      }),
      units,
    );
  });

  /** Until another run has numbers of its own, its network has those of the one before. @type {LayerParameters[] | null} */
  let layers = null;
  effect(() => {
    const { edges, labelled, valued } = layout.value;
    const sizes = store.layerSizes.value;
    const chosen = store.attention.selected.value;
    const picture = store.current.drawn.value;
    const known = picture?.run.layers ?? layers;
    layers = known && fits(known, sizes) ? known : null;
    if (!layers) {
      render(nothing, values);
      return;
    }
    const of = layers;
    const shown =
      chosen && valued && labelled
        ? edges
            .filter(({ layer, from, to }) => isUnit(chosen, layer, to) || isUnit(chosen, layer - 1, from))
            .map((edge) => ({
              parameter: /** @type {Parameter} */ ({ layer: edge.layer, unit: edge.to, input: edge.from }),
              at: along(edge, valuePlace(edge, isUnit(chosen, edge.layer, edge.to), sizes)),
            }))
        : [];
    const under = pointed.value;
    // The layer or unit that the pointer was over may be gone.
    if (
      under &&
      valueAt(of, under) !== undefined &&
      !shown.some(({ parameter }) => parameterKey(parameter) === parameterKey(under))
    )
      shown.push({ parameter: under, at: [under.x, under.y] });
    render(
      shown.map(({ parameter, at: [x, y] }) => {
        const isFrozen = store.dialogue.frozen.value.has(parameterKey(parameter));
        return html`<span class="edge-value ${isFrozen ? 'frozen' : ''}" data-parameter=${JSON.stringify(parameter)}
          style="left:${x.toFixed(1)}px;top:${y.toFixed(1)}px">${isFrozen ? lock : nothing}${written(
            valueAt(of, parameter),
          )}</span>`;
      }),
      values,
    );
  });
}

/**
 * Edges, biases and their values answer the pointer: over one it is shown, a click takes it in hand. With the keyboard
 * the sentence does the same.
 *
 * @param {Store} store
 * @param {HTMLElement} graph
 * @param {import('../../vendor/signals-core/signals-core.js').ReadonlySignal<Layout>} layout
 * @param {OpenParameter} open
 */
function mountPointing(store, graph, layout, open) {
  const pointed = signal(/** @type {(Parameter & {x: number, y: number}) | null} */ (null));

  /**
   * What is under the pointer, and where in the graph.
   *
   * @param {PointerEvent | MouseEvent} event
   * @returns {(Parameter & {x: number, y: number}) | null}
   */
  const under = (event) => {
    const target = /** @type {Element} */ (event.target);
    const { left, top } = graph.getBoundingClientRect();
    const x = event.clientX - left;
    const y = event.clientY - top;
    const plate = /** @type {HTMLElement | null} */ (target.closest('[data-parameter]'));
    if (plate)
      return {
        ...JSON.parse(/** @type {string} */ (plate.dataset.parameter)),
        x: parseFloat(plate.style.left),
        y: parseFloat(plate.style.top),
      };
    const touch = 'pointerType' in event && event.pointerType === 'touch';
    const found = parameterAt(layout.value, x, y, touch ? FINGER_REACH : MOUSE_REACH);
    // A unit's own square is its button's, but for the corner with its bias.
    return found && (found.input === null || !target.closest('button')) ? found : null;
  };

  graph.addEventListener('pointermove', (event) => {
    if (event.pointerType === 'touch') return;
    const found = under(event);
    graph.classList.toggle('pointing', found !== null);
    const now = pointed.value;
    // The plate stays where it came up while the pointer moves along the same edge.
    if (found?.layer === now?.layer && found?.unit === now?.unit && found?.input === now?.input) return;
    pointed.value = found;
    store.attention.pointed.value = found && partOf(found);
  });
  graph.addEventListener('pointerleave', () => {
    graph.classList.remove('pointing');
    pointed.value = null;
    store.attention.pointed.value = null;
  });
  graph.addEventListener(
    'click',
    (event) => {
      // A click without a place is a key on a unit's button.
      const found = event.detail > 0 ? under(event) : null;
      if (!found) return;
      event.stopPropagation();
      const { layer, unit, input, x, y } = found;
      if (!isUnit(store.attention.selected.value, layer, unit)) store.attention.select({ layer, unit });
      const { left, top } = graph.getBoundingClientRect();
      const place = { left: left + x, right: left + x, top: top + y - 10, bottom: top + y + 10 };
      open({ layer, unit, input }, place, () =>
        document.querySelector(`#sentence [data-parameter="${parameterKey(found)}"]`),
      );
    },
    { capture: true },
  );
  return pointed;
}

/** @param {Parameter} parameter @returns {import('../types/painting').Part} */
const partOf = ({ layer, unit, input }) => ({ what: input === null ? 'biases' : 'weights', layer, unit, input });

/**
 * Where on an edge its value stands, from 0 to 1: nearer to the end that it does not share with the others, the more of
 * them there are.
 *
 * @param {Edge} edge
 * @param {boolean} incoming
 * @param {number[]} sizes
 */
function valuePlace({ layer, from, to }, incoming, sizes) {
  const many = sizes[incoming ? layer - 1 : layer] > 3;
  if (incoming) return many ? (from % 2 === 0 ? 0.2 : 0.3) : from % 2 === 0 ? 0.56 : 0.66;
  return many ? (to % 2 === 0 ? 0.7 : 0.78) : 0.42;
}

/** @param {Unit | null} chosen @param {number} layer @param {number} unit */
const isUnit = (chosen, layer, unit) => chosen !== null && chosen.layer === layer && chosen.unit === unit;

/**
 * What the chosen unit computes, with its numbers: each is a button that takes the parameter in hand.
 *
 * @param {Store} store
 * @param {HTMLElement} container
 * @param {OpenParameter} open
 */
function mountSentence(store, container, open) {
  /** @param {Event} event */
  const point = ({ target }) => {
    const [layer, unit, input] =
      /** @type {HTMLElement | null} */ (
        /** @type {Element} */ (target).closest('[data-parameter]')
      )?.dataset.parameter?.split(' ') ?? [];
    store.attention.pointed.value =
      layer === undefined
        ? null
        : partOf({ layer: Number(layer), unit: Number(unit), input: input === 'b' ? null : Number(input) });
  };
  const leave = () => {
    store.attention.pointed.value = null;
  };
  for (const kind of ['pointerover', 'focusin']) container.addEventListener(kind, point);
  for (const kind of ['pointerleave', 'focusout']) container.addEventListener(kind, leave);
  effect(() => {
    const chosen = store.attention.selected.value;
    const picture = store.current.drawn.value;
    const sizes = store.layerSizes.value;
    if (!chosen || chosen.layer === 0) {
      render(html`<p>Select a unit to see what it computes.</p>`, container);
      return;
    }
    if (!picture || !fits(picture.run.layers, sizes)) return;
    const { layer, unit } = chosen;
    const isOutput = layer === sizes.length - 1;
    const which = isOutput
      ? 'the output'
      : sizes.length === 3
        ? `neuron ${unit + 1}`
        : `neuron ${unit + 1} of layer ${layer}`;
    const hasLine = !isOutput || !store.regression.value;
    render(
      html`<p>What ${which} computes.${
        hasLine ? ' The line in its picture is where the bracket is zero.' : ''
      } Press a number to change or freeze it.</p>
        ${unitFormula(store, picture.run.layers, layer, unit, open)}`,
      container,
    );
  });
}
