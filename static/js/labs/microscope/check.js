/**
 * A calculation by hand: the reader types weights, data and what came of them; the server says which number differs
 * first.
 */

import { live } from '../../../vendor/lit-html/directives/live.js';
import { html, nothing, render } from '../../../vendor/lit-html/lit-html.js';
import { effect, signal } from '../../../vendor/signals-core/signals-core.js';
import { latest, post, problemOf } from '../../asking.js';
import { allOf } from '../../format.js';
import { number, ofLayer, shape, variable } from '../../notation.js';
import { doubt, readNumber } from '../../numbers.js';
import { icon } from '../../views/icon.js';

/** @typedef {import('../../store/state.js').Store} Store */
/** @typedef {import('../../notation.js').Fragment} Fragment */
/** @typedef {import('../../types/protocol').Catalogue} Catalogue */
/** @typedef {import('../../types/protocol').Inspection} Inspection */
/** @template T @typedef {import('../../../vendor/signals-core/signals-core.js').ReadonlySignal<T>} ReadonlySignal */

/**
 * @typedef {object} Grid a matrix to fill in, in the lecture's shape
 * @property {string} id
 * @property {string} name
 * @property {Fragment} symbol
 * @property {number} rows
 * @property {number} columns
 * @property {boolean} given whether it is needed; else it is what the reader claims, as far as it is filled in
 */

/**
 * @typedef {{sizes: number[], activations: string[], slopes: (number | undefined)[], examples: number, texts:
 *   Map<string, string>}} Task texts by grid, row and column
 */
/** @typedef {{row: number, column: number, id: string}} Place */
/**
 * @typedef {{kind: 'right' | 'wrong' | 'problem', text: string, hint?: string | null, place?: Place | null}} Verdict
 */
/**
 * @typedef {{agree: boolean, compared: number, differing: number, first: {quantity: 'Z' | 'A' | 'J' | 'dW' | 'db',
 *   layer: number | null, example: number | null, unit: number | null, input: number | null, detail: string, hint:
 *   string | null} | null}} Checked what the server answers
 */

/** By hand one goes so far and no further. */
const MOST_PARAMETERS = 60;
const MOST_EXAMPLES = 4;
const MOST_UNITS = 4;
/** Digits of a weight taken from the network. */
const DIGITS = 4;

/** @param {string} id @param {number} row @param {number} column */
const keyOf = (id, row, column) => `${id} ${row} ${column}`;

/** One unit, one point, as small as it gets. @returns {Task} */
function smallest() {
  const texts = { 'W1 0 0': '0.5', 'W1 1 0': '-0.25', 'b1 0 0': '0', 'X 0 0': '1', 'X 1 0': '2', 'Y 0 0': '1' };
  return {
    sizes: [2, 1],
    activations: ['sigmoid'],
    slopes: [undefined],
    examples: 1,
    texts: new Map(Object.entries(texts)),
  };
}

/**
 * The network as it is, its numbers rounded, with the first examples of what is looked at.
 *
 * @param {Inspection} inspection
 * @returns {Task}
 */
function ofNetwork({ layers, inputs, labels }) {
  const examples = Math.min(MOST_EXAMPLES, inputs.length, 3);
  /** @type {Map<string, string>} */
  const texts = new Map();
  /** @param {string} id @param {number} row @param {number} column @param {number} value */
  const put = (id, row, column, value) => texts.set(keyOf(id, row, column), String(Number(value.toPrecision(DIGITS))));
  for (const { layer, weights, biases } of layers) {
    weights.forEach((row, i) => row.forEach((value, j) => put(`W${layer}`, i, j, value)));
    biases.forEach((value, i) => put(`b${layer}`, i, 0, value));
  }
  inputs.slice(0, examples).forEach((point, column) => point.forEach((value, row) => put('X', row, column, value)));
  labels?.slice(0, examples).forEach((value, column) => put('Y', 0, column, value));
  return {
    sizes: [inputs[0].length, ...layers.map(({ biases }) => biases.length)],
    activations: layers.map(({ activation }) => activation),
    slopes: layers.map(({ slope }) => slope),
    examples,
    texts,
  };
}

