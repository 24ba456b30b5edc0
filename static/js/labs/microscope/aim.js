/**
 * What the microscope looks at: the batch, an example, or a point of the plane; chosen in the panel, or on the plane
 * itself.
 */

import { html, nothing, render } from '../../../vendor/lit-html/lit-html.js';
import { effect } from '../../../vendor/signals-core/signals-core.js';
import { MAX_VALUE } from '../../experiment/bounds.js';
import { PLANE } from '../../experiment/experiment.js';
import { FieldError } from '../../experiment/field.js';
import { cost, count, fixed } from '../../format.js';
import { featureMath, variable } from '../../notation.js';
import { doubt, readNumber } from '../../numbers.js';
import { nearest, reachIn } from '../../views/boundary.js';
import { bindChoice } from '../../views/choice.js';
import { bindNumber } from '../../views/value.js';

/** @typedef {import('../../store/state.js').Store} Store */
/** @typedef {import('../../types/protocol').Inspection} Inspection */
/** @typedef {import('./follow.js').Aim} Aim */
/** @typedef {(id: string) => HTMLElement} Find */
/** @template T @typedef {import('../../../vendor/signals-core/signals-core.js').Signal<T>} Signal */

/** What each choice begins with. @type {Record<Aim['of'], Aim>} */
const FIRST = {
  batch: { of: 'batch' },
  example: { of: 'example', example: 0 },
  point: { of: 'point', point: [0, 0], label: null },
};

/** A number of the reader's. @param {string} label @param {(value: number) => boolean} allowed @param {string} range */
const numberField = (label, allowed, range) => ({
  limits: /** @type {[number, number]} */ ([-Infinity, Infinity]),
  factor: 1,
  suffix: '',
  /** @param {string} text */
  read(text) {
    const value = readNumber(text);
    if (allowed(value)) return value;
    throw new FieldError(`${label} must be ${range}.${doubt(text)}`);
  },
});

/** @param {number} value */
const isCoordinate = (value) => Math.abs(value) <= MAX_VALUE;

/**
 * The controls in the panel.
 *
 * @param {Store} store
 * @param {Find} find
 * @param {Signal<Aim>} aim
 */
export function mountAim(store, find, aim) {
  const total = () => store.points.value?.points.length ?? 0;
  /** What each choice had last. @type {Record<Aim['of'], Aim>} */
  const last = { ...FIRST };
  effect(() => {
    last[aim.value.of] = aim.value;
  });
  bindChoice(
    find('microscope-of'),
    () => aim.value.of,
    (of) => {
      aim.value = last[/** @type {Aim['of']} */ (of)];
    },
  );

  /** @param {number} example */
  const go = (example) => {
    aim.value = { of: 'example', example: (example + total()) % total() };
  };
  const example = () => (aim.value.of === 'example' ? aim.value.example : 0);
  find('aim-previous').addEventListener('click', () => go(example() - 1));
  find('aim-next').addEventListener('click', () => go(example() + 1));
  bindNumber(find, 'aim-number', {
    field: {
      ...numberField('', () => true, ''),
      read: (text) =>
        numberField(
          'The example',
          (value) => Number.isInteger(value) && value >= 1 && value <= total(),
          `a whole number from 1 to ${count(total())}`,
        ).read(text),
    },
    value: () => example() + 1,
    change: (value) => go(value - 1),
  });

  /** @param {(point: Extract<Aim, {of: 'point'}>) => Partial<Extract<Aim, {of: 'point'}>>} change */
  const move = (change) => {
    const now = aim.peek();
    if (now.of === 'point') aim.value = { ...now, ...change(now) };
  };
  for (const axis of [0, 1]) {
    bindNumber(find, `aim-x${axis + 1}`, {
      field: numberField(
        axis === 0 ? 'x₁' : 'x₂',
        isCoordinate,
        `a number from −${count(MAX_VALUE)} to ${count(MAX_VALUE)}`,
      ),
      value: () => (aim.value.of === 'point' ? aim.value.point[axis] : 0),
      change: (value) => move(({ point: [x1, x2] }) => ({ point: axis === 0 ? [value, x2] : [x1, value] })),
    });
  }
  bindNumber(find, 'aim-label', {
    field: {
      ...numberField('', () => true, ''),
      /** @param {string} text @returns {number | null} */
      read(text) {
        if (text.trim() === '') return null;
        const regression = store.regression.peek();
        return numberField(
          'The label',
          (value) => (regression ? isCoordinate(value) : value === 0 || value === 1),
          `${regression ? 'a number' : '0 or 1'}, or left empty`,
        ).read(text);
      },
    },
    value: () => (aim.value.of === 'point' ? aim.value.label : null),
    change: (label) => move(() => ({ label })),
  });

  effect(() => {
    const { of } = aim.value;
    find('aim-example').hidden = of !== 'example';
    find('aim-point').hidden = of !== 'point';
    find('aim-count').textContent = count(total());
    find('aim-title').textContent = {
      batch: 'Whole batch',
      example: `Example ${count(example() + 1)}`,
      point: 'A point of the plane',
    }[of];
  });
  // What is no more cannot be looked at.
  effect(() => {
    const now = aim.value;
    if (now.of === 'example' && total() > 0 && now.example >= total()) aim.value = FIRST.batch;
    if (last.example.of === 'example' && last.example.example >= total()) last.example = FIRST.example;
  });
  effect(() => {
    const now = aim.value;
    if (now.of === 'point' && !store.regression.value && now.label !== null && now.label !== 0 && now.label !== 1)
      aim.value = { ...now, label: null };
  });
}

