/** How well it does, on the training and on the test points: cost, accuracy, and who was taken for whom. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { effect } from '../../vendor/signals-core/signals-core.js';
import { cost, count, percent } from '../format.js';
import { EQUALS, operator, variable, yHat } from '../notation.js';
import { whenOpen } from './drawer.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../types/protocol').Confusion} Confusion */

/** @param {Store} store @param {(id: string) => HTMLElement} find */
export function mountResults(store, find) {
  const panel = find('panel-results');
  whenOpen(store, 'results', () =>
    effect(() => {
      const picture = store.current.picture.value;
      const regression = store.regression.value;
      if (store.current.aside.value) render(html`<p class="quiet">No results yet. ${store.obstacle.value}</p>`, panel);
      if (!picture) return;
      const { train_cost, test_cost, train_accuracy, test_accuracy, train_confusion, test_confusion } = picture.run;
      render(
        html`<div class="results">
          ${side('Training points', train_cost, train_accuracy, train_confusion, regression)}
          ${
            test_cost === null
              ? html`<div class="half"><h3>Test points</h3><p class="quiet">None are held out. Lower the train share to
                see how the network does on points it has not seen.</p></div>`
              : side('Test points', test_cost, test_accuracy, test_confusion, regression)
          }
          <p class="quiet about">${
            regression
              ? html`The cost is half the mean squared distance of <math translate="no">${yHat}</math> from its target.`
              : html`A point counts as class 1 from <math translate="no">${yHat}${operator('≥')}<mn>0.5</mn></math> on. Each row is
                what points are, each column what the network takes them for.`
          }</p>
        </div>`,
        panel,
      );
    }),
  );
}

/**
 * @param {string} title
 * @param {number} J
 * @param {number | null} accuracy
 * @param {Confusion | null | undefined} confusion
 * @param {boolean} regression
 */
function side(title, J, accuracy, confusion, regression) {
  return html`<div class="half">
    <h3>${title}</h3>
    <dl>
      <div><dt>Cost <math translate="no"><mi class="v q">J</mi></math></dt><dd>${cost(J)}</dd></div>
      ${regression ? nothing : html`<div><dt>Accuracy</dt><dd>${percent(accuracy)}</dd></div>`}
    </dl>
    ${confusion ? table(title, confusion) : nothing}
  </div>`;
}

/** @param {string} title @param {Confusion} confusion */
function table(title, confusion) {
  /** @param {number} label in words too, since not every reader takes mathematics for text */
  const is = (label) =>
    html`<span class="vh">y is
      ${label}</span><math translate="no" aria-hidden="true">${variable('y')}${EQUALS}<mn>${label}</mn></math>`;
  /** @param {number} value @param {boolean} right @param {number} all */
  const cell = (value, right, all) =>
    html`<td class=${right ? 'right' : 'wrong'}><b>${count(value)}</b> <span
      class="quiet">${all > 0 ? percent(value / all) : '–'}</span></td>`;
  return html`<table class="confusion">
    <caption class="vh">${title}: what they are, and what the network takes them for</caption>
    <thead><tr><td></td><th scope="col">taken for ${is(0)}</th><th scope="col">taken for ${is(1)}</th></tr></thead>
    <tbody>
      ${confusion.map((row, label) => {
        const all = row[0] + row[1];
        return html`<tr><th scope="row">${is(label)}</th>${row.map((value, predicted) =>
          cell(value, predicted === label, all),
        )}</tr>`;
      })}
    </tbody>
  </table>`;
}
