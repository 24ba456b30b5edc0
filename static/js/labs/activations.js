/**
 * One layer's activation at work: g and g′ with the layer's own z under them, what nncore says of these, and how large
 * the gradients are.
 */

import { html, nothing, render, svg } from '../../vendor/lit-html/lit-html.js';
import { computed, effect, signal } from '../../vendor/signals-core/signals-core.js';
import { ask } from '../asking.js';
import { slopeField } from '../experiment/experiment.js';
import { count, counted, fixed, percent } from '../format.js';
import { bracket, ofLayer, operator, variable } from '../notation.js';
import { together } from '../signals.js';
import { formulaLines } from '../views/activation.js';
import { whenOpen } from '../views/drawer.js';
import { sizeOf } from '../views/extent.js';
import { bindNumber, stopsEvery } from '../views/value.js';
import { belowAxis, lineChart, sampleOf } from './line-chart.js';
import { Norms } from './norms.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../types/protocol').Curve} Curve */
/** @typedef {import('../types/protocol').Diagnostics} Diagnostics */
/** @typedef {{name: string, slope: number, output: boolean}} Chosen the activation of the layer that is looked at */
/** @template T @typedef {import('../../vendor/signals-core/signals-core.js').Signal<T>} Signal */

/** How far the z axis reaches to either side, within a power of ten. */
const REACHES = [4, 6, 10, 20];
const FARTHEST = 1e6;
/** An axis shrinks only once what is on it needs less than this share, or it would flicker. */
const ROOMY = 0.5;
/** What g and g′ are drawn between: the same for all, so that slopes compare. */
const Y = [-1.2, 1.7];
const SATURATED = 0.01;
/** A mean of A as near to 0 as this is called centred. */
const CENTRED = 0.1;
/** The share of the picture's height that g and g′ have; the bars have the rest. */
const UPPER = 0.6;
const MARGIN = { l: 26, r: 8, t: 4, b: 20, between: 10 };
/** Curves that are kept: a slope that is dragged asks for many. */
const MOST_CURVES = 100;

/** What to see in each. @type {Record<string, (slope: number) => string>} */
const ABOUT = {
  sigmoid: () =>
    'Its slope is never above 0.25 and nearly 0 far out, so each sigmoid layer passes back a ' +
    'quarter of the gradient at most: it learns slowly.',
  tanh: () =>
    'Its slope is 1 at z = 0, four times sigmoid’s, and its values lie around 0, so that the ' +
    'next layer’s inputs are centred. Far out it saturates too.',
  relu: () =>
    'Its slope is 1 above zero, so gradients pass unchanged, and exactly 0 below: there a unit learns nothing.',
  leaky_relu: (slope) => `Its slope is 1 above zero and ${slope} below, so that a unit learns a little there too.`,
  linear: () =>
    'Its slope is 1 everywhere, so nothing saturates; but without a bend, layers together are no more than one.',
};
const ABOUT_OUTPUT =
  'At the output a large |z| only means that the network is sure. g′ cancels in dZ = A − Y, so that saturation does no harm here.';

