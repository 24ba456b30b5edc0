/** Draws a place anew, and whoever had the keyboard there still has it. */

import { render } from '../../vendor/lit-html/lit-html.js';

const STOPS = 'button:not(:disabled), input, select, textarea, a[href]';

/** @param {Element} place @returns {HTMLElement[]} */
const stops = (place) => [...place.querySelectorAll(STOPS)].map((each) => /** @type {HTMLElement} */ (each));

/**
 * What had the keyboard may be gone afterwards: then what has its id, or what stands in its place. Of a place with groups
 * that is the first stop of the same group, counted from the last one, since what is new comes first.
 *
 * @param {HTMLElement} place
 * @param {unknown} template
 * @param {string} [groups] a selector
 */
export function redraw(place, template, groups = '') {
  const had = /** @type {HTMLElement} */ (document.activeElement);
  const before = groups ? [...place.querySelectorAll(groups)] : [place];
  const found = before.findIndex((group) => group.contains(had));
  const at = groups ? 0 : stops(place).indexOf(had);
  render(template, place);
  if (found < 0 || at < 0 || document.activeElement === had) return;
  // What was moved loses it, too.
  const same = had.isConnected ? had : had.id && place.querySelector(`[id="${had.id}"]`);
  if (same) {
    /** @type {HTMLElement} */ (same).focus();
    return;
  }
  const group = (groups ? [...place.querySelectorAll(groups)] : [place]).at(found - before.length) ?? place;
  const now = stops(group);
  const next = now[Math.min(at, now.length - 1)];
  // A key that is still down shall not press what does much: then the group itself has it, as it has where there is none.
  if (next && !next.matches('.primary')) next.focus();
  else {
    /** @type {HTMLElement} */ (group).tabIndex = -1;
    /** @type {HTMLElement} */ (group).focus();
  }
}