/**
 * The plane, while the panel is open: a click chooses, and what is chosen is marked.
 *
 * @param {Store} store
 * @param {Signal<Aim>} aim
 * @param {Find} find
 * @returns {() => void} when it closes
 */
export function aimOnPlane(store, aim, find) {
  const plot = find('boundary');
  const plane = /** @type {HTMLElement} */ (plot.querySelector('.plane'));
  const mark = find('aimed');
  const [low, high] = PLANE;
  /** @param {MouseEvent} event */
  const choose = ({ clientX, clientY, target }) => {
    // With a tool in hand a click sets points.
    if (/** @type {Element} */ (target).closest('#points-layer')) return;
    const { left, bottom, width, height } = plane.getBoundingClientRect();
    const [across, up] = [(clientX - left) / width, (bottom - clientY) / height];
    if (across < 0 || across > 1 || up < 0 || up > 1) return;
    const [x, y] = [across, up].map((share) => low + share * (high - low));
    const found = nearest(store.points.peek(), x, y, reachIn(width), store.experiment.peek().showTest);
    aim.value = found
      ? { of: 'example', example: found.index }
      : { of: 'point', point: [Number(x.toFixed(2)), Number(y.toFixed(2))], label: null };
  };
  plot.addEventListener('click', choose);
  plot.toggleAttribute('data-aiming', true);
  const stop = effect(() => {
    const now = aim.value;
    const place =
      now.of === 'point' ? now.point : now.of === 'example' ? store.points.value?.points[now.example] : undefined;
    mark.hidden = !place || place.some((value) => value < low || value > high);
    if (!place) return;
    const spot = /** @type {HTMLElement} */ (mark.firstElementChild);
    spot.style.left = `${(100 * (place[0] - low)) / (high - low)}%`;
    spot.style.top = `${(100 * (high - place[1])) / (high - low)}%`;
  });
  return () => {
    stop();
    mark.hidden = true;
    plot.removeEventListener('click', choose);
    plot.toggleAttribute('data-aiming', false);
  };
}

/**
 * The few numbers beside the choice.
 *
 * @param {Store} store
 * @param {Inspection | null} inspection
 * @param {HTMLElement} place
 */
export function showFacts(store, inspection, place) {
  if (!inspection) return render(nothing, place);
  const { of, m, inputs, labels, predictions, losses, cost: J, penalty, example, iteration } = inspection;
  const features = store.features.peek();
  const test = example !== null && store.points.peek()?.split.test.includes(example);
  /** @param {unknown} name @param {unknown} value */
  const row = (name, value) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  /** @param {string} letter */
  const symbol = (letter) => html`<math translate="no">${variable(letter)}</math>`;
  const single = of !== 'batch';
  return render(
    html`${row('Iteration', count(iteration))}
    ${
      single
        ? inputs[0].map((value, index) =>
            row(
              features[index]
                ? html`<math translate="no">${featureMath(features[index])}</math>`
                : `Input ${index + 1}`,
              fixed(value, 3),
            ),
          )
        : row(html`Examples ${symbol('m')}`, count(m))
    }
    ${
      single
        ? row(
            symbol('y'),
            labels === null
              ? 'none'
              : html`${
                  Number.isInteger(labels[0]) ? fixed(labels[0], 0) : fixed(labels[0], 3)
                }${test ? html` <span class="quiet">held out for test</span>` : nothing}`,
          )
        : nothing
    }
    ${single ? row(symbol('ŷ'), fixed(predictions[0], 4)) : nothing}
    ${single && losses ? row('Loss', cost(losses[0])) : nothing}
    ${!single && J !== null ? row(html`Cost ${symbol('J')}`, cost(J)) : nothing}
    ${penalty ? row('Penalty beside it', cost(penalty)) : nothing}`,
    place,
  );
}