/** Everything to fill in, in the lecture's order. @param {Task} task @returns {Grid[]} */
function gridsOf({ sizes, examples }) {
  /**
   * @param {string} letter
   * @param {number} layer
   * @param {number} rows
   * @param {number} columns
   * @param {boolean} given
   * @returns {Grid}
   */
  const grid = (letter, layer, rows, columns, given) => ({
    id: `${letter}${layer}`,
    name: `${letter}[${layer}]`,
    symbol: ofLayer(letter, layer),
    rows,
    columns,
    given,
  });
  const layers = sizes.slice(1).map((units, index) => ({ layer: index + 1, inputs: sizes[index], units }));
  return [
    { id: 'X', name: 'X', symbol: variable('X'), rows: sizes[0], columns: examples, given: true },
    { id: 'Y', name: 'Y', symbol: variable('Y'), rows: 1, columns: examples, given: true },
    ...layers.flatMap(({ layer, inputs, units }) => [
      grid('W', layer, inputs, units, true),
      grid('b', layer, units, 1, true),
    ]),
    ...layers.flatMap(({ layer, units }) => [
      grid('Z', layer, units, examples, false),
      grid('A', layer, units, examples, false),
    ]),
    { id: 'J', name: 'J', symbol: variable('J'), rows: 1, columns: 1, given: false },
    ...layers
      .toReversed()
      .flatMap(({ layer, inputs, units }) => [
        grid('dW', layer, inputs, units, false),
        grid('db', layer, units, 1, false),
      ]),
  ];
}

/** Is not a number where there should be one. */
class Wrong extends Error {
  /** @param {string} text @param {Place} place */
  constructor(text, place) {
    super(text);
    this.place = place;
  }
}

/** The numbers of a grid; null is left empty. @param {Task} task @param {Grid} grid @returns {(number | null)[][]} */
function read({ texts }, { id, name, rows, columns, given }) {
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => {
      const text = (texts.get(keyOf(id, row, column)) ?? '').trim();
      const where = rows * columns === 1 ? name : `${name}, row ${row + 1}, column ${column + 1},`;
      if (text === '' && given)
        throw new Wrong(`${where} is empty; it is needed to compute the rest.`, { id, row, column });
      if (text === '') return null;
      const value = readNumber(text);
      if (Number.isNaN(value))
        throw new Wrong(`${where} must be a number, such as -0.25.${doubt(text) || ` It is “${text}”.`}`, {
          id,
          row,
          column,
        });
      return value;
    }),
  );
}

/** What the server is asked. @param {Task} task */
function requestOf(task) {
  const numbers = new Map(gridsOf(task).map((grid) => [grid.id, read(task, grid)]));
  /** @param {string} id */
  const of = (id) => numbers.get(id) ?? [];
  /** One row for each example, as JSON has them. @param {string} id */
  const turned = (id) => of(id)[0].map((_, column) => of(id).map((row) => row[column]));
  const layers = task.sizes.slice(1).map((_, index) => index + 1);
  return {
    layers: layers.map((layer) => ({
      weights: of(`W${layer}`),
      biases: of(`b${layer}`).map(([value]) => value),
      activation: task.activations[layer - 1],
      ...(task.slopes[layer - 1] !== undefined && { slope: task.slopes[layer - 1] }),
    })),
    points: turned('X'),
    labels: of('Y')[0],
    claimed: {
      z: layers.map((layer) => turned(`Z${layer}`)),
      a: layers.map((layer) => turned(`A${layer}`)),
      cost: of('J')[0][0],
      gradients: layers.map((layer) => ({
        weights: of(`dW${layer}`),
        biases: of(`db${layer}`).map(([value]) => value),
      })),
    },
  };
}

/** Whether there is a number of the reader's own. @param {Task} task */
const claims = (task) =>
  gridsOf(task).some(
    (grid) =>
      !grid.given &&
      read(task, grid)
        .flat()
        .some((value) => value !== null),
  );

/** Where a number stands that differs. @param {NonNullable<Checked['first']>} first @returns {Place} */
function placeOf({ quantity, layer, example, unit, input }) {
  if (quantity === 'J') return { id: 'J', row: 0, column: 0 };
  const id = `${quantity}${layer}`;
  return quantity === 'dW' ? { id, row: input ?? 0, column: unit ?? 0 } : { id, row: unit ?? 0, column: example ?? 0 };
}

