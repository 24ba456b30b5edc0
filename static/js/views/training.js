/** How the network is trained: optimiser, batches, penalties, and when to stop. */

import { computed, effect } from '../../vendor/signals-core/signals-core.js';
import { count } from '../format.js';
import { renewSeed } from './data.js';
import { bindFields, stopsBetween } from './value.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Fields} Fields */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */

const OPEN = 'training-open';
/** Zero, and 1 and 3 of each power of ten: the usual rates of a penalty. */
const RATES = [0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];

/**
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @param {Catalogue} catalogue
 * @param {Fields} fields
 */
export function mountTraining(store, find, catalogue, fields) {
  const details = /** @type {HTMLDetailsElement} */ (find('training'));
  details.open = remembered();
  details.addEventListener('toggle', () => remember(details.open));

  const optimizer = /** @type {HTMLSelectElement} */ (find('optimizer'));
  optimizer.addEventListener('change', () => store.change({ optimizer: optimizer.value }));
  effect(() => {
    optimizer.value = store.setup.optimizer.value;
  });

  bindFields(store, find, fields, {
    batchSize: ['batch-size', [...stopsBetween(1, 1000), null]],
    trainingSeed: ['training-seed', []],
    l1: ['l1', RATES],
    l2: ['l2', RATES],
    stopCost: ['stop-cost', [null, ...stopsBetween(0.0001, 1)]],
    stopAccuracy: ['stop-accuracy', [null, 0.8, 0.9, 0.95, 0.99, 1]],
    stopPatience: ['stop-patience', [null, ...stopsBetween(10, 10_000)]],
    stopIterations: ['stop-iterations', [null, ...stopsBetween(10, 100_000)]],
  });
  renewSeed(store, find('new-training-seed'), 'trainingSeed', 'New order of the batches');

  const order = /** @type {HTMLElement} */ (find('training-seed').closest('.sl'));
  const accuracy = /** @type {HTMLElement} */ (find('stop-accuracy').closest('.sl'));
  const sum = find('training-sum');
  const words = computed(() => inWords(store.experiment.value, catalogue));
  effect(() => {
    order.hidden = store.setup.batchSize.value === null;
    accuracy.hidden = store.regression.value;
    sum.textContent = words.value;
  });
}

/**
 * What is not by default, for when the section is closed.
 *
 * @param {import('../experiment/experiment.js').Experiment} experiment
 * @param {Catalogue} catalogue
 */
function inWords(
  { optimizer, batchSize, l1, l2, stopCost, stopAccuracy, stopPatience, stopIterations },
  { optimizers },
) {
  const stops = [stopCost, stopAccuracy, stopPatience, stopIterations].some((stop) => stop !== null);
  return [
    optimizers.find(({ name }) => name === optimizer)?.label ?? optimizer,
    batchSize === null ? 'full batch' : `batches of ${count(batchSize)}`,
    ...(l1 > 0 ? [`L1 ${l1}`] : []),
    ...(l2 > 0 ? [`L2 ${l2}`] : []),
    ...(stops ? ['stops'] : []),
  ].join(', ');
}

function remembered() {
  try {
    return localStorage.getItem(OPEN) === 'yes';
  } catch {
    return false;
  }
}

/** @param {boolean} open */
function remember(open) {
  try {
    localStorage.setItem(OPEN, open ? 'yes' : 'no');
  } catch {
    // Storage is blocked: it is closed again next time.
  }
}
