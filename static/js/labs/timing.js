/**
 * One layer by a loop and by a matrix product, computed by the server now and timed: what each took, and that both
 * agree.
 */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { effect, signal } from '../../vendor/signals-core/signals-core.js';
import { post, UNANSWERED } from '../asking.js';
import { TIMED } from '../experiment/bounds.js';
import { whole } from '../experiment/experiment.js';
import { count } from '../format.js';
import { whenOpen } from '../views/drawer.js';
import { bindNumber } from '../views/value.js';

/** @typedef {import('../store/state.js').Store} Store */
/**
 * @typedef {{examples: number, inputs: number, units: number, loop_seconds: number, product_seconds: number, ratio:
 *   number, equal: boolean}} Timing
 */
/** @typedef {'examples' | 'inputs' | 'units'} Size */

/** Earlier timings that are kept to compare with. */
const MOST_TIMINGS = 6;

/** @type {Record<Size, {label: string, limits: [number, number], stops: number[]}>} */
const SIZES = {
  examples: { label: 'Examples', limits: TIMED.examples, stops: [10, 100, 1000, 10_000] },
  inputs: { label: 'Inputs', limits: TIMED.inputs, stops: [1, 2, 4, 8, 16, 32] },
  units: { label: 'Units', limits: TIMED.units, stops: [1, 2, 4, 8, 16, 32, 64] },
};

/** @param {number} seconds */
function duration(seconds) {
  const [unit, factor] = seconds >= 1 ? ['s', 1] : seconds >= 1e-3 ? ['ms', 1e3] : ['µs', 1e6];
  return `${Number((seconds * Number(factor)).toPrecision(3))} ${unit}`;
}

/** @param {number} ratio */
const times = (ratio) => (ratio >= 10 ? count(Math.round(ratio)) : String(Number(ratio.toPrecision(2))));

/** @param {Store} store @param {(id: string) => HTMLElement} find */
export function mount(store, find) {
  /** What to time. */
  const sizes = signal(/** @type {Record<Size, number>} */ ({ examples: 1000, inputs: 2, units: 4 }));
  /** The latest first. */
  const timings = signal(/** @type {Timing[]} */ ([]));
  const problem = signal('');
  const busy = signal(false);

  for (const [size, { label, limits, stops }] of Object.entries(SIZES)) {
    const name = /** @type {Size} */ (size);
    bindNumber(find, `timing-${name}`, {
      field: whole('', label, limits),
      value: () => sizes.value[name],
      change: (value) => {
        sizes.value = { ...sizes.value, [name]: value };
      },
      stops,
    });
  }

  const time = async () => {
    if (busy.peek()) return;
    const did = store.begins();
    busy.value = true;
    problem.value = '';
    const answer = await post('/vectorizing', JSON.stringify(sizes.peek()));
    busy.value = false;
    if (!answer?.ok) {
      problem.value = answer?.body?.detail ?? UNANSWERED;
      return;
    }
    const timing = /** @type {Timing} */ (answer.body);
    timings.value = [timing, ...timings.value].slice(0, MOST_TIMINGS);
    did({ timed: timing.examples });
  };
  const form = find('timing-ask');
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    // What was typed last may not have been taken yet.
    /** @type {HTMLElement | null} */ (document.activeElement)?.dispatchEvent(new Event('change'));
    if (!form.querySelector('[aria-invalid="true"]')) void time();
  });

  whenOpen(store, 'timing', () =>
    effect(() => {
      /** @type {HTMLButtonElement} */ (find('timing-go')).ariaDisabled = String(busy.value);
      render(shown(timings.value, problem.value), find('timing-told'));
    }),
  );
}

/** @param {Timing[]} timings @param {string} problem */
function shown(timings, problem) {
  const [latest] = timings;
  if (problem) return html`<p class="wrong">${problem}</p>`;
  if (!latest) return html`<p class="hint">Nothing is timed yet.</p>`;
  const longest = Math.max(latest.loop_seconds, latest.product_seconds);
  /** @param {string} name @param {number} seconds */
  const bar = (name, seconds) =>
    html`<dt>${name}</dt><dd><span class="length"
      aria-hidden="true"><span
      style="width: ${Math.max(0.5, (100 * seconds) / longest)}%"></span></span><b>${duration(seconds)}</b></dd>`;
  return html`<dl class="bars">${bar('Loop', latest.loop_seconds)}${bar('Product', latest.product_seconds)}</dl>
    <p>${
      latest.ratio >= 1
        ? html`The product is <b>${times(latest.ratio)} times</b> as fast`
        : html`The loop is <b>${times(1 / latest.ratio)} times</b> as fast`
    }; ${latest.equal ? 'both gave the same numbers.' : 'they did not give the same numbers.'}</p>
    ${
      timings.length > 1
        ? html`<table><caption class="vh">Timings, the latest first</caption><thead><tr>
          <th scope="col">Examples</th><th scope="col">Inputs</th><th scope="col">Units</th>
          <th scope="col">Loop</th><th scope="col">Product</th><th scope="col">Ratio</th></tr></thead><tbody>
          ${timings.map(
            ({ examples, inputs, units, loop_seconds, product_seconds, ratio }) =>
              html`<tr><td>${count(examples)}</td><td>${inputs}</td><td>${units}</td><td>${duration(loop_seconds)}</td>
                <td>${duration(product_seconds)}</td><td>${times(ratio)}</td></tr>`,
          )}
        </tbody></table>`
        : nothing
    }`;
}
