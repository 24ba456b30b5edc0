/** Which points: the problem and its datasets, how many, how noisy, how split, and their seed. */

import { effect } from '../../vendor/signals-core/signals-core.js';
import { labelsSuit, OWN } from '../experiment/experiment.js';
import { keptPoints, latestPoints } from '../experiment/kept-points.js';
import { hundredth } from '../experiment/points-by-hand.js';
import { bindChoice } from './choice.js';
import { bindFields, stopsBetween, stopsEvery } from './value.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Fields} Fields */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */
/** @typedef {import('../types/protocol').Problem} Problem */

const ABOUT_OWN = 'Points that you draw or bring along.';

/** Short enough to be read out and typed. */
const SEEDS = 10_000;

/**
 * A button that takes a seed that is not the one there is.
 *
 * @param {Store} store
 * @param {HTMLElement} button
 * @param {'dataSeed' | 'weightSeed' | 'trainingSeed'} name
 * @param {string} said what there is then
 */
export function renewSeed(store, button, name, said) {
  button.addEventListener('click', () => {
    const other = Math.floor(Math.random() * (SEEDS - 1));
    const seed = other < store.experiment.value[name] ? other : other + 1;
    store.change({ [name]: seed });
    store.announcer.say(`${said}, seed ${seed}`);
  });
}

/**
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @param {Catalogue} catalogue
 * @param {Fields} fields
 */
export function mountData(store, find, catalogue, fields) {
  const datasets = [...catalogue.datasets, ...catalogue.regression_datasets];
  /** The dataset to come back to of either problem. */
  const latest = { classification: catalogue.datasets[0].name, regression: catalogue.regression_datasets[0].name };
  effect(() => {
    const { dataset, problem } = store.experiment.value;
    if (dataset !== OWN) latest[problem] = dataset;
  });

  bindChoice(
    find('problem'),
    () => store.problem.value,
    (name) => {
      const problem = /** @type {Problem} */ (name);
      const { dataset, labels } = store.experiment.value;
      // One's own labels of either class are targets too; the other way round targets are no classes.
      store.change(dataset === OWN && labelsSuit(problem, labels) ? { problem } : { dataset: latest[problem] });
    },
  );
  bindChoice(
    find('datasets'),
    () => store.setup.dataset.value,
    (dataset) => (dataset === OWN ? chooseOwn(store) : store.change({ dataset })),
  );
  const tiles = /** @type {NodeListOf<HTMLElement>} */ (find('datasets').querySelectorAll('[data-task]'));
  const about = find('dataset-about');
  const drawn = /** @type {HTMLElement[]} */ (
    ['examples', 'noise', 'label-flips'].map((id) => find(id).closest('.sl'))
  );
  effect(() => {
    const dataset = store.setup.dataset.value;
    const problem = store.problem.value;
    for (const tile of tiles) tile.hidden = tile.dataset.task !== problem;
    about.textContent =
      dataset === OWN ? ABOUT_OWN : (datasets.find(({ name }) => name === dataset)?.description ?? '');
    // What is not drawn by the server has no such settings; targets have no class to flip to.
    const [examples, noise, flips] = drawn;
    examples.hidden = noise.hidden = dataset === OWN;
    flips.hidden = dataset === OWN || problem === 'regression';
  });

  bindFields(store, find, fields, {
    examples: ['examples', stopsBetween(...fields.examples.limits)],
    noise: ['noise', stopsEvery(...fields.noise.limits, 0.05)],
    labelFlips: ['label-flips', stopsEvery(...fields.labelFlips.limits, 0.05)],
    trainFraction: ['train-share', stopsEvery(...fields.trainFraction.limits, 0.05)],
    dataSeed: ['data-seed', []],
  });
  renewSeed(store, find('new-data-seed'), 'dataSeed', 'New points');
}

/** Own points; those that were left in another tab, or on another day, are offered. @param {Store} store */
function chooseOwn(store) {
  const latest = store.experiment.peek().points.length > 0 ? null : latestPoints();
  store.change(ownPoints(store));
  if (!latest) return;
  const accept = () => {
    const own = keptPoints(latest.name);
    if (!own) return;
    const { problem } = store.experiment.peek();
    store.change({
      ...own,
      origin: null,
      dataset: OWN,
      problem: labelsSuit(problem, own.labels) ? problem : 'regression',
    });
  };
  const when = new Date(latest.when).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
  store.notice.value = {
    kind: 'note',
    text: `This browser keeps points of your own of ${when}.`,
    offer: { label: 'Bring them back', accept },
  };
}

/**
 * The reader's own points as they were left; at first those of the dataset there is.
 *
 * @param {Store} store
 * @returns {Partial<import('../experiment/experiment.js').Experiment>}
 */
function ownPoints(store) {
  const { points, labels, problem } = store.experiment.value;
  const shown = store.points.value;
  if ((points.length > 0 && labelsSuit(problem, labels)) || !shown) return { dataset: OWN };
  return {
    dataset: OWN,
    origin: null,
    points: shown.points.map(([x1, x2]) => [hundredth(x1), hundredth(x2)]),
    labels: problem === 'regression' ? shown.labels.map(hundredth) : shown.labels,
  };
}
