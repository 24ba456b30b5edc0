/**
 * The cost chart as a timeline: a click or a drag along it goes to that iteration. Keys have the timeline's own panel.
 */

import { allows } from '../experiment/parts.js';

/** @typedef {import('../store/state.js').Store} Store */

/** Nearer than this to where it went down a pointer has not moved (pixels). */
const STILL = 3;

/**
 * @param {Store} store
 * @param {HTMLElement} plot
 * @param {(clientX: number) => number | null} iterationAt
 */
export function mountScrub(store, plot, iterationAt) {
  /**
   * Where the pointer went down, and whether it has moved since.
   *
   * @type {{id: number, x: number, moved: boolean} | null}
   */
  let down = null;

  /** @param {PointerEvent} event */
  const seek = ({ clientX }) => {
    const iteration = iterationAt(clientX);
    if (iteration !== null && store.current.furthest > 0 && allows(store.reduction.peek(), 'timeline'))
      store.seek(iteration);
  };
  plot.addEventListener('pointerdown', ({ pointerId: id, clientX: x, button, isPrimary }) => {
    if (button === 0 && isPrimary) down = { id, x, moved: false };
  });
  plot.addEventListener('pointermove', (event) => {
    if (event.pointerId !== down?.id || (!down.moved && Math.abs(event.clientX - down.x) < STILL)) return;
    if (!down.moved) plot.setPointerCapture(event.pointerId);
    down.moved = true;
    seek(event);
  });
  plot.addEventListener('pointerup', (event) => {
    if (event.pointerId !== down?.id) return;
    if (!down.moved) seek(event);
    down = null;
  });
  // A finger that scrolls the page is not meant for the chart.
  plot.addEventListener('pointercancel', () => {
    down = null;
  });
}
