/** A group of radio buttons that were in the page from the start. */

import { computed, effect } from '../../vendor/signals-core/signals-core.js';

/**
 * @param {HTMLElement} group
 * @param {() => string} value reads a signal
 * @param {(value: string) => void} change
 */
export function bindChoice(group, value, change) {
  const radios = /** @type {HTMLInputElement[]} */ ([...group.querySelectorAll('input[type="radio"]')]);
  const chosen = computed(value);
  const show = () => {
    for (const radio of radios) radio.checked = radio.value === chosen.value;
  };
  group.addEventListener('change', ({ target }) => {
    const radio = radios.find((other) => other === target);
    if (radio) change(radio.value);
    show();
  });
  effect(show);
}

/**
 * A choice that is a signal's value.
 *
 * @template {string} T
 * @param {HTMLElement} group
 * @param {import('../../vendor/signals-core/signals-core.js').Signal<T>} chosen
 */
export const bindSignal = (group, chosen) =>
  bindChoice(
    group,
    () => chosen.value,
    (value) => {
      chosen.value = /** @type {T} */ (value);
    },
  );
