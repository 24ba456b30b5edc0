/** Pictures travel as differences between neighbours, which deflate to half the size; this gives the values back. */

/** @typedef {import('../types/protocol').Frame} Frame */

/**
 * Sums along each row, then up the columns, modulo 256 as bytes are.
 *
 * @param {Uint8Array} bytes height × width, in place
 * @param {number} width
 */
export function sumUp(bytes, width) {
  for (let start = 0; start < bytes.length; start += width) {
    let sum = 0;
    for (let at = start; at < start + width; at++) {
      sum += bytes[at];
      bytes[at] = start === 0 ? sum : sum + bytes[at - width];
    }
  }
}

/** @param {Frame} frame */
export function restorePictures({ runs }) {
  for (const { boundary, neurons = [] } of runs) {
    if (boundary?.encoding === 'differences') sumUp(boundary.values, boundary.width);
    for (const { encoding, units, width, height, values } of neurons) {
      if (encoding !== 'differences') continue;
      for (let unit = 0; unit < units; unit++)
        sumUp(values.subarray(unit * width * height, (unit + 1) * width * height), width);
    }
  }
}
