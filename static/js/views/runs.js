/** The runs of this browser in a table: to name, restore, compare, delete and take away. */

import { live } from '../../vendor/lit-html/directives/live.js';
import { ref } from '../../vendor/lit-html/directives/ref.js';
import { repeat } from '../../vendor/lit-html/directives/repeat.js';
import { html, nothing, render, svg } from '../../vendor/lit-html/lit-html.js';
import { effect, signal, untracked } from '../../vendor/signals-core/signals-core.js';
import { download } from '../download.js';
import { experimentOf } from '../experiment/experiment.js';
import { summary } from '../experiment/words.js';
import { cost, count, counted, percent } from '../format.js';
import { variable } from '../notation.js';
import { csvOf, MOST_RUNS, samplesOf } from '../store/kept-runs.js';
import { palette } from '../theme.js';
import { within } from './cost-scale.js';
import { whenOpen } from './drawer.js';
import { crossButton } from './icon.js';
import { paintThumbnail } from './thumbnail.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../store/kept-runs.js').KeptRun} KeptRun */
/** @typedef {import('../store/kept-runs.js').KeptRuns} KeptRuns */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */

/** At most so many beside the current run: more cannot be told apart. */
const MOST_COMPARED = 5;
const LONGEST_NAME = 60;
/** The small cost curves. */
const SPARK = { width: 96, height: 32 };

const OUTCOMES = { diverged: 'diverged', ended: 'came to its end', stopped: 'met its condition' };

const time = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** How many are right; of a regression, where none is, the cost. @param {number | null} right @param {number | null} J */
const share = (right, J) =>
  right !== null || J === null ? percent(right) : html`<math translate="no">${variable('J')}</math> ${cost(J)}`;

/**
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @param {Catalogue} catalogue
 * @param {Experiment} defaults
 * @param {KeptRuns} runs
 */
