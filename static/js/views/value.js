/** A number to type, to step with the arrow keys and, where it has a slider, to drag. */

import { computed, effect } from '../../vendor/signals-core/signals-core.js';
import { FieldError } from '../experiment/field.js';
import { count, exact } from '../format.js';
import { doubt, readings, readNumber } from '../numbers.js';

/** @typedef {import('../experiment/experiment.js').Shown} Shown */

/** Arrow keys in a field. @type {Record<string, 1 | -1 | undefined>} */
export const WAYS = { ArrowUp: 1, ArrowDown: -1 };

/**
 * An iteration that a run has been at.
 *
 * @param {string} label
 * @param {() => [low: number, high: number]} limits as they are when it is read
 */
export const iteration = (label, limits) => ({
  limits: /** @type {[number, number]} */ ([0, Infinity]),
  factor: 1,
  suffix: '',
  /** @param {string} text @throws {FieldError} */
  read(text) {
    const [low, high] = limits();
    const chosen = readNumber(text);
    if (Number.isInteger(chosen) && chosen >= low && chosen <= high) return chosen;
    throw new FieldError(
      `${label} must be a whole number from ${count(low)} to ${count(high)}, as far as this run has come.${doubt(text)}`,
    );
  },
});

/** How long typing must rest before it counts (milliseconds). */
const REST = 400;

/** Whether a button or a finger is down just now. */
let pressed = false;
for (const kind of ['pointerdown', 'pointerup', 'pointercancel'])
  globalThis.addEventListener?.(
    kind,
    () => {
      pressed = kind === 'pointerdown';
    },
    { capture: true },
  );

/** Does something that moves the page: not while something is pressed, which would no longer be there. @param {() => void} act */
function onceReleased(act) {
  if (!pressed) return act();
  // A click follows the release at once.
  const later = () => setTimeout(() => onceReleased(act));
  for (const kind of ['pointerup', 'pointercancel']) addEventListener(kind, later, { once: true });
  return undefined;
}

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

/** An end of a range, if it has one. @param {number} value */
const limit = (value) => (Number.isFinite(value) ? exact(Number(value.toPrecision(12))) : null);

/**
 * What is typed is what is shown; a field reads what is meant. What can be read in two ways, or none, is the field's to
 * refuse.
 *
 * @param {string} text
 * @param {Pick<Shown, 'factor' | 'suffix'>} field
 */
function meant(text, { factor, suffix }) {
  const bare = suffix && text.trimEnd().endsWith(suffix.trim()) ? text.trimEnd().slice(0, -suffix.trim().length) : text;
  const [value, ...others] = readings(bare);
  return factor === 1 || value === undefined || others.length > 0 ? bare : exact(value / factor);
}

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
  const shown = (of) => (of === null ? '' : exact(Number((of * field.factor).toPrecision(12))));
  /** @param {T} of */
  const spoken = (of) => shown(of) || input.placeholder;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting;
  let wrong = false;
  /** What is wrong, in words. */
  let said = '';
  /** What is being typed, once it counts: it stays as it was typed, since more may follow. */
  let typed = { text: '', value: /** @type {T | undefined} */ (undefined) };

  /** The stop nearest to a value. @param {T} of */
  const nearest = (of) => {
    /** @param {T} stop */
    const distance = (stop) => (stop === of ? 0 : stop === null || of === null ? Infinity : Math.abs(stop - of));
    let best = 0;
    for (let index = 1; index < stops.length; index++) if (distance(stops[index]) < distance(stops[best])) best = index;
    return best;
  };

  /** One more or less than a value, if there is such a one. @param {T} of @param {1 | -1} way */
  const beside = (of, way) => {
    try {
      return field.read(meant(exact(Number(shown(of)) + way), field));
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      return undefined;
    }
  };

  /** The stop next to a value; beyond the last there is none. @param {T} of @param {1 | -1} way */
  const next = (of, way) => {
    if (stops.length === 0) return beside(of, way);
    const index = nearest(of);
    const stop = stops[index];
    const passed = stop !== null && of !== null && way * (stop - of) > 0;
    return passed ? stop : stops[index + way];
  };

  input.ariaValueMin = limit(field.limits[0] * field.factor);
  input.ariaValueMax = limit(field.limits[1] * field.factor);
  const held = computed(value);
  const show = () => {
    const now = held.value;
    const typing = resting !== undefined || (typed.text === input.value && typed.value === now);
    if (!wrong && input.value !== shown(now) && !(typing && document.activeElement === input)) input.value = shown(now);
    input.ariaValueNow = now === null ? null : shown(now);
    input.ariaValueText = `${spoken(now)}${now === null ? '' : field.suffix}`;
    if (slider) {
      const index = nearest(now);
      slider.value = String(index);
      slider.style.setProperty('--fill', `${(100 * index) / (stops.length - 1)}%`);
      slider.setAttribute('aria-valuetext', spoken(now));
    }
  };

  /** @param {string} text */
  const say = (text) => {
    said = text;
    onceReleased(() => {
      if (problem.textContent !== said) problem.textContent = said;
    });
  };
  /** @param {string} text */
  const complain = (text) => {
    wrong = text !== '';
    say(text);
    if (wrong) input.setAttribute('aria-invalid', 'true');
    else input.removeAttribute('aria-invalid');
  };

  /** @param {boolean} final whether to say what is wrong */
  const take = (final) => {
    clearTimeout(resting);
    resting = undefined;
    try {
      const read = field.read(meant(input.value, field), true);
      complain('');
      typed = { text: input.value, value: final ? undefined : read };
      if (read !== value()) change(read);
      show();
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      const now = value();
      if (final)
        complain(`${error.message} It stays at ${spoken(now)}${now !== null && field.factor === 100 ? ' %' : ''}.`);
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
  input.addEventListener('focus', () => say(''));
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') take(true);
    const way = WAYS[event.key];
    if (!way) return;
    event.preventDefault();
    if (resting !== undefined) take(false);
    const stop = next(value(), way);
    complain('');
    if (stop !== undefined) change(stop);
    show();
  });

  if (slider) {
    slider.max = String(stops.length - 1);
    slider.addEventListener('input', () => {
      complain('');
      change(stops[Number(slider.value)]);
      show();
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
 * @param {(id: string) => HTMLElement} find
 * @param {import('../experiment/experiment.js').Fields} fields
 * @param {{[K in import('../experiment/experiment.js').Plain]?: [id: string, stops: (number | null)[]]}} rows
 */
export function bindFields(store, find, fields, rows) {
  for (const [key, [id, stops]] of Object.entries(rows)) {
    const name = /** @type {'batchSize'} any of the numbers */ (key);
    bindNumber(find, id, {
      field: fields[name],
      value: () => store.setup[name].value,
      change: (value) => store.change({ [name]: value }),
      stops,
    });
  }
}
