/** What the network is given of each point: a tile for each input there can be, with its map over the plane. */

import { html, render } from '../../vendor/lit-html/lit-html.js';
import { effect } from '../../vendor/signals-core/signals-core.js';
import { featureMath, featureText } from '../notation.js';
import { bytesOf, Maps } from '../painting/map.js';
import { ramp } from '../painting/ramp.js';
import { painterColours, palette } from '../theme.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */

/** Pixels of a map on the page, twice as fine as its points. */
const SIDE = 104;

/** The maps of some inputs, one after the other. @param {Catalogue} catalogue @param {readonly string[]} names */
export function mapsOf({ features }, names) {
  const chosen = names.flatMap((name) => features.find((feature) => feature.name === name) ?? []);
  return {
    size: chosen[0]?.size ?? 1,
    values: Uint8Array.from(chosen.flatMap(({ map }) => [...bytesOf(map)])),
  };
}

/** @param {Store} store @param {(id: string) => HTMLElement} find @param {Catalogue} catalogue */
export function mountFeatures(store, find, catalogue) {
  const group = find('features');
  const problem = find('features-problem');
  const boxes = /** @type {HTMLInputElement[]} */ ([...group.querySelectorAll('input')]);
  for (const box of boxes) {
    const name = /** @type {HTMLElement} */ (box.closest('label')?.querySelector('.nm'));
    render(html`<math translate="no" aria-hidden="true">${featureMath(box.value)}</math>`, name);
    box.setAttribute('aria-label', featureText(box.value));
  }

  group.addEventListener('change', () => {
    const features = boxes.filter(({ checked }) => checked).map(({ value }) => value);
    if (features.length > 0) {
      problem.textContent = '';
      store.change({ features });
      return;
    }
    const [last] = store.experiment.value.features;
    problem.textContent = 'A network needs at least one input.';
    for (const box of boxes) box.checked = box.value === last;
  });
  group.addEventListener('focusout', () => {
    problem.textContent = '';
  });
  effect(() => {
    const features = store.features.value;
    for (const box of boxes) box.checked = features.includes(box.value);
    find('inputs').textContent = String(features.length);
  });

  // A canvas in the page would be a layer of its own, to be put in place at each frame.
  const pictures = boxes.map((box) => {
    const picture = new Image();
    picture.alt = '';
    picture.draggable = false;
    box.closest('label')?.querySelector('.pic')?.append(picture);
    return picture;
  });
  const maps = new Maps();
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = SIDE;
  const context = /** @type {CanvasRenderingContext2D} */ (
    canvas.getContext('2d', { alpha: false, willReadFrequently: true })
  );
  effect(() => {
    void palette.value;
    const colours = ramp(painterColours().heat);
    catalogue.features.forEach(({ map, size }, index) => {
      maps.paint(bytesOf(map), size, size, colours);
      maps.draw(context, 0, { x: 0, y: 0, width: SIDE, height: SIDE });
      pictures[index].src = canvas.toDataURL();
    });
  });
}