/** @param {Store} store @param {(id: string) => HTMLElement} find */
export function mount(store, find) {
  const asked = signal(store.attention.selected.value?.layer ?? 1);
  effect(() => {
    const layer = store.attention.selected.value?.layer ?? 0;
    if (layer > 0) asked.value = layer;
  });
  const depth = computed(() => store.layerSizes.value.length - 1);
  const layer = computed(() => Math.min(asked.value, depth.value));
  /** @type {{value: Chosen}} */
  const chosen = computed(() => {
    const hidden = store.experiment.value.layers[layer.value - 1];
    return hidden
      ? { name: hidden.activation, slope: hidden.slope, output: false }
      : { name: store.outputActivation.value, slope: 0, output: true };
  });
  bindNumber(find, 'layer-slope', {
    field: slopeField(),
    value: () => chosen.value.slope,
    change: (slope) => store.changeLayer(layer.value, { slope }),
    stops: stopsEvery(0, 0.3, 0.01),
  });
  effect(() => {
    find('layer-slope-row').hidden = chosen.value.name !== 'leaky_relu';
  });

  whenOpen(store, 'activations', () => {
    /** Of every layer, as far as they are of the network that is set up. @type {Signal<Diagnostics[] | null>} */
    const looks = signal(/** @type {Diagnostics[] | null} */ (null));
    /** Nothing of a run that is put aside, as there is nothing to train on. */
    const seen = computed(() => (store.current.aside.value ? null : looks.value));
    const norms = new Norms();
    const { connection, sought, questions } = store.dialogue;
    /** Before that there is nothing to ask about. */
    const trained = computed(() => store.current.picture.value !== null);
    const { size, stop: stopSize } = sizeOf(find('acts-plot'), find('acts-norms'));
    return together(
      stopSize,
      store.watchDiagnostics(),
      questions.listen('recalled', ({ iterations, gradient_norms }) => {
        if (gradient_norms[0].length !== depth.peek()) return;
        norms.recall(
          iterations,
          gradient_norms.map((row) => row.map((norm) => norm ?? NaN)),
        );
        // What is drawn is drawn anew.
        looks.value = looks.peek() && [.../** @type {Diagnostics[]} */ (looks.peek())];
      }),
      // What was trained before this was opened, while the connection was down, or before a seek went elsewhere.
      effect(() => {
        if (trained.value && connection.value === 'live' && sought.value === null) questions.ask({ type: 'recall' });
      }),
      effect(() => {
        const picture = store.current.picture.value;
        const found = picture?.run.diagnostics;
        // No point is left that these numbers could be of.
        if (store.current.aside.value) looks.value = null;
        if (!picture || !found || found.length !== depth.value) return;
        norms.write(
          picture.iteration,
          found.map(({ gradient_norm }) => gradient_norm ?? NaN),
        );
        looks.value = found;
      }),
      showLayers(store, asked, layer, find('acts-layers')),
      showPlot(layer, chosen, seen, size, find('acts-plot')),
      showFacts(store, layer, chosen, seen, find('acts-facts')),
      showNorms(layer, seen, norms, size, find('acts-norms'), find('acts-norms-now')),
      () => {
        for (const id of ['acts-layers', 'acts-plot', 'acts-facts', 'acts-norms', 'acts-norms-now'])
          render(nothing, find(id));
      },
    );
  });
}

/** @param {Store} store @param {Signal<number>} asked @param {{value: number}} layer @param {HTMLElement} group */
function showLayers(store, asked, layer, group) {
  return effect(() => {
    const names = [...store.activations.value.map((_, index) => `Layer ${index + 1}`), 'Output'];
    render(
      names.map(
        (name, index) =>
          html`<label><input class="vh" type="radio" name="acts-layer" .checked=${layer.value === index + 1}
            @change=${() => (asked.value = index + 1)}><span class="face">${name}</span></label>`,
      ),
      group,
    );
  });
}

/** The next reach that holds some z. @param {number} least */
function reachFor(least) {
  const power = 10 ** Math.max(0, Math.floor(Math.log10(least / REACHES[0])));
  return Math.min(FARTHEST, power * (REACHES.find((reach) => reach * power >= least) ?? 40));
}

/** @param {string} address @returns {Promise<Curve>} */
async function fetchCurve(address) {
  const answer = await ask(address);
  if (!answer?.ok) throw new Error(String(answer?.status ?? 'unanswered'));
  return answer.body;
}

/** Hands on nncore's curve for whatever is asked last. */
class Curves {
  curve = signal(/** @type {Curve | null} */ (null));
  #wanted = '';
  /** @type {Map<string, Promise<Curve>>} */
  #known = new Map();