export function mountRuns(store, find, catalogue, defaults, runs) {
  record(store, runs);
  const panel = find('runs');
  /** @type {import('../../vendor/signals-core/signals-core.js').Signal<{run: KeptRun, index: number} | null>} */
  const removed = signal(/** @type {{run: KeptRun, index: number} | null} */ (null));

  /** @param {KeptRun} run */
  const words = (run) => summary(run.experiment, defaults, catalogue);
  /** @param {KeptRun} run */
  const title = (run) => run.name || words(run);
  const focus = (/** @type {string} */ selector) => {
    /** @type {HTMLElement | null} */ (panel.querySelector(selector))?.focus();
  };

  const actions = {
    /** @param {KeptRun} run */
    restore(run) {
      store.change(experimentOf(run.spec, catalogue));
      store.announcer.say(`Restored: ${title(run)}`);
    },
    /** @param {KeptRun} run */
    remove(run) {
      const index = runs.list.value.indexOf(run);
      store.compared.value = store.compared.value.filter(({ id }) => id !== run.id);
      removed.value = { run, index };
      runs.remove(run.id);
      store.announcer.say(`Deleted: ${title(run)}`);
      focus('.undo');
    },
    undo() {
      if (!removed.value) return;
      const { run, index } = removed.value;
      removed.value = null;
      runs.putBack(run, index);
      focus(`[data-run="${run.id}"] .name`);
    },
    /** @param {KeptRun} run @param {boolean} shown */
    compare(run, shown) {
      const others = store.compared.value.filter(({ id }) => id !== run.id);
      store.compared.value = shown ? [...others, run].slice(-MOST_COMPARED) : others;
    },
    download() {
      download(new Blob([csvOf(runs.list.value, words)], { type: 'text/csv' }), 'shallows-runs.csv');
    },
  };

  /** @param {KeptRun} run */
  const row = (run) => {
    const compared = store.compared.value.some(({ id }) => id === run.id);
    return html`<tr data-run=${run.id}>
      <td class="tick"><label><input type="checkbox" .checked=${live(compared)}
        @change=${(/** @type {Event} */ event) =>
          actions.compare(run, /** @type {HTMLInputElement} */ (event.target).checked)}><span
        class="vh">Compare ${title(run)}</span></label></td>
      <td class="look">${
        run.picture
          ? html`<canvas width="96" height="96" aria-hidden="true"
            ${ref((canvas) => canvas instanceof HTMLCanvasElement && paint(canvas, run))}></canvas>`
          : nothing
      }</td>
      <th scope="row"><input class="name" type="text" aria-label="Name of ${title(run)}" placeholder="Name this run"
        maxlength=${LONGEST_NAME} autocomplete="off" .value=${live(run.name)}
        @change=${(/** @type {Event} */ event) =>
          runs.rename(run.id, /** @type {HTMLInputElement} */ (event.target).value.trim())}>
        <p>${words(run)}</p><p class="quiet"><time
          datetime=${new Date(run.when).toISOString()}>${time.format(run.when)}</time>${
            run.outcome ? `, ${OUTCOMES[run.outcome]}` : nothing
          }</p></th>
      <td class="spark">${spark(run)}</td>
      <td data-label="Cost">${cost(run.cost)}</td>
      <td data-label="Train">${share(run.trainAccuracy, run.cost)}</td>
      <td data-label="Test">${share(run.testAccuracy, run.testCost)}</td>
      <td data-label="Iterations">${count(run.iterations)}</td>
      <td class="does"><button class="btn small" type="button" aria-label="Restore ${title(run)}"
        title="Set up this experiment again" @click=${() => actions.restore(run)}>Restore</button>
        ${crossButton(`Delete ${title(run)}`, () => actions.remove(run), 'Delete')}</td>
    </tr>`;
  };

  /** @param {KeptRun[]} list */
  const table = (list) => html`<div class="runs-table" tabindex="0" role="region" aria-label="Runs"><table>
      <thead><tr><th scope="col">Compare</th><th scope="col"><span class="vh">Output</span></th><th
        scope="col">Run</th><th scope="col">Cost
        curve</th><th scope="col">Cost</th><th scope="col">Train</th><th scope="col">Test</th><th
        scope="col">Iterations</th><th scope="col"><span class="vh">Actions</span></th></tr></thead>
      <tbody>${repeat(list, ({ id }) => id, row)}</tbody>
    </table></div>`;

  whenOpen(store, 'runs', () => {
    const stop = effect(() => {
      const list = runs.list.value;
      const gone = removed.value;
      void [store.compared.value, palette.value];
      const kept = runs.stored.value
        ? `Kept in this browser, ${MOST_RUNS} at most; then the oldest goes.`
        : 'This browser keeps no more of them: they last as long as this page.';
      render(
        html`${
          list.length === 0 && !gone
            ? nothing
            : html`<div class="runs-head"><p>${
                list.length > 0
                  ? `${counted(list.length, 'run')}. ${kept} Check up to ${MOST_COMPARED} to see their costs beside the current one’s.`
                  : nothing
              }</p>
            ${
              gone
                ? html`<p class="gone">Deleted “${title(gone.run)}”. <button class="btn small undo" type="button"
                  aria-label="Undo the deletion" @click=${actions.undo}>Undo</button></p>`
                : nothing
            }
            ${
              list.length > 0
                ? html`<button class="btn small" id="runs-csv" type="button"
                  @click=${actions.download}>Export all as CSV</button>`
                : nothing
            }</div>`
        }
          ${
            list.length > 0
              ? table(list)
              : html`<p class="empty">No runs yet. Press Play, then change something or press Reset: the run so far is kept
                here, with its cost curve and accuracy.</p>`
          }`,
        panel,
      );
    });
    return () => {
      stop();
      removed.value = null;
      render(nothing, panel);
    };
  });
}

/**
 * Keeps each run as it ends, as another takes its place, and as the page is left.
 *
 * @param {Store} store
 * @param {KeptRuns} runs
 */
function record(store, runs) {
  const enter = () => {
    if (store.run) runs.enter(store.run);
  };
  effect(() => {
    if (store.current.halted.value && store.current.picture.value) untracked(enter);
  });
  addEventListener('pagehide', () => {
    enter();
    runs.store();
  });
}

/** @type {WeakMap<HTMLCanvasElement, string>} */
const painted = new WeakMap();

/** @param {HTMLCanvasElement} canvas @param {KeptRun} run */
function paint(canvas, run) {
  const shown = `${run.picture}${palette.peek()}`;
  if (painted.get(canvas) === shown) return;
  painted.set(canvas, shown);
  paintThumbnail(canvas, samplesOf(run.picture), run.experiment.problem !== 'regression');
}

/** @param {KeptRun} run */
function spark({ curve, means }) {
  const end = Math.max(1, curve.x.at(-1) ?? 1);
  const top = Math.max(...(means ? within(curve.y, means.y) : curve.y), 1e-12);
  /** @param {import('../store/history.js').Curve} line */
  const path = ({ x, y }) => {
    const points = x.map(
      (iteration, index) =>
        `${((iteration / end) * SPARK.width).toFixed(1)} ${(1 + (1 - Math.min(1, y[index] / top)) * (SPARK.height - 2)).toFixed(1)}`,
    );
    return `M${points.join('L')}`;
  };
  return html`<svg viewBox="0 0 ${SPARK.width} ${SPARK.height}" width=${SPARK.width} height=${SPARK.height}
    aria-hidden="true">${means ? svg`<path class="batches" d=${path(curve)}></path>` : nothing}<path
    d=${path(means ?? curve)}></path></svg>`;
}
