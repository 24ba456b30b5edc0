/** The activation of one hidden layer, in its caption. */

import { live } from '../../vendor/lit-html/directives/live.js';
import { html } from '../../vendor/lit-html/lit-html.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */

/**
 * @param {Store} store
 * @param {Catalogue} catalogue
 * @param {number} layer as in the lecture: the first hidden one is 1
 */
export function layerActivation(store, { activations }, layer) {
  const now = store.writtenActivations.value[layer - 1] ?? store.activations.value[layer - 1];
  /** @param {Event} event */
  const change = ({ target }) =>
    store.changeLayer(layer, { activation: /** @type {HTMLSelectElement} */ (target).value });
  return html`<select class="select layer-activation" translate="no" aria-label="Activation of layer ${layer}"
    title="The activation of this layer alone" .value=${live(now)} @change=${change}>
    ${activations.map(({ name, label }) => html`<option value=${name} ?selected=${name === now}>${label}</option>`)}
  </select>`;
}
