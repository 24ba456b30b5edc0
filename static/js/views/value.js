/** A number to type, to step with the arrow keys and, where it has a slider, to drag. */

import { effect } from '../../vendor/signals-core/signals-core.js';
import { FieldError } from '../experiment.js';

/** @typedef {import('../experiment.js').NumberField} NumberField */

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
export const stopsEvery = (low, high, step) => Array.from({ length: Math.round((high - low) / step) + 1 }, (_, index) => Number((low + index * step).toPrecision(10)));

/**
 * @param {object} parts
 * @param {HTMLInputElement} parts.input
 * @param {HTMLInputElement | null} [parts.slider]
 * @param {HTMLElement} parts.problem
 * @param {NumberField} parts.field
 * @param {() => number} parts.value reads a signal
 * @param {(value: number) => void} parts.change
 * @param {number[]} [parts.stops] of the slider and the arrow keys, ascending
 */
export function bindValue({ input, slider = null, problem, field, value, change, stops = [] }) {
  /** @param {number} of */
  const shown = (of) => String(Number((of * field.factor).toPrecision(12)));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting;
  let wrong = false;

  /** @param {number} of */
  const nearest = (of) => {
    let best = 0;
    for (let index = 1; index < stops.length; index++) if (Math.abs(stops[index] - of) < Math.abs(stops[best] - of)) best = index;
    return best;
  };

  const show = () => {
    const now = value();
    if (!wrong && input.value !== shown(now) && (resting === undefined || document.activeElement !== input)) input.value = shown(now);
    if (slider) {
      const index = nearest(now);
      slider.value = String(index);
      slider.style.setProperty('--fill', `${(100 * index) / (stops.length - 1)}%`);
      slider.setAttribute('aria-valuetext', shown(now));
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
      const read = field.read(field.factor === 1 || input.value === '' ? input.value : String(Number(input.value) / field.factor));
      complain('');
      if (read !== value()) change(read);
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      if (final) complain(`${error.message} It stays at ${shown(value())}${field.factor === 100 ? ' %' : ''}.`);
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
    const now = value();
    const next = up ? stops.find((stop) => stop > now) : stops.findLast((stop) => stop < now);
    clearTimeout(resting);
    resting = undefined;
    complain('');
    if (next !== undefined) change(next);
    show();
  });

  if (slider) {
    slider.max = String(stops.length - 1);
    slider.addEventListener('input', () => {
      complain('');
      change(stops[Number(slider.value)]);
    });
  }
  effect(show);
}
