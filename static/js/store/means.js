/**
 * Costs of mini-batches as a line that can be read: each is of a few examples, and one after the other they look like a
 * barcode. The mean over an epoch has every training example in it once, and so is nearly the cost of them all.
 */

/**
 * The mean of the last costs, at some iterations; near the beginning of as many as there are.
 *
 * Each window lies in two blocks of its own length: it is the end of one and the beginning of the next, so that nothing
 * is ever subtracted. One cost of 1e38 does no harm to the means after it.
 *
 * @param {Float32Array} costs
 * @param {number} window how many
 * @param {number[]} at iterations, in their order
 */
export function meansAt(costs, window, at) {
  /** @type {number[]} */
  const means = [];
  if (at.length === 0) return means;
  /** What lies before matters to none. */
  const first = Math.max(0, at[0] - window + 1);
  /** Sums of the block before, each from a place of it to its end. */
  const ends = new Float64Array(window + 1);
  for (let start = first; means.length < at.length && start < costs.length; start += window) {
    const end = Math.min(start + window, costs.length);
    let sum = 0;
    for (let k = start; k < end; k++) {
      sum += costs[k];
      if (k === at[means.length]) means.push((sum + ends[k - start + 1]) / Math.min(window, k + 1));
    }
    sum = 0;
    for (let k = end - 1; k >= start; k--) {
      sum += costs[k];
      ends[k - start] = sum;
    }
  }
  return means;
}

/**
 * The last iteration of each column of pixels.
 *
 * @param {number} from
 * @param {number} to beyond the last
 * @param {number} columns
 */
export function columnEnds(from, to, columns) {
  const count = Math.min(to - from, Math.max(1, Math.floor(columns)));
  return Array.from({ length: count }, (_, index) => from + Math.floor(((index + 1) * (to - from)) / count) - 1);
}