  /** @param {Chosen} chosen @param {number} reach */
  async want({ name, slope }, reach) {
    const address = `/activations/${name}?reach=${reach}${name === 'leaky_relu' ? `&slope=${slope}` : ''}`;
    if (this.#wanted === address) return;
    this.#wanted = address;
    if (this.#known.size > MOST_CURVES) this.#known.clear();
    const asked = this.#known.get(address) ?? fetchCurve(address);
    this.#known.set(address, asked);
    try {
      const curve = await asked;
      if (this.#wanted === address) this.curve.value = curve;
    } catch {
      // Offline or refused: the bars are drawn without it, or one of another slope, and it is asked for again.
      this.#known.delete(address);
      if (this.#wanted !== address) return;
      this.#wanted = '';
      this.curve.value = null;
    }
  }
}

/**
 * Whether a curve jumps at 0 from one constant to another, as ReLU's slope does.
 *
 * @param {number[]} z
 * @param {number[]} y
 * @param {number} index
 */
const jumps = (z, y, index) =>
  z[index] === 0 && y[index] !== y[index - 1] && y[index - 1] === y[index - 2] && y[index] === y[index + 1];

/**
 * @param {{value: number}} layer
 * @param {{value: Chosen}} chosen
 * @param {{value: Diagnostics[] | null}} looks
 * @param {{value: string}} size
 * @param {HTMLElement} plot
 */
function showPlot(layer, chosen, looks, size, plot) {
  const curves = new Curves();
  let reach = REACHES[0];
  let of = 0;
  return effect(() => {
    void size.value;
    const look = looks.value?.[layer.value - 1];
    const { clientWidth, clientHeight } = plot;
    if (!looks.value) {
      render(nothing, plot);
      plot.setAttribute('aria-label', 'g and g′ with a histogram of z, once there are numbers');
    }
    if (!look || clientWidth === 0) return;
    const least = Math.max(Math.abs(look.low), Math.abs(look.high), REACHES[0]);
    if (of !== layer.value || least > reach || least < ROOMY * reach) reach = reachFor(least);
    of = layer.value;
    void curves.want(chosen.value, reach);
    const curve = curves.curve.value;

    const width = clientWidth - MARGIN.l - MARGIN.r;
    const height = clientHeight - MARGIN.t - MARGIN.b;
    const upper = height * UPPER - MARGIN.between / 2;
    const lower = height - upper - MARGIN.between;
    /** @param {number} z */
    const x = (z) => ((z + reach) / (2 * reach)) * width;
    /** @param {number} value */
    const y = (value) => upper * (1 - (value - Y[0]) / (Y[1] - Y[0]));
    const fits = curve && curve.name === chosen.value.name;
    render(
      html`<svg class="lines" width=${clientWidth} height=${clientHeight}
        aria-hidden="true"><g transform="translate(${MARGIN.l} ${MARGIN.t})">
        ${
          fits
            ? saturatedZones(curve).map(
                ([from, to]) =>
                  svg`<rect class="zone" x=${x(Math.max(-reach, from)).toFixed(1)}
                    width=${Math.max(0, x(Math.min(reach, to)) - x(Math.max(-reach, from))).toFixed(1)} y="0"
                    height=${height}></rect>`,
              )
            : nothing
        }
        ${[-1, 0, 1].map(
          (value) => svg`<path class="grid" d="M0 ${y(value).toFixed(1)}H${width}"></path><text class="y"
          x="-6" y=${y(value).toFixed(1)}>${fixed(value, 0)}</text>`,
        )}
        <path class="grid zero" d=${`M${x(0).toFixed(1)} 0V${height}`}></path>
        <svg width=${width} height=${upper} overflow="hidden">${
          fits
            ? svg`<path class="line g" d=${pathOf(curve.z, curve.g, x, y)}></path><path class="line g-prime"
              d=${pathOf(curve.z, curve.g_prime, x, y)}></path>`
            : nothing
        }</svg>
        <path class="bars" d=${barsOf(look, x, height, lower)}></path>
        <path class="axis-line" d=${`M0 ${height}H${width}`}></path>
        ${belowAxis(
          [-1, -0.5, 0, 0.5, 1].map((share) => ({
            x: x(share * reach),
            text: count(share * reach),
          })),
          height + 15,
        )}
      </g></svg>`,
      plot,
    );
    plot.setAttribute(
      'aria-label',
      `g and g′ of layer ${layer.value} from z = ${-reach} to ${reach}; ` +
        `under them a histogram of its z, which lie between ${fixed(look.low)} and ${fixed(look.high)}`,
    );
  });
}

/**
 * Stretches of z on which |g′| is below what counts as saturated.
 *
 * @param {Curve} curve
 * @returns {[from: number, to: number][]}
 */
function saturatedZones({ z, g_prime }) {
  const half = (z[1] - z[0]) / 2;
  /** @type {[number, number][]} */
  const zones = [];
  z.forEach((place, index) => {
    if (Math.abs(g_prime[index]) >= SATURATED) return;
    const last = zones.at(-1);
    if (last && place - half <= last[1] + half) last[1] = place + half;
    else zones.push([place - half, place + half]);
  });
  return zones;
}

/**
 * @param {number[]} z
 * @param {number[]} values
 * @param {(z: number) => number} x
 * @param {(value: number) => number} y
 */
const pathOf = (z, values, x, y) =>
  z
    .map(
      (place, index) =>
        `${index === 0 || jumps(z, values, index) ? 'M' : 'L'}${x(place).toFixed(1)} ${y(values[index]).toFixed(1)}`,
    )
    .join('');

/** @param {Diagnostics} look @param {(z: number) => number} x @param {number} bottom @param {number} height */
function barsOf({ histogram, low, high }, x, bottom, height) {
  const most = Math.max(1, ...histogram);
  const step = (high - low) / histogram.length;
  return histogram
    .map((n, index) => {
      const from = x(low + index * step);
      const width = Math.max(1, x(low + (index + 1) * step) - from - 0.5);
      const tall = (n / most) * height;
      return n === 0
        ? ''
        : `M${from.toFixed(2)} ${bottom}v${(-tall).toFixed(2)}h${width.toFixed(2)}v${tall.toFixed(2)}z`;
    })
    .join('');
}

/**
 * @param {Store} store
 * @param {{value: number}} layer
 * @param {{value: Chosen}} chosen
 * @param {{value: Diagnostics[] | null}} looks
 * @param {HTMLElement} container
 */
function showFacts(store, layer, chosen, looks, container) {
  return effect(() => {
    const look = looks.value?.[layer.value - 1];
    if (!looks.value)
      render(
        store.current.aside.value ? html`<p class="quiet">No numbers yet. ${store.obstacle.value}</p>` : nothing,
        container,
      );
    if (!look) return;
    const { name, slope, output } = chosen.value;
    const units = store.layerSizes.value[layer.value];
    const all = look.histogram.reduce((sum, n) => sum + n, 0);
    /** @param {string} id @param {unknown} term @param {string} value @param {unknown} sentence */
    const fact = (id, term, value, sentence) =>
      html`<div id="acts-${id}"><dt>${term}</dt><dd class="number">${value}</dd><dd
        class="quiet">${sentence}</dd></div>`;
    render(
      html`<div class="formula"><div class="lines">
          ${formulaLines(ofLayer('g', layer.value), name, slope)}</div></div>
        <p class="about">${output ? ABOUT_OUTPUT : ABOUT[name](slope)}</p>
        <dl>
          ${fact(
            'saturated',
            'Saturated',
            percent(look.saturated),
            html`of the ${count(all)} z (${counted(units, 'unit')}, every training example) have
              |g′| under ${SATURATED}, shaded: through them hardly any gradient gets back.`,
          )}
          ${fact(
            'dead',
            'Dead units',
            deadOf(look.dead, units),
            look.dead.length > 0
              ? 'g′ is 0 on every training example, so their weights get no gradient any more.'
              : 'have g′ = 0 on every training example, which would stop their learning for good.',
          )}
          ${fact(
            'nonpositive',
            html`<math translate="no">${variable('z')}${operator('≤')}<mn>0</mn></math>`,
            percent(look.nonpositive),
            name === 'relu'
              ? 'of all z: there ReLU passes nothing on, and no gradient back.'
              : 'of all z. ReLU would pass nothing on there.',
          )}
          ${fact(
            'mean',
            html`Mean of <math translate="no">${ofLayer('A', layer.value)}</math>`,
            look.mean === null ? '–' : fixed(look.mean),
            `${Math.abs(look.mean ?? Infinity) <= CENTRED ? 'Centred: it is near 0.' : 'Not centred.'} ${
              output
                ? 'It is the mean of the predictions.'
                : 'Inputs around 0 let the next layer’s weights move either way at once.'
            }`,
          )}
        </dl>`,
      container,
    );
  });
}

/** @param {number[]} dead from 0 @param {number} units */
const deadOf = (dead, units) =>
  dead.length === 0 ? 'none' : `${dead.length} of ${units}: ${dead.map((unit) => unit + 1).join(', ')}`;

/**
 * @param {{value: number}} layer
 * @param {{value: Diagnostics[] | null}} looks
 * @param {Norms} norms
 * @param {{value: string}} size
 * @param {HTMLElement} plot
 * @param {HTMLElement} list
 */
function showNorms(layer, looks, norms, size, plot, list) {
  /** @param {number} index from 0 */
  const styleOf = (index) => (index + 1 === layer.value ? 'series now' : `series series-${index}`);
  return effect(() => {
    void size.value;
    const found = looks.value;
    const { clientWidth: width, clientHeight: height } = plot;
    if (!found) for (const place of [plot, list]) render(nothing, place);
    if (!found || width === 0) return;
    const x = norms.iterations;
    const lines = norms.curves.map((y, index) => ({
      x,
      y,
      style: styleOf(index),
      name: `dW[${index + 1}]`,
      bold: index + 1 === layer.value,
    }));
    render(
      x.length < 2
        ? html`<p class="quiet">It is drawn from here on: Play or Step.</p>`
        : lineChart({ width, height, iterations: x.at(-1) ?? 0, log: true, lines, namesAtEnd: true }).picture,
      plot,
    );
    render(
      found.map(
        ({ gradient_norm }, index) =>
          html`<li>${sampleOf(styleOf(index))}<math translate="no">${bracket('‖')}<mi
            mathvariant="normal">d</mi>${ofLayer('W', index + 1)}${bracket('‖')}</math> <b>${
              gradient_norm === null ? '–' : gradient_norm.toPrecision(3).replaceAll('-', '−')
            }</b></li>`,
      ),
      list,
    );
  });
}
