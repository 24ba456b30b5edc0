/** Files that are dropped on a place of the page. */

/** @param {HTMLElement} place @param {() => boolean} may whether it takes one now @param {(file: File | undefined) => void} take */
export function takeDropped(place, may, take) {
  /** @param {DragEvent} event */
  const takes = ({ dataTransfer }) => Boolean(dataTransfer?.types.includes('Files')) && may();
  place.addEventListener('dragover', (event) => {
    if (!takes(event)) return;
    event.preventDefault();
    place.toggleAttribute('data-drop', true);
  });
  place.addEventListener('dragleave', (event) => {
    if (!(event.relatedTarget instanceof Node && place.contains(event.relatedTarget)))
      place.toggleAttribute('data-drop', false);
  });
  place.addEventListener('drop', (event) => {
    place.toggleAttribute('data-drop', false);
    if (!takes(event)) return;
    event.preventDefault();
    take(event.dataTransfer?.files[0]);
  });
}
