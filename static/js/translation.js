/**
 * The page under a browser's translator, which puts a `<font>` in the place of each text. What draws the page keeps the
 * texts it has made, to change them and to find its places by them. So each goes back to its place, empty, before the
 * `<font>` that shows it translated. When the page changes it, it is shown itself, until it is translated again.
 *
 * What if it is full: nothing is held that the page does not hold.
 */

/** What shows a text in another language, and how it read. @type {WeakMap<Text, {font: Node, text: string}>} */
const shown = new WeakMap();
/** The text that each stands for. @type {WeakMap<Node, Text>} */
const stands = new WeakMap();

const WATCHED = { childList: true, subtree: true };

/** @param {Node} node */
const isFont = (node) => node.nodeName === 'FONT';

/** @param {HTMLElement} [root] */
export function survivesTranslation(root = document.body) {
  const observer = new MutationObserver((records) => {
    const fonts = new Set(records.flatMap(({ addedNodes }) => [...addedNodes].filter(isFont)));
    // Only who is translated has every change of a text looked at.
    if (fonts.size > 0) observer.observe(root, { ...WATCHED, characterData: true });
    /** @type {Set<Text>} */
    const back = new Set();
    for (const record of records) {
      if (record.target instanceof Text) changed(record.target);
      for (const node of record.removedNodes) {
        if (isFont(node)) restored(node);
        if (!(node instanceof Text) || back.has(node)) continue;
        const font = inPlaceOf(node, record, fonts);
        if (!font) continue;
        back.add(node);
        putBack(node, font);
      }
    }
  });
  observer.observe(root, WATCHED);
}

/**
 * The `<font>` that has just taken the place of a text, which may be inside of it.
 *
 * @param {Text} text
 * @param {MutationRecord} record
 * @param {Set<Node>} fonts
 */
function inPlaceOf(text, { target, addedNodes, previousSibling, nextSibling }, fonts) {
  /** @type {Node | null} */
  let outer = text;
  while (outer && outer.parentNode !== target) outer = outer.parentNode;
  return [outer, ...addedNodes, previousSibling, nextSibling].find(
    (node) => node && fonts.has(node) && node.parentNode === target,
  );
}

/** @param {Text} text @param {Node} font */
function putBack(text, font) {
  const place = /** @type {Node} */ (font.parentNode);
  // Spaces have no language, pictures and formulas no such element; or it stands empty here already.
  const stays = text.data.trim() === '' || !(place instanceof HTMLElement);
  if (!stays && font.contains(text)) text.replaceWith(text.data);
  place.insertBefore(text, font);
  if (stays) {
    place.removeChild(font);
    return;
  }
  shown.set(text, { font, text: text.data });
  stands.set(font, text);
  text.data = '';
}

/** A text that the page has changed is shown itself. @param {Text} text */
function changed(text) {
  const { font } = shown.get(text) ?? {};
  if (!font || text.data === '') return;
  shown.delete(text);
  stands.delete(font);
  font.parentNode?.removeChild(font);
}

/** The translation of a text was taken back. @param {Node} font */
function restored(font) {
  const text = stands.get(font);
  if (!text || font.isConnected) return;
  stands.delete(font);
  if (text.data === '') text.data = shown.get(text)?.text ?? '';
  shown.delete(text);
}