/** @param {Task} task @returns {Promise<Verdict>} */
async function ask(task) {
  let request;
  try {
    request = requestOf(task);
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    return { kind: 'problem', text: error.message, place: error.place };
  }
  if (!claims(task))
    return {
      kind: 'problem',
      text: 'Nothing to compare yet: enter at least one number of your own, the cost or a gradient.',
    };
  const answer = await post('/check', JSON.stringify(request));
  if (!answer?.ok) return { kind: 'problem', text: problemOf(answer) };
  const { agree, compared, differing, first } = /** @type {Checked} */ (answer.body);
  if (agree || !first)
    return { kind: 'right', text: compared === 1 ? 'Your number is right.' : `${allOf(compared)} numbers are right.` };
  return {
    kind: 'wrong',
    text:
      compared === 1
        ? `It differs. ${first.detail}`
        : `${differing} of ${compared} numbers ${differing === 1 ? 'differs' : 'differ'}. The first is ${first.detail}`,
    hint: first.hint,
    place: placeOf(first),
  };
}

/**
 * @param {Store} store
 * @param {HTMLElement} form
 * @param {Catalogue} catalogue
 * @param {ReadonlySignal<Inspection | null>} inspection
 * @returns {() => () => void} what to do when it opens, and then when it closes
 */
