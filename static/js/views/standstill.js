/** One quiet line while a run stands still at a start that was dead: why, and buttons that do what helps. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { computed, effect } from '../../vendor/signals-core/signals-core.js';
import { cost, exact, fixed } from '../format.js';
import { sizeOf } from './extent.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../types/protocol').Standstill} Standstill */

/** Why, by the server's name for it. @type {Record<Standstill['cause'], (still: Standstill) => string>} */
const WHY = {
  small: ({ gradient_norm, weight, layer }) =>
    `The gradient is only ${cost(gradient_norm)}: on its way back it is multiplied by the weights of ${layer} layers, ` +
    `of about ${fixed(weight, weight < 0.1 ? 3 : 2)} each, and by their slopes.`,
  zeros: ({ layer }) => `All units of layer ${layer} have the same weights, so that they can only stay the same.`,
  dead: ({ layer }) =>
    `All units of layer ${layer} are off at every point, so that no gradient comes back through them.`,
  saturated: ({ layer }) =>
    `Layer ${layer} is saturated at nearly all points: its slope there is 0, and so is the gradient.`,
  rate: ({ gradient_norm }) =>
    `There is a gradient, of ${cost(gradient_norm)}, but the learning rate is too small to use it.`,
};

/** What an initialization is called on a button. @type {Record<string, string>} */
const SCHEMES = { he: 'He', xavier: 'Xavier' };

/** @param {Store} store @param {(id: string) => HTMLElement} find */
export function mountStandstill(store, find) {
  const box = find('standstill');
  const column = /** @type {HTMLElement} */ (box.parentElement);
  const { size } = sizeOf(box);
  effect(() => {
    void size.value;
    column.style.setProperty('--standstill', `${box.offsetHeight}px`);
  });
  /** As text, so that it is drawn only when it says something else. */
  const told = computed(() => {
    const still = store.current.picture.value?.run.standstill;
    return still ? JSON.stringify(still) : '';
  });
  effect(() => {
    if (told.value === '') {
      // Who has pressed what helps goes on where it plays.
      if (box.contains(document.activeElement)) find('play').focus();
      render(nothing, box);
      return;
    }
    /** @type {Standstill} */
    const still = JSON.parse(told.value);
    const { scheme, learning_rate: rate } = still;
    const known = scheme === null ? undefined : SCHEMES[scheme];
    const learningRate = rate === null ? null : Number(rate.toPrecision(2));
    /** @param {Partial<import('../experiment/experiment.js').Experiment>} changes */
    const set = (changes) => () => {
      store.change(changes);
      store.play();
    };
    render(
      html`<p class="standstill"><span>The cost stands still. ${WHY[still.cause](still)}</span>${
        scheme !== null && known
          ? html`<button class="btn small" type="button" @click=${set({ scheme, parameters: null })}>Start from ${known}</button>`
          : nothing
      }${
        learningRate === null
          ? nothing
          : html`<button class="btn small" type="button" @click=${set({ learningRate })}>Learning rate ${exact(learningRate)}</button>`
      }</p>`,
      box,
    );
  });
}
