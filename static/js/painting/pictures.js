/**
 * Pictures travel as differences between neighbours, which deflate to half the size, and where lines cross them beside
 * them; this gives the values back, and to each picture its own.
 */

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
  for (const { boundary, neurons = [], lines } of runs) {
    if (boundary) boundary.shares = lines?.boundary;
    neurons.forEach((maps, index) => {
      maps.shares = lines?.neurons?.[index];
    });
    for (const picture of [boundary, lines?.unit])
      if (picture?.encoding === 'differences') sumUp(picture.values, picture.width);
    for (const { encoding, units, width, height, values } of neurons) {
      if (encoding !== 'differences') continue;
      for (let unit = 0; unit < units; unit++)
        sumUp(values.subarray(unit * width * height, (unit + 1) * width * height), width);
    }
  }
}
