/** The way to the lessons: their modules come with the first one. */

import { effect } from '../../vendor/signals-core/signals-core.js';

/** @typedef {import('../state.js').Store} Store */

/** @param {Store} store @param {import('../types/protocol').Catalogue} catalogue @param {import('../experiment.js').Experiment} defaults @param {(id: string) => HTMLElement} find */
export function mountLessons(store, catalogue, defaults, find) {
  /** @type {Promise<{list: () => void}> | undefined} */
  let mounted;
  const mount = () => {
    mounted ??= import('../lessons/main.js').then((module) => module.mount(store, catalogue, defaults, find));
    return mounted.catch(() => {
      mounted = undefined;
      store.notice.value = { kind: 'problem', text: 'The lessons could not be fetched. Try again when the page is connected.' };
      return null;
    });
  };
  find('lessons').addEventListener('click', async () => (await mount())?.list());
  const stop = effect(() => {
    if (!store.experiment.value.lesson) return;
    queueMicrotask(() => stop());
    void mount();
  });
}
