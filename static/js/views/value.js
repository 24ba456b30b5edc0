/** A number to type, to step with the arrow keys and, where it has a slider, to drag. */

import { effect } from '../../vendor/signals-core/signals-core.js';
import { FieldError } from '../experiment/field.js';

/** @typedef {import('../experiment/experiment.js').Shown} Shown */

/** How long typing must rest before it counts (milliseconds). */
const REST = 400;

/** 1, 2, 3, 5 of each power of ten between two limits. @param {number} low @param {number} high */
export function stopsBetween(low, high) {
  const stops = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const digit of [1, 2, 3, 5]) {
      const stop = Number(`${digit}e${power}`);
      if (stop >= low && stop <= high) stops.push(stop);
    }
  }
  return stops;
}

/** @param {number} low @param {number} high @param {number} step */
export const stopsEvery = (low, high, step) =>
  Array.from({ length: Math.round((high - low) / step) + 1 }, (_, index) =>
    Number((low + index * step).toPrecision(10)),
  );

/**
 * @template {number | null} T null is what an empty input means, if it may be empty
 * @param {object} parts
 * @param {HTMLInputElement} parts.input
 * @param {HTMLInputElement | null} [parts.slider]
 * @param {HTMLElement} parts.problem
 * @param {Shown & Pick<import('../experiment/experiment.js').Field<T>, 'read'>} parts.field
 * @param {() => T} parts.value reads a signal
 * @param {(value: T) => void} parts.change
 * @param {T[]} [parts.stops] of the slider and the arrow keys, ascending
 * @returns {() => void} ends what shows the value
 */
export function bindValue({ input, slider = null, problem, field, value, change, stops = [] }) {
  /** @param {T} of */
  const shown = (of) => (of === null ? '' : String(Number((of * field.factor).toPrecision(12))));
  /** @param {T} of */
  const spoken = (of) => shown(of) || input.placeholder;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting;
  let wrong = false;

  /** The stop nearest to a value. @param {T} of */
  const nearest = (of) => {
    /** @param {T} stop */
    const distance = (stop) => (stop === of ? 0 : stop === null || of === null ? Infinity : Math.abs(stop - of));
    let best = 0;
    for (let index = 1; index < stops.length; index++) if (distance(stops[index]) < distance(stops[best])) best = index;
    return best;
  };

  /** The stop next to a value; beyond the last there is none. @param {T} of @param {1 | -1} way */
  const next = (of, way) => {
    const index = nearest(of);
    const stop = stops[index];
    const passed = stop !== null && of !== null && way * (stop - of) > 0;
    return passed ? stop : stops[index + way];
  };

  const show = () => {
    const now = value();
    if (!wrong && input.value !== shown(now) && (resting === undefined || document.activeElement !== input))
      input.value = shown(now);
    if (slider) {
      const index = nearest(now);
      slider.value = String(index);
      slider.style.setProperty('--fill', `${(100 * index) / (stops.length - 1)}%`);
      slider.setAttribute('aria-valuetext', spoken(now));
    }
  };

  /** @param {string} text */
  const complain = (text) => {
    wrong = text !== '';
    if (problem.textContent !== text) problem.textContent = text;
    if (wrong) input.setAttribute('aria-invalid', 'true');
    else input.removeAttribute('aria-invalid');
  };

  /** @param {boolean} final whether to say what is wrong */
  const take = (final) => {
    clearTimeout(resting);
    resting = undefined;
    try {
      const text = input.validity.badInput ? 'no number' : input.value;
      const read = field.read(field.factor === 1 || text === '' ? text : String(Number(text) / field.factor));
      complain('');
      if (read !== value()) change(read);
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      if (final) complain(`${error.message} It stays at ${spoken(value())}${field.factor === 100 ? ' %' : ''}.`);
    }
  };

  input.addEventListener('input', () => {
    clearTimeout(resting);
    resting = setTimeout(() => take(false), REST);
  });
  input.addEventListener('change', () => take(true));
  input.addEventListener('blur', () => {
    // The message stays to be read; the field shows what holds.
    if (!wrong) return;
    wrong = false;
    input.removeAttribute('aria-invalid');
    show();
  });
  input.addEventListener('focus', () => {
    if (problem.textContent) problem.textContent = '';
  });
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') take(true);
    const up = event.key === 'ArrowUp';
    if (stops.length === 0 || !(up || event.key === 'ArrowDown')) return;
    event.preventDefault();
    const stop = next(value(), up ? 1 : -1);
    clearTimeout(resting);
    resting = undefined;
    complain('');
    if (stop !== undefined) change(stop);
    show();
  });

  if (slider) {
    slider.max = String(stops.length - 1);
    slider.addEventListener('input', () => {
      complain('');
      change(stops[Number(slider.value)]);
    });
  }
  return effect(show);
}

/**
 * The same, found in the page by its id: so are its slider, where it has one, and the place of what is wrong.
 *
 * @template {number | null} T
 * @param {(id: string) => HTMLElement} find
 * @param {string} id
 * @param {Omit<Parameters<typeof bindValue<T>>[0], 'input' | 'slider' | 'problem'>} parts
 */
export const bindNumber = (find, id, parts) =>
  bindValue({
    input: /** @type {HTMLInputElement} */ (find(id)),
    slider: /** @type {HTMLInputElement | null} */ (document.getElementById(`${id}-slider`)),
    problem: find(`${id}-problem`),
    ...parts,
  });

/**
 * Numbers of the experiment, by the ids of their inputs, with the stops of each.
 *
 * @param {import('../store/state.js').Store} store
 * @param {import('../experiment/experiment.js').Fields} fields
 * @param {(id: string) => HTMLElement} find
 * @param {{[K in import('../experiment/experiment.js').Plain]?: [id: string, stops: (number | null)[]]}} rows
 */
export function bindFields(store, fields, find, rows) {
  for (const [key, [id, stops]] of Object.entries(rows)) {
    const name = /** @type {'batchSize'} any of the numbers */ (key);
    bindNumber(find, id, {
      field: fields[name],
      value: () => store.experiment.value[name],
      change: (value) => store.change({ [name]: value }),
      stops,
    });
  }
}
