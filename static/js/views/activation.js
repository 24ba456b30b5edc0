/** The activation switch and the two formulas behind it. */

import { html, render } from '../../vendor/lit-html/lit-html.js';
import { effect } from '../../vendor/signals-core/signals-core.js';
import { FORMULAS, bracket, operator, variable } from '../notation.js';
import { bindChoice } from './choice.js';
import { bindValue, stopsEvery } from './value.js';

/** @typedef {import('../state.js').Store} Store */
/** @typedef {import('../experiment.js').Fields} Fields */

/** @param {Store} store @param {Fields} fields @param {(id: string) => HTMLElement} find */
export function mountActivation(store, fields, find) {
  bindChoice(
    find('activations'),
    () => store.experiment.value.activation,
    (activation) => store.change({ activation }),
  );
  bindValue({
    input: /** @type {HTMLInputElement} */ (find('slope')),
    slider: /** @type {HTMLInputElement} */ (find('slope-slider')),
    problem: find('slope-problem'),
    field: fields.slope,
    value: () => store.experiment.value.slope,
    change: (slope) => store.change({ slope }),
    stops: stopsEvery(0, 0.3, 0.01),
  });

  const about = find('activation-about');
  about.replaceChildren();
  effect(() => {
    const none = store.experiment.value.units.length === 0;
    render(none ? 'Without a hidden layer there is no g to choose' : html`The <math>${variable('g')}</math> of every hidden neuron`, about);
  });

  const lines = /** @type {HTMLElement} */ (find('formula').querySelector('.lines'));
  const slopeRow = /** @type {HTMLElement} */ (find('formula').querySelector('.slope'));
  effect(() => {
    const { activation, slope } = store.experiment.value;
    slopeRow.hidden = activation !== 'leaky_relu';
    const [g, prime] = FORMULAS[activation](slope);
    const line = html`<svg aria-hidden="true"><line x1="1.5" x2="16.5" y1="2" y2="2"></line></svg>`;
    render(
      html`<div>${line}<math>${variable('g')}${bracket('(')}${variable('z')}${bracket(')')}${operator('=')}${g}</math></div>
        <div class="prime">${line}<math><mrow>${variable('g')}<mo lspace="0" rspace="0">′</mo></mrow>${bracket('(')}${variable('z')}${bracket(')')}${operator('=')}${prime}</math></div>`,
      lines,
    );
  });
}
