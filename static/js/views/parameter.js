/** One parameter in the reader's hand: its value while training moves it; to type, to nudge, to drag, and to freeze. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { computed, effect, signal } from '../../vendor/signals-core/signals-core.js';
import { parameterField } from '../experiment/experiment.js';
import { FieldError } from '../experiment/field.js';
import { parameterKey } from '../experiment/parameters.js';
import { allows } from '../experiment/parts.js';
import { exact, parameter as written } from '../format.js';
import { bracket, EQUALS, entry, featureMath, featureText, OPENING, ofUnit, signed, yHat } from '../notation.js';
import { WAYS } from './value.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/parameters.js').Edit} Edit */
/** @typedef {import('../types/protocol').Parameter} Parameter */
/** @typedef {import('../types/protocol').LayerParameters} LayerParameters */
/** @typedef {{left: number, right: number, top: number, bottom: number}} Place on the screen */
/**
 * @typedef {(parameter: Parameter, place: Place, back?: () => HTMLElement | null) => void} OpenParameter `back` finds
 *   where focus goes on closing
 */

/** While a slider is dragged, one change is sent in this time: each is part of the session's history (milliseconds). */
const SENDING = 80;
/** So long after the reader's own change the controls wait for the server's word on it (milliseconds). */
const SETTLING = 300;
/** How many digits of a value are in the field. */
const DIGITS = 6;
/** A slider reaches this far beyond the value, and has so many steps on each side. */
const ROOM = 2;
const STEPS = 100;
const GAP = 8;

/**
 * Which parameter it is, in words.
 *
 * @param {Parameter} parameter
 * @param {number[]} sizes of the layers
 * @param {readonly string[]} features
 */
function parameterName({ layer, unit, input }, sizes, features) {
  /** @param {number} of @param {number} index */
  const name = (of, index) =>
    of === sizes.length - 1
      ? 'the output'
      : of === 0
        ? featureText(features[index])
        : sizes.length === 3
          ? `unit ${index + 1}`
          : `unit ${index + 1} of layer ${of}`;
  return input === null
    ? `Bias of ${name(layer, unit)}`
    : `Weight from ${name(layer - 1, input)} to ${name(layer, unit)}`;
}

/** Undefined of a network that has no such parameter. @param {LayerParameters[]} layers @param {Parameter} parameter */
export const valueAt = (layers, { layer, unit, input }) =>
  input === null ? layers[layer - 1]?.biases[unit] : layers[layer - 1]?.weights[input]?.[unit];

export const lock = html`<svg class="lock" aria-hidden="true"><use href="#i-lock"></use></svg>`;

/**
 * What a unit computes, with its numbers: each is a button that takes the parameter in hand. The buttons stay the same
 * elements while their numbers change, and so does focus.
 *
 * @param {Store} store
 * @param {LayerParameters[]} layers
 * @param {number} layer
 * @param {number} unit
 * @param {OpenParameter} open
 */
export function unitFormula(store, layers, layer, unit, open) {
  const sizes = store.layerSizes.value;
  const features = store.features.value;
  const isOutput = layer === sizes.length - 1;
  const { weights, biases } = layers[layer - 1];
  const left = isOutput ? yHat : ofUnit('a', unit + 1, layer);
  const opening = OPENING[isOutput ? store.outputActivation.value : store.seenActivations.value[layer - 1]];
  /** @param {number} input */
  const factor = (input) => (layer === 1 ? featureMath(features[input]) : ofUnit('a', input + 1, layer - 1));
  /** @param {number} value @param {number | null} input */
  const number = (value, input) => {
    const parameter = { layer, unit, input };
    const key = parameterKey(parameter);
    const isFrozen = store.dialogue.frozen.value.has(key);
    const name = parameterName(parameter, sizes, features);
    const take = (/** @type {Event} */ { currentTarget }) =>
      open(parameter, /** @type {HTMLElement} */ (currentTarget).getBoundingClientRect());
    return html`<button class="number ${isFrozen ? 'frozen' : ''}" type="button" data-parameter=${key} title=${name}
      @click=${take}><math translate="no">${signed(value, input === 0)}</math>${isFrozen ? lock : nothing}<span
      class="vh">${isFrozen ? 'frozen, ' : ''}${name}</span></button>`;
  };
  return html`<div class="sum ${weights.length > 6 ? 'long' : ''}">
    <math translate="no">${left}${EQUALS}${opening}</math>
    ${weights.map(
      (row, input) =>
        html`<span class="term">${number(row[unit], input)}<math translate="no">${factor(input)}</math></span>`,
    )}
    <span class="term">${number(biases[unit], null)}<math translate="no">${bracket(')')}</math></span>
  </div>`;
}

