/** What had the keyboard before something was said has it again when that goes. */

/**
 * @param {HTMLElement} box that has something to press at times
 * @returns {() => void} gives it back
 */
export function givesBack(box) {
  /** @type {EventTarget | null} */
  let left = null;
  box.addEventListener('focusin', ({ relatedTarget }) => {
    if (!box.contains(/** @type {Node | null} */ (relatedTarget))) left = relatedTarget;
  });
  return () => left instanceof HTMLElement && left.focus({ preventScroll: true });
}
