/**
 * What the plane and the cost show, for eyes that can't see them: the server's sentence beside the picture, and a dialog
 * that has it with a table of the output, of what is wrong and of the cost.
 */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { effect, signal, untracked } from '../../vendor/signals-core/signals-core.js';
import { UNANSWERED } from '../asking.js';
import { OWN } from '../experiment/experiment.js';
import { entered } from '../experiment/origin.js';
import { cost, count, fixed } from '../format.js';
import { milestonesOf } from '../store/history.js';
import { closesBy } from './closing.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../types/protocol').Described} Described */
/** @typedef {import('../types/protocol').Axis} Axis */
/** @typedef {[Axis, Axis] | null} Axes what points from a table mean */

const PENDING = 'The sentence is on its way.';
const HOW = 'Press D, or In words, for a sentence about it.';

/** @param {Store} store @param {(id: string) => HTMLElement} find */
export function mountInWords(store, find) {
  const { telling, current } = store;
  const dialog = /** @type {HTMLDialogElement} */ (find('words-dialog'));
  const open = signal(false);
  telling.watch(current, store.dialogue.playing);

  const beside = find('plane-words');
  effect(() => {
    const said = telling.described.value;
    beside.textContent = said ? sentence(said) : HOW;
  });

  /** Whether there is a server to answer. */
  const asks = signal(true);
  const ask = () => {
    asks.value = store.obstacle.peek() !== '' || telling.ask();
  };
  find('words-open').addEventListener('click', () => {
    dialog.showModal();
    open.value = true;
    if (telling.described.peek()) ask();
  });
  find('words-again').addEventListener('click', ask);
  // Another run, or a connection that is there again, owes no answer any more: it is asked again.
  effect(() => {
    void store.current.experiment.value;
    const live = store.dialogue.connection.value === 'live' && store.dialogue.session.value !== null;
    if (!open.value || telling.described.peek()) return;
    if (live) untracked(ask);
    else asks.value = false;
  });
  closesBy(dialog, find('words-close'));
  dialog.addEventListener('close', () => {
    open.value = false;
  });

  const text = find('words-text');
  const tables = find('words-tables');
  effect(() => {
    const said = telling.described.value;
    const without = store.obstacle.value || (asks.value ? '' : UNANSWERED);
    text.textContent = open.value ? without || (said ? sentence(said) : PENDING) : '';
  });
  effect(() => {
    const said = telling.described.value;
    const { dataset, origin } = store.running;
    const axes = /** @type {Axes} */ (dataset === OWN && origin ? origin.axes : null);
    render(open.value && said ? [outputs(said, axes), wrongs(said, axes), costs(store)] : nothing, tables);
  });
}

/** @param {Described} said */
export const sentence = ({ iteration, text }) => `At iteration ${count(iteration)}: ${text}`;

/** A number of a point, as it was entered. @param {number} value @param {Axis} [axis] */
const place = (value, axis) =>
  axis ? String(Number(entered(axis, value).toPrecision(4))).replace('-', '−') : fixed(value);

/** @param {Axes} axes @param {number} index */
const named = (axes, index) => axes?.[index]?.name ?? `x${index + 1}`;

/** @param {number | null} value */
const output = (value) => (value === null ? 'no number' : fixed(value));

/** @param {Described} said @param {Axes} axes */
function outputs({ lattice }, axes) {
  if (!lattice) return nothing;
  const rows = lattice.y.map((y, index) => ({ y, values: lattice.values[index] })).reverse();
  return html`<div class="scroll" role="region" tabindex="0" aria-label="Table of the output"><table class="numbers">
    <caption>The output over the plane: ${named(axes, 0)} to the right, ${named(axes, 1)} upwards</caption>
    <thead><tr><td></td>${lattice.x.map((x) => html`<th scope="col">${place(x, axes?.[0])}</th>`)}</tr></thead>
    <tbody>${rows.map(
      ({ y, values }) =>
        html`<tr><th scope="row">${place(y, axes?.[1])}</th>${values.map((value) => html`<td>${output(value)}</td>`)}</tr>`,
    )}</tbody>
  </table></div>`;
}

/** @param {Described} said @param {Axes} axes */
function wrongs({ wrong, examples }, axes) {
  if (examples.length === 0) return html`<p class="hint">No example is wrong.</p>`;
  const few = wrong === null || examples.length < wrong ? `the first ${count(examples.length)}` : '';
  const caption =
    wrong === null
      ? `Examples farthest from their targets, ${few}`
      : [`Examples that are wrong: ${count(wrong)}`, few].filter(Boolean).join(', ');
  return html`<div class="scroll" role="region" tabindex="0" aria-label="Table of examples"><table class="numbers">
    <caption>${caption}</caption>
    <thead><tr><th scope="col">example</th>${examples[0].point.map(
      (_, index) => html`<th scope="col">${named(axes, index)}</th>`,
    )}<th scope="col">y</th><th scope="col">output</th><th scope="col">for</th></tr></thead>
    <tbody>${examples.map(
      ({ example, point, label, prediction, split }) =>
        html`<tr><th scope="row">${count(example + 1)}</th>${point.map(
          (value, index) => html`<td>${place(value, axes?.[index])}</td>`,
        )}<td>${wrong === null ? fixed(label) : label}</td><td>${output(prediction)}</td><td>${split}</td></tr>`,
    )}</tbody>
  </table></div>`;
}

/** @param {Store} store */
function costs({ current }) {
  const picture = current.picture.peek();
  if (!picture) return html`<p class="hint">There is no cost to list yet.</p>`;
  const { iteration: now, run } = picture;
  const rows = [...milestonesOf(current.history, now), { iteration: now, train: run.train_cost, test: run.test_cost }];
  return html`<div class="scroll" role="region" tabindex="0" aria-label="Table of the cost"><table class="numbers">
    <caption>The cost J on the way</caption>
    <thead><tr><th scope="col">iteration</th><th scope="col">training</th><th scope="col">test</th></tr></thead>
    <tbody>${rows.map(
      ({ iteration, train, test }) =>
        html`<tr><th scope="row">${count(iteration)}</th><td>${cost(train)}</td><td>${test === null ? '–' : cost(test)}</td></tr>`,
    )}</tbody>
  </table></div>`;
}
