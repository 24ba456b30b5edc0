/** A group of radio buttons that were in the page from the start. */

import { effect } from '../../vendor/signals-core/signals-core.js';

/**
 * @param {HTMLElement} group
 * @param {() => string} value reads a signal
 * @param {(value: string) => void} change
 */
export function bindChoice(group, value, change) {
  const radios = /** @type {HTMLInputElement[]} */ ([...group.querySelectorAll('input[type="radio"]')]);
  group.addEventListener('change', ({ target }) => {
    const radio = radios.find((other) => other === target);
    if (radio) change(radio.value);
  });
  effect(() => {
    for (const radio of radios) radio.checked = radio.value === value();
  });
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
