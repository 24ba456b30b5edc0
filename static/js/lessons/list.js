/** All lessons in a dialog, with how far the reader has come in each. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { effect, signal } from '../../vendor/signals-core/signals-core.js';
import { latest } from '../asking.js';
import { experimentOf } from '../experiment/experiment.js';
import { closesBy } from '../views/closing.js';
import { icon } from '../views/icon.js';
import { miniature } from '../views/miniature.js';
import { lessonOf, listed } from './course.js';

/** @typedef {import('./course.js').Course} Course */
/** @typedef {import('../types/lessons').Summary} Summary */
/** @typedef {import('../types/lessons').Unread} Unread */

/**
 * @param {(id: string) => HTMLElement} find
 * @param {import('../types/protocol').Catalogue} catalogue
 * @param {Course} course
 * @returns {() => void} opens it
 */
export function mountList(find, catalogue, course) {
  const dialog = /** @type {HTMLDialogElement} */ (find('lessons-dialog'));
  const { book } = course;
  const lessons = signal(/** @type {Summary[] | null} */ (null));
  /** Files of a teacher's that are no lessons. */
  const unread = signal(/** @type {Unread[]} */ ([]));
  const problem = signal('');
  /** What “Clear progress” has cleared. */
  const cleared = signal(/** @type {import('./progress.js').All | null} */ (null));
  const open = signal(false);

  const asking = latest();
  const beginning = latest();
  const ask = async () => {
    const counts = asking();
    problem.value = '';
    try {
      const found = await listed();
      if (!counts()) return;
      unread.value = found.unread;
      lessons.value = found.lessons;
    } catch (error) {
      if (counts()) problem.value = /** @type {Error} */ (error).message;
    }
  };
  /** @param {string} name @param {number} step */
  const begin = async (name, step) => {
    const counts = beginning();
    problem.value = '';
    try {
      const lesson = await lessonOf(name);
      if (!counts()) return;
      // It gives the focus back; then the lesson takes it.
      dialog.close();
      course.begin(lesson, step);
    } catch (error) {
      if (counts()) problem.value = /** @type {Error} */ (error).message;
    }
  };
  const clear = () => {
    cleared.value = book.all.peek();
    book.replace({});
  };
  const putBack = () => {
    if (cleared.value) book.replace(cleared.value);
    cleared.value = null;
  };

  /** @param {Summary} lesson @param {number} index */
  const row = ({ name, title, part, minutes, steps, start }, index) => {
    const { at, done } = book.all.value[name] ?? book.of(name);
    const did = done.filter((step) => step <= steps).length;
    const begun = did > 0 || at > 1;
    const finished = did === steps;
    const current = course.lesson.value?.name === name;
    const state = finished
      ? html`<span class="state done">${icon('check')}Finished</span>`
      : html`<span class="state">${begun ? `${did} of ${steps} done` : `${steps} steps`}</span>`;
    return html`<li>
      <button type="button" class="row" aria-current=${current ? 'true' : 'false'}
        @click=${() => begin(name, finished ? 1 : Math.min(at, steps))}>
        <span class="number">${index + 1}</span>${miniature(experimentOf(start, catalogue), catalogue)}<span
          class="what"><b>${title}</b><span class="part">${part}</span></span><span class="minutes">${minutes}
          min</span>${state}${
            did > 0 && !finished
              ? html`<span class="bar" aria-hidden="true"><span style="width: ${(100 * did) / steps}%"></span></span>`
              : nothing
          }
      </button>
      ${
        begun && !finished
          ? html`<button type="button" class="btn quiet small" aria-label="Start ${title} over"
            @click=${() => begin(name, 1)}>Start over</button>`
          : nothing
      }
    </li>`;
  };

  effect(() => {
    if (!open.value) return;
    const rows = lessons.value;
    const any = Object.keys(book.all.value).length > 0;
    render(
      html`${
        problem.value
          ? html`<p class="wrong" role="alert">${problem.value} ${
              rows ? nothing : html`<button type="button" class="btn small" @click=${ask}>Try again</button>`
            }</p>`
          : nothing
      }
        ${
          rows
            ? html`<ol>${rows.map(row)}</ol>`
            : problem.value
              ? nothing
              : html`<p class="hint" role="status">Fetching the lessons</p>`
        }
        ${
          unread.value.length > 0
            ? html`<details><summary>${unread.value.length === 1 ? '1 file is' : `${unread.value.length} files are`} left out</summary>
              <ul>${unread.value.map(({ file, detail }) => html`<li>${file}: ${detail}</li>`)}</ul></details>`
            : nothing
        }
        <p class="hint">Each takes one part of the lecture: predict, try it on this page, read why. ${
          book.stored.value
            ? 'Your progress is kept in this browser.'
            : 'This browser keeps nothing: your progress lasts as long as this page.'
        }
          ${
            cleared.value
              ? html`<button type="button" class="btn quiet small" @click=${putBack}>Put it back</button>`
              : any
                ? html`<button type="button" class="btn quiet small" @click=${clear}>Clear progress</button>`
                : nothing
          }</p>`,
      find('lessons-list'),
    );
  });

  closesBy(dialog, find('lessons-close'));
  dialog.addEventListener('close', () => {
    // Whoever has closed it wants none of them any more.
    beginning();
    open.value = false;
    cleared.value = null;
    render(nothing, find('lessons-list'));
  });

  return () => {
    open.value = true;
    dialog.showModal();
    if (!lessons.peek()) void ask();
  };
}
