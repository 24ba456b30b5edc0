/** What is said to those who hear the page. */

/** So many of the latest stay to be read again; the oldest goes. */
const MOST_LINES = 5;

/**
 * Each text is a line of its own, and no text takes another's place: of two that come at once a screen reader would
 * read the later alone.
 *
 * @param {HTMLElement} log
 * @returns {(text: string) => void} says it; an empty text says nothing
 */
export function announcerIn(log) {
  return (text) => {
    if (!text) return;
    const line = document.createElement('p');
    line.textContent = text;
    log.append(line);
    if (log.childElementCount > MOST_LINES) log.firstElementChild?.remove();
  };
}
