/** The activation switch and the two formulas behind it. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { computed, effect } from '../../vendor/signals-core/signals-core.js';
import { isLeaky, slopeField } from '../experiment/experiment.js';
import { EQUALS, FORMULAS, inBrackets, ofLayer, variable } from '../notation.js';
import { bindChoice } from './choice.js';
import { bindNumber, stopsEvery } from './value.js';

/** @typedef {import('../experiment/experiment.js').HiddenLayer} HiddenLayer */
/** @typedef {import('../store/state.js').Store} Store */

/**
 * g and g′, each after a sample of its line.
 *
 * @param {import('../notation.js').Fragment} name of g
 * @param {string} activation
 * @param {number} slope
 */
export function formulaLines(name, activation, slope) {
  const [g, prime] = FORMULAS[activation](slope);
  const line = html`<svg aria-hidden="true"><line x1="1.5" x2="16.5" y1="2" y2="2"></line></svg>`;
  const ofZ = [inBrackets(variable('z')), EQUALS];
  return html`<div>${line}<math translate="no">${name}${ofZ}${g}</math></div>
    <div class="prime">${line}<math translate="no"><mrow>${name}<mo lspace="0" rspace="0">′</mo></mrow>${ofZ}${prime}</math></div>`;
}

/** The activation that all have; '' is none. @param {readonly HiddenLayer[]} layers */
const commonOf = (layers) =>
  layers.every(({ activation }) => activation === layers[0].activation) ? (layers[0]?.activation ?? '') : '';

/** @param {Store} store @param {(id: string) => HTMLElement} find */
export function mountActivation(store, find) {
  // Layers that differ leave every button unchecked.
  const common = computed(() => commonOf(store.experiment.value.layers));
  const group = /** @type {HTMLFieldSetElement} */ (find('activations'));
  bindChoice(
    group,
    () => common.value,
    (activation) => store.changeLayers({ activation }),
  );
  const leaky = computed(() => store.experiment.value.layers.find(isLeaky));
  bindNumber(find, 'slope', {
    field: slopeField(),
    value: () => leaky.value?.slope ?? 0,
    change: (slope) => store.changeLayers({ slope }),
    stops: stopsEvery(0, 0.3, 0.01),
  });

  const about = find('activation-about');
  about.replaceChildren();
  effect(() => {
    const none = store.activations.value.length === 0;
    group.disabled = none;
    if (none) render('Without a hidden layer there is no g to choose', about);
    else if (common.value) render(html`The <math translate="no">${variable('g')}</math> of every hidden neuron`, about);
    else render('Mixed: layers have their own', about);
  });

  const formula = find('formula');
  const lines = /** @type {HTMLElement} */ (formula.querySelector('.lines'));
  const slopeRow = /** @type {HTMLElement} */ (formula.querySelector('.slope'));
  effect(() => {
    const { layers } = store.written.value;
    const same = commonOf(layers) !== '';
    slopeRow.hidden = !layers.some(isLeaky);
    formula.toggleAttribute('data-sloped', !slopeRow.hidden);
    if (layers.length === 0) {
      render(nothing, lines);
      return;
    }
    // Of layers that differ the selected unit's has the word.
    const shown = same ? 1 : Math.min(layers.length, Math.max(1, store.attention.selected.value?.layer ?? 1));
    const { activation, slope } = layers[shown - 1];
    const name = same ? variable('g') : ofLayer('g', shown);
    render(formulaLines(name, activation, slope), lines);
  });
}
