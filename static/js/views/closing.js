/** How every dialog of the page closes. */

/** By its button, and by a click beside it. @param {HTMLDialogElement} dialog @param {HTMLElement} button */
export function closesBy(dialog, button) {
  button.addEventListener('click', () => dialog.close());
  dialog.addEventListener('click', (event) => {
    // Beside its frame lies the backdrop.
    if (event.target === dialog) dialog.close();
  });
}
