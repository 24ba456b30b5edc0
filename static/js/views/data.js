/** Which points: dataset, how many, how noisy, how split, and their seed. */

import { effect } from '../../vendor/signals-core/signals-core.js';
import { bindChoice } from './choice.js';
import { bindValue, stopsBetween, stopsEvery } from './value.js';

/** @typedef {import('../state.js').Store} Store */
/** @typedef {import('../experiment.js').Fields} Fields */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */

/** Short enough to be read out and typed. */
const SEEDS = 10_000;

/** A seed that is not the one there is. @param {number} now */
export function anotherSeed(now) {
  const seed = Math.floor(Math.random() * (SEEDS - 1));
  return seed < now ? seed : seed + 1;
}

/** @param {Store} store @param {Fields} fields @param {Catalogue} catalogue @param {(id: string) => HTMLElement} find */
export function mountData(store, fields, catalogue, find) {
  bindChoice(
    find('datasets'),
    () => store.experiment.value.dataset,
    (dataset) => store.change({ dataset }),
  );
  const about = find('dataset-about');
  effect(() => {
    const { dataset } = store.experiment.value;
    about.textContent = catalogue.datasets.find(({ name }) => name === dataset)?.description ?? '';
  });

  /** @typedef {'examples' | 'noise' | 'trainFraction' | 'dataSeed'} Name */
  /** @type {[id: string, name: Name, stops: number[]][]} */
  const values = [
    ['examples', 'examples', stopsBetween(...fields.examples.limits)],
    ['noise', 'noise', stopsEvery(...fields.noise.limits, 0.05)],
    ['train-share', 'trainFraction', stopsEvery(...fields.trainFraction.limits, 0.05)],
    ['data-seed', 'dataSeed', []],
  ];
  for (const [id, name, stops] of values) {
    bindValue({
      input: /** @type {HTMLInputElement} */ (find(id)),
      slider: stops.length > 0 ? /** @type {HTMLInputElement} */ (find(`${id}-slider`)) : null,
      problem: find(`${id}-problem`),
      field: fields[name],
      value: () => store.experiment.value[name],
      change: (value) => store.change({ [name]: value }),
      stops,
    });
  }
  find('new-data-seed').addEventListener('click', () => {
    const dataSeed = anotherSeed(store.experiment.value.dataSeed);
    store.change({ dataSeed });
    store.announcement.value = `New points, seed ${dataSeed}`;
  });
}
