/** Puts the lessons together; fetched when one is asked for. */

import { Course } from './course.js';
import { mountLesson } from './lesson.js';
import { mountList } from './list.js';
import { Book } from './progress.js';

/**
 * @param {import('../store/state.js').Store} store
 * @param {import('../types/protocol').Catalogue} catalogue
 * @param {import('../experiment/experiment.js').Experiment} defaults
 * @param {(id: string) => HTMLElement} find
 * @param {() => import('../experiment/experiment.js').Experiment | null} mine what the reader had before the lesson
 */
export function mount(store, find, catalogue, defaults, mine) {
  const course = new Course(store, catalogue, defaults, new Book(), mine);
  const list = mountList(find, catalogue, course);
  mountLesson(store, find, catalogue, course, list);
  return { list };
}
