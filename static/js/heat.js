/** One colour ramp for every map: orange (0, negative) to the page's ground (0.5, zero) to blue (1, positive). */

import { signal } from '../vendor/signals-core/signals-core.js';
import { colours } from './theme.js';

/** @typedef {[red: number, green: number, blue: number]} Rgb */

/**
 * 256 opaque colours as the 32-bit words of an ImageData, ends and middle given.
 *
 * @param {Rgb} low
 * @param {Rgb} middle
 * @param {Rgb} high
 */
export function ramp(low, middle, high) {
  const words = new Uint32Array(256);
  const bytes = new Uint8ClampedArray(words.buffer);
  for (let value = 0; value < 256; value++) {
    const t = value / 127.5 - 1;
    const end = t < 0 ? low : high;
    for (let channel = 0; channel < 3; channel++) {
      bytes[4 * value + channel] = middle[channel] + (end[channel] - middle[channel]) * Math.abs(t);
    }
    bytes[4 * value + 3] = 255;
  }
  return words;
}

/** @param {string} colour as computed by the browser: rgb(1, 2, 3) */
const channels = (colour) => /** @type {Rgb} */ (colour.match(/[\d.]+/g)?.slice(0, 3).map(Number));

/** The ramp in the colours of the theme that is on. */
export const heat = signal(new Uint32Array(256));

export function refreshHeat() {
  heat.value = ramp(...(/** @type {[Rgb, Rgb, Rgb]} */ (colours('heat-0', 'heat-m', 'heat-1').map(channels))));
}

/** @type {WeakMap<HTMLCanvasElement, {context: CanvasRenderingContext2D, image: ImageData, words: Uint32Array}>} */
const surfaces = new WeakMap();

/** @param {HTMLCanvasElement} canvas @param {number} width @param {number} height */
function surface(canvas, width, height) {
  const known = surfaces.get(canvas);
  if (known && known.image.width === width && known.image.height === height) return known;
  canvas.width = width;
  canvas.height = height;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { alpha: false }));
  const image = context.createImageData(width, height);
  const made = { context, image, words: new Uint32Array(image.data.buffer) };
  surfaces.set(canvas, made);
  return made;
}

/**
 * Paints bytes through the ramp, one pixel each; row 0 of `values` is the lowest.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Uint8Array} values height × width
 * @param {number} width
 * @param {number} height
 */
export function paint(canvas, values, width, height) {
  const { context, image, words } = surface(canvas, width, height);
  const colour = heat.value;
  for (let row = 0; row < height; row++) {
    const from = (height - 1 - row) * width;
    const to = row * width;
    for (let column = 0; column < width; column++) words[to + column] = colour[values[from + column]];
  }
  context.putImageData(image, 0, 0);
}