export function mountCheck(store, form, catalogue, inspection) {
  const task = signal(smallest());
  const verdict = signal(/** @type {Verdict | null} */ (null));
  const asking = latest();

  /** @param {Partial<Task>} changes */
  const change = (changes) => {
    asking();
    verdict.value = null;
    task.value = { ...task.peek(), ...changes };
  };
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const counts = asking();
    const did = store.begins();
    // What was said is of the numbers before.
    verdict.value = null;
    const said = await ask(task.peek());
    if (!counts()) return;
    verdict.value = said;
    if (said.kind !== 'problem') did({ checked: said.kind === 'right' });
    if (said.place)
      form
        .querySelector(`[data-cell="${keyOf(said.place.id, said.place.row, said.place.column)}"]`)
        ?.scrollIntoView({ block: 'nearest' });
  });

  /**
   * @param {string} label
   * @param {number} value
   * @param {number} least
   * @param {number} most
   * @param {(value: number) => void} choose
   */
  const size = (
    label,
    value,
    least,
    most,
    choose,
  ) => html`<label>${label} <select class="select" .value=${live(String(value))}
    @change=${(/** @type {Event} */ { target }) => choose(Number(/** @type {HTMLSelectElement} */ (target).value))}>
    ${Array.from(
      { length: Math.max(most, value) - least + 1 },
      (_, index) =>
        html`<option value=${least + index}
          ?selected=${least + index === value}>${least + index === 0 ? 'none' : least + index}</option>`,
    )}
  </select></label>`;

  /** @param {Task} now */
  const settings = (now) => {
    const { sizes, activations, slopes } = now;
    const hidden = sizes.length - 2;
    const present = inspection.value;
    const parameters = present
      ? present.layers.reduce((sum, { weights, biases }) => sum + weights.length * biases.length + biases.length, 0)
      : 0;
    /** @param {number} units */
    const resize = (units) => {
      const output = activations[activations.length - 1];
      if (units === 0) change({ sizes: [sizes[0], 1], activations: [output], slopes: [undefined] });
      else
        change({
          sizes: [sizes[0], units, 1],
          activations: [hidden === 1 ? activations[0] : 'tanh', output],
          slopes: [hidden === 1 ? slopes[0] : undefined, undefined],
        });
    };
    return html`<div class="row">
      <button type="button" class="btn" @click=${() => change(smallest())}>One unit, one point</button>
      <button type="button" class="btn" ?disabled=${!present?.labels || parameters > MOST_PARAMETERS}
        @click=${() => present && change(ofNetwork(present))}>The network as it is</button>
      ${
        parameters > MOST_PARAMETERS
          ? html`<span class="quiet">With ${parameters} parameters it is too large to check by hand; up to
            ${MOST_PARAMETERS} can be.</span>`
          : nothing
      }
    </div>
    <div class="row">
      ${size('Inputs', sizes[0], 1, MOST_UNITS, (inputs) => change({ sizes: [inputs, ...sizes.slice(1)] }))}
      ${
        hidden <= 1
          ? size('Hidden units', hidden === 0 ? 0 : sizes[1], 0, MOST_UNITS, resize)
          : html`<span>${hidden} hidden layers</span>`
      }
      ${activations.slice(0, -1).map(
        (activation, index) => html`<label>${
          hidden === 1 ? 'Activation' : `Activation of layer ${index + 1}`
        } <select class="select" translate="no" .value=${live(activation)} @change=${(
          /** @type {Event} */ { target },
        ) =>
          change({
            activations: activations.map((own, at) =>
              at === index ? /** @type {HTMLSelectElement} */ (target).value : own,
            ),
            slopes: slopes.map((own, at) => (at === index ? undefined : own)),
          })}>
          ${catalogue.activations.map(
            ({ name, label }) => html`<option value=${name} ?selected=${name === activation}>${label}</option>`,
          )}</select></label>`,
      )}
      ${size('Examples', now.examples, 1, MOST_EXAMPLES, (examples) => change({ examples }))}
    </div>`;
  };

  /** @param {Task} now @param {Grid} grid @param {Place | null | undefined} wrong */
  const fields = (
    now,
    { id, name, symbol, rows, columns },
    wrong,
  ) => html`<div class="grid" role="group" aria-label=${name}>
    <span class="face"><math translate="no">${symbol}</math><small><math translate="no">${shape(rows, columns)}</math></small></span>
    <div class="entries" style="--columns:${columns}">${Array.from({ length: rows * columns }, (_, index) => {
      const [row, column] = [Math.floor(index / columns), index % columns];
      const key = keyOf(id, row, column);
      const isWrong = wrong?.id === id && wrong.row === row && wrong.column === column;
      const label = rows * columns === 1 ? name : `${name} row ${row + 1} column ${column + 1}`;
      return html`<input type="text" inputmode="text" autocomplete="off" spellcheck="false"
        data-cell=${key} aria-label=${label} aria-invalid=${isWrong ? 'true' : nothing}
        aria-describedby=${isWrong ? 'by-hand-verdict' : nothing} .value=${live(now.texts.get(key) ?? '')} @input=${(
          /** @type {Event} */ { target },
        ) => {
          now.texts.set(key, /** @type {HTMLInputElement} */ (target).value);
          // Neither is what is under way of this number, nor that all were right; what was wrong stays to be read.
          asking();
          if (verdict.peek()?.kind === 'right') verdict.value = null;
        }}>`;
    })}</div>
  </div>`;

  return () => {
    const stop = effect(() => {
      const now = task.value;
      const said = verdict.value;
      const grids = gridsOf(now);
      render(
        html`${settings(now)}
          <div class="halves">
            <section aria-labelledby="by-hand-given"><h3 id="by-hand-given">Given</h3><div class="grids">${grids
              .filter(({ given }) => given)
              .map((grid) => fields(now, grid, said?.place))}</div></section>
            <section aria-labelledby="by-hand-claimed"><h3 id="by-hand-claimed">Your numbers</h3><p class="quiet">Enter
              what you have; what is empty is not compared. A number is right if it is
              within <math translate="no">${number('0.001')}</math> of ours, or within a thousandth of ours where that is
              above 1.</p>
              <div class="grids">${grids
                .filter(({ given }) => !given)
                .map((grid) => fields(now, grid, said?.place))}</div></section>
          </div>
          <div class="row foot"><button type="submit" class="btn primary">Check</button>
            <div id="by-hand-verdict" class="said" role="status" data-kind=${said?.kind ?? ''}>${
              said
                ? html`<p>${said.kind === 'right' ? icon('tick') : nothing}${said.text}</p>
                  ${said.hint ? html`<p>${said.hint}</p>` : nothing}`
                : nothing
            }</div></div>`,
        form,
      );
    });
    return () => {
      stop();
      asking();
    };
  };
}
