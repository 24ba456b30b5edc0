/** The way to the lessons, whose modules come with the first one, and what the reader had before. */

import { effect } from '../../vendor/signals-core/signals-core.js';
import { fromHash, toHash, withKept } from '../experiment/address.js';
import { fetchLater, mayOpen } from './later.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../experiment/experiment.js').Fields} Fields */

/** Where this tab's storage has what there was before the lesson, as an address has it. */
const BEFORE = 'before-lesson';

/**
 * @template T
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @param {Fields} fields
 * @param {Experiment} defaults
 * @param {() => Promise<T>} get the modules
 * @param {(module: T, mine: () => Experiment | null) => {list: () => void}} start
 */
export function mountLessons(store, find, fields, defaults, get, start) {
  const mine = keepMine(store, fields, defaults);
  /** @type {Promise<{list: () => void} | undefined> | undefined} */
  let mounted;
  /** @param {() => void} again */
  const mount = (again) => {
    mounted ??= fetchLater(store, 'The lessons', get, again).then((module) => {
      if (!module) mounted = undefined;
      return module ? start(module, mine) : undefined;
    });
    return mounted;
  };
  const list = async () => {
    const lessons = await mount(list);
    if (mayOpen()) lessons?.list();
  };
  const begin = () => void mount(begin);
  find('lessons').addEventListener('click', list);
  const stop = effect(() => {
    if (!store.experiment.value.lesson) return;
    queueMicrotask(() => stop());
    begin();
  });
}

/**
 * The reader's own experiment, from before the lesson that is taken: also after a reload within it. Where this tab stores
 * nothing, or is full, it is known until the page is left.
 *
 * @param {Store} store
 * @param {Fields} fields
 * @param {Experiment} defaults
 * @returns {() => Experiment | null} null if the page was opened with the lesson
 */
function keepMine(store, fields, defaults) {
  /** @type {Experiment | null} */
  let mine = null;
  /** @param {(storage: Storage) => string | null | void} act */
  const stored = (act) => {
    try {
      return act(sessionStorage) ?? null;
    } catch {
      return null;
    }
  };
  if (store.experiment.peek().lesson) {
    const address = stored((storage) => storage.getItem(BEFORE));
    if (address !== null) mine = fromHash(address, defaults, fields).experiment;
  }
  let within = mine !== null;
  effect(() => {
    const now = store.experiment.value;
    if (!now.lesson) {
      if (within) stored((storage) => storage.removeItem(BEFORE));
      within = false;
      mine = now;
    } else if (mine && !within) {
      const address = withKept(toHash(mine, defaults, fields), mine, fields);
      stored((storage) => storage.setItem(BEFORE, address));
      within = true;
    }
  });
  return () => mine;
}
