/** The way to the lessons: their modules come with the first one. */

import { effect } from '../../vendor/signals-core/signals-core.js';
import { fetchLater } from './later.js';

/** @typedef {import('../store/state.js').Store} Store */

/**
 * @param {Store} store
 * @param {import('../types/protocol').Catalogue} catalogue
 * @param {import('../experiment/experiment.js').Experiment} defaults
 * @param {(id: string) => HTMLElement} find
 */
export function mountLessons(store, catalogue, defaults, find) {
  /** @type {Promise<{list: () => void} | undefined> | undefined} */
  let mounted;
  /** @param {() => void} again */
  const mount = (again) => {
    mounted ??= fetchLater(store, 'The lessons', () => import('../lessons/start.js'), again).then((module) => {
      if (!module) mounted = undefined;
      return module?.mount(store, catalogue, defaults, find);
    });
    return mounted;
  };
  const list = async () => (await mount(list))?.list();
  const begin = () => void mount(begin);
  find('lessons').addEventListener('click', list);
  const stop = effect(() => {
    if (!store.experiment.value.lesson) return;
    queueMicrotask(() => stop());
    begin();
  });
}