/** The smallest of 1, 2, 5, 10, 20 … that leaves room around a value. @param {number} value */
function reachOf(value) {
  const least = Math.max(1, ROOM * Math.abs(value));
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((digit) => digit * power >= least) ?? 10);
}

/** @param {number} value */
const short = (value) => exact(Number(value.toPrecision(DIGITS)));

/**
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @returns {OpenParameter}
 */
export function mountParameter(store, find) {
  const box = find('parameter');
  const title = find('parameter-name');
  const now = find('parameter-now');
  const problem = find('parameter-problem');
  const field = /** @type {HTMLInputElement} */ (find('parameter-value'));
  const slider = /** @type {HTMLInputElement} */ (find('parameter-slider'));
  const frozen = /** @type {HTMLInputElement} */ (find('parameter-frozen'));
  const undo = /** @type {HTMLButtonElement} */ (find('parameter-undo'));
  const rule = parameterField();

  const chosen = signal(/** @type {Parameter | null} */ (null));
  const value = computed(() => {
    const layers = store.current.drawn.value?.run.layers;
    return chosen.value && layers ? valueAt(layers, chosen.value) : undefined;
  });
  const isFrozen = computed(() => chosen.value !== null && store.dialogue.frozen.value.has(parameterKey(chosen.value)));

  /** What it was when it was opened. @type {Required<Edit>} */
  let before = { value: 0, frozen: false };
  let changed = -Infinity;
  let reach = 1;
  /** What the reader has made it last. */
  let wanted = 0;
  /** Not yet sent, and of which parameter. @type {{parameter: Parameter, value: number} | null} */
  let waiting = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let sending;
  /** @type {() => HTMLElement | null} */
  let goBack = () => null;

  /** @param {Edit} edit */
  const edit = (edit) => {
    if (!chosen.value) return;
    undo.disabled = false;
    store.edit(chosen.value, edit);
  };
  const sendWaiting = () => {
    sending = undefined;
    if (waiting === null) return;
    const { parameter, value } = waiting;
    if (parameter === chosen.peek()) undo.disabled = false;
    store.edit(parameter, { value });
    waiting = null;
    sending = setTimeout(sendWaiting, SENDING);
  };
  /** @param {number} to @param {EventTarget | null} from the control that shows it already */
  const change = (to, from = null) => {
    const [low, high] = rule.limits;
    wanted = Math.max(low, Math.min(high, to));
    changed = performance.now();
    complain('');
    show(wanted, from);
    const parameter = chosen.peek();
    if (parameter) waiting = { parameter, value: wanted };
    if (sending === undefined) sendWaiting();
  };

  /** @param {number} at @param {EventTarget | null} [from] */
  const show = (at, from) => {
    now.textContent = written(at);
    now.className = at < 0 ? 'n' : 'p';
    if (from !== field) field.value = short(at);
    field.ariaValueNow = short(at);
    if (from === slider) return;
    if (Math.abs(at) > reach) reach = reachOf(at);
    slider.max = String(reach);
    slider.min = String(-reach);
    slider.step = String(reach / STEPS);
    slider.value = String(at);
    slider.style.setProperty('--fill', `${50 + (50 * at) / reach}%`);
    slider.setAttribute('aria-valuetext', written(at));
  };

  /** @param {string} text */
  const complain = (text) => {
    if (problem.textContent !== text) problem.textContent = text;
    if (text) field.setAttribute('aria-invalid', 'true');
    else field.removeAttribute('aria-invalid');
  };

  const take = () => {
    if (field.value === short(wanted)) return complain('');
    try {
      change(rule.read(field.value), field);
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      complain(error.message);
    }
    return undefined;
  };
  /** @param {number} steps */
  const nudge = (steps) => {
    const size = reach / STEPS;
    change(Number(((Math.round(wanted / size) + steps) * size).toPrecision(DIGITS)));
  };

  field.addEventListener('change', take);
  field.addEventListener('focus', () => field.select());
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') take();
    const way = WAYS[event.key];
    if (!way) return;
    event.preventDefault();
    nudge(event.shiftKey ? 10 * way : way);
  });
  find('parameter-less').addEventListener('click', () => nudge(-1));
  find('parameter-more').addEventListener('click', () => nudge(1));
  slider.addEventListener('input', () => {
    slider.style.setProperty('--fill', `${50 + (50 * Number(slider.value)) / reach}%`);
    change(Number(slider.value), slider);
  });
  frozen.addEventListener('change', () => edit({ frozen: frozen.checked }));
  undo.addEventListener('click', () => {
    change(before.value);
    edit({ frozen: before.frozen });
    undo.disabled = true;
    field.focus();
  });
  find('parameter-close').addEventListener('click', () => box.hidePopover());
  box.addEventListener('toggle', (event) => {
    if (/** @type {ToggleEvent} */ (event).newState === 'open') return;
    chosen.value = null;
    // The browser gives focus back to where it was, unless that is no more or was nowhere.
    if (document.activeElement === document.body || box.contains(document.activeElement)) goBack()?.focus();
  });

  // Typing is not disturbed by what training does meanwhile, nor a change by what was before it.
  effect(() => {
    const at = value.value;
    if (at === undefined || performance.now() - changed < SETTLING) return;
    const typing = document.activeElement === field && (store.dialogue.playing.peek() || field.value !== short(wanted));
    if (!typing) wanted = at;
    show(at, typing ? field : null);
  });
  effect(() => {
    frozen.checked = isFrozen.value;
  });
  effect(() => {
    void store.layerSizes.value;
    // Another network may not have it.
    waiting = null;
    if (box.matches(':popover-open')) box.hidePopover();
  });

  return (parameter, place, back = () => null) => {
    if (!allows(store.reduction.peek(), 'values')) return;
    const sizes = store.layerSizes.value;
    const { layer, unit, input } = parameter;
    chosen.value = parameter;
    if (value.value === undefined) {
      chosen.value = null;
      return;
    }
    const symbol = input === null ? ofUnit('b', unit + 1, layer) : entry('W', input + 1, unit + 1, layer);
    render(
      html`${parameterName(parameter, sizes, store.features.value)} <math translate="no" aria-hidden="true">${symbol}</math>`,
      title,
    );
    wanted = value.value;
    before = { value: wanted, frozen: isFrozen.value };
    changed = -Infinity;
    reach = reachOf(wanted);
    goBack = back;
    undo.disabled = true;
    complain('');
    show(wanted);
    if (!box.matches(':popover-open')) box.showPopover();
    const { offsetWidth: width, offsetHeight: height } = box;
    const left = Math.max(GAP, Math.min(innerWidth - width - GAP, (place.left + place.right) / 2 - width / 2));
    const above = place.top - height - GAP;
    const below = place.bottom + GAP;
    const top =
      below + height + GAP <= innerHeight || above < GAP ? Math.min(below, innerHeight - height - GAP) : above;
    box.style.left = `${left}px`;
    box.style.top = `${Math.max(GAP, top)}px`;
    field.focus({ preventScroll: true });
  };
}
