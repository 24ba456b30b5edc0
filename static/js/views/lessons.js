/** The way to the lessons: their modules come with the first one. */

import { effect } from '../../vendor/signals-core/signals-core.js';
import { fetchLater } from './later.js';

/** @typedef {import('../store/state.js').Store} Store */

/**
 * @template T
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @param {() => Promise<T>} get the modules
 * @param {(module: T) => {list: () => void}} start
 */
export function mountLessons(store, find, get, start) {
  /** @type {Promise<{list: () => void} | undefined> | undefined} */
  let mounted;
  /** @param {() => void} again */
  const mount = (again) => {
    mounted ??= fetchLater(store, 'The lessons', get, again).then((module) => {
      if (!module) mounted = undefined;
      return module ? start(module) : undefined;
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
