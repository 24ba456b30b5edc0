/** The clipboard, also over plain http on a classroom's network, where there is no clipboard API. */

/** For the reader, where what could not be copied is selected instead. */
export const UNCOPIED = 'This browser does not let the page copy: it is selected, press Ctrl C.';

/**
 * @param {string} text
 * @param {HTMLElement} [place] an open dialog: outside of it nothing can be selected
 * @returns {Promise<boolean>} whether the browser lets the page copy
 */
export async function copy(text, place = document.body) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement('textarea');
    field.value = text;
    field.className = 'vh';
    const focused = document.activeElement;
    place.append(field);
    field.select();
    const copied = document.execCommand('copy');
    field.remove();
    if (focused instanceof HTMLElement) focused.focus();
    return copied;
  }
}
