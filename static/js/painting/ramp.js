/** One colour ramp for every map: orange (0, negative) to the page's ground (0.5, zero) to blue (1, positive). */

/** @typedef {import('../types/painting').Rgb} Rgb */

/**
 * 256 opaque colours as the 32-bit words of an ImageData, ends and middle given.
 *
 * @param {[low: Rgb, middle: Rgb, high: Rgb]} colours
 * @param {boolean} [discrete] only the two ends
 */
export function ramp([low, middle, high], discrete = false) {
  const words = new Uint32Array(256);
  const bytes = new Uint8ClampedArray(words.buffer);
  for (let value = 0; value < 256; value++) {
    const t = value / 127.5 - 1;
    const end = t < 0 ? low : high;
    const share = discrete ? 1 : Math.abs(t);
    for (let channel = 0; channel < 3; channel++)
      bytes[4 * value + channel] = middle[channel] + (end[channel] - middle[channel]) * share;
    bytes[4 * value + 3] = 255;
  }
  return words;
}
