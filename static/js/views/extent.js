/** How large something on the page is, as a signal. */

import { signal } from '../../vendor/signals-core/signals-core.js';

/** A signal that changes whenever one of the elements changes size, until `stop`. @param {HTMLElement[]} elements */
export function sizeOf(...elements) {
  const size = signal('');
  const observer = new ResizeObserver(() => {
    size.value = elements.map(({ clientWidth, clientHeight }) => `${clientWidth}×${clientHeight}`).join();
  });
  for (const element of elements) observer.observe(element);
  return { size, stop: () => observer.disconnect() };
}
