/** A page of the documentation: looks for headings in all of them, and sets formulas as a lesson does. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { ask } from '../asking.js';
import '../theme.js';
import { formula } from './formula.js';

/** @typedef {{title: string, address: string, headings: [text: string, anchor: string][]}} Page */

/** More are not shown, and that is said. */
const MOST_FOUND = 30;

const find = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const sought = /** @type {HTMLInputElement} */ (find('sought'));

/** @type {Promise<Page[] | null> | null} */
let asked = null;
/** All pages; asked for once, and again if there was no answer. */
async function pages() {
  asked ??= ask('/help/headings.json').then((answer) => (answer?.ok ? answer.body : null));
  const found = await asked;
  if (!found) asked = null;
  return found;
}

/**
 * Every heading that has one of the words, where the title of its page has the others.
 *
 * @param {readonly Page[]} all @param {string} words
 */
function headingsWith(all, words) {
  const wanted = words.toLowerCase().split(/\s+/);
  const has = (/** @type {string} */ text, /** @type {string} */ word) => text.toLowerCase().includes(word);
  return all.flatMap(({ title, address, headings }) => [
    ...(wanted.every((word) => has(title, word)) ? [{ text: title, of: '', address }] : []),
    ...headings
      .filter(([text]) => wanted.some((word) => has(text, word)) && wanted.every((word) => has(title + text, word)))
      .map(([text, anchor]) => ({ text, of: title, address: `${address}#${anchor}` })),
  ]);
}

async function look() {
  const words = sought.value.trim();
  find('pages').hidden = words !== '';
  const all = words ? await pages() : [];
  if (words !== sought.value.trim()) return;
  const found = headingsWith(all ?? [], words);
  const said = !words
    ? ''
    : !all
      ? 'The server does not answer.'
      : found.length === 0
        ? 'No heading has these words.'
        : found.length === 1
          ? '1 heading'
          : `${found.length} headings`;
  find('count').textContent = said;
  const more = found.length - MOST_FOUND;
  render(
    html`${found.length === 0 && words ? html`<p>${said}</p>` : nothing}<ul>${found
      .slice(0, MOST_FOUND)
      .map(
        ({ text, of, address }) =>
          html`<li><a href=${address}>${text}${of ? html` <small>${of}</small>` : nothing}</a></li>`,
      )}</ul>${more > 0 ? html`<p>${more} more have these words.</p>` : nothing}`,
    find('found'),
  );
}

sought.addEventListener('input', look);
sought.addEventListener('keydown', ({ key }) => {
  if (key === 'Enter') find('found').querySelector('a')?.click();
});
find('search').hidden = false;
find('pages').querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });

// A heading of this page that was chosen is to be seen: on a small screen the list is over the text.
const contents = find('contents');
contents.addEventListener('click', ({ target }) => {
  if (target instanceof Element && target.closest('a') && contents.matches(':popover-open')) contents.hidePopover();
});

for (const each of document.querySelectorAll('[data-formulas] :is(td, code)')) {
  const set = each.childElementCount === 0 && !each.closest('pre') ? formula(each.textContent ?? '') : null;
  if (set) {
    each.textContent = '';
    render(set, /** @type {HTMLElement} */ (each));
  }
}
