/**
 * A number of each layer over the iterations at which it was looked at, or that the server still knows; when there are
 * many, every other one goes.
 */

const MOST = 600;

export class Norms {
  /** @type {number[]} */
  iterations = [];
  /** In step with the iterations, a row for each layer. @type {number[][]} */
  curves = [];

  /**
   * What was known from that iteration on is of another run, or of another way it went.
   *
   * @param {number} iteration
   * @param {number[]} norms of the layers
   */
  write(iteration, norms) {
    const before = norms.length === this.curves.length ? this.iterations.findIndex((known) => known >= iteration) : 0;
    const length = before < 0 ? this.iterations.length : before;
    this.iterations = [...this.iterations.slice(0, length), iteration];
    this.curves = norms.map((norm, layer) => [...(this.curves[layer]?.slice(0, length) ?? []), norm]);
    this.#thin();
  }

  /**
   * What the server knows of the way here goes between what is known already.
   *
   * @param {number[]} iterations
   * @param {number[][]} norms a row for each
   */
  recall(iterations, norms) {
    /** Of another network. */
    const other = norms[0]?.length !== this.curves.length;
    const known = new Map(iterations.map((iteration, index) => [iteration, norms[index]]));
    if (!other)
      this.iterations.forEach((iteration, index) =>
        known.set(
          iteration,
          this.curves.map((curve) => curve[index]),
        ),
      );
    const rows = [...known].sort(([a], [b]) => a - b);
    this.iterations = rows.map(([iteration]) => iteration);
    this.curves = (norms[0] ?? []).map((_, layer) => rows.map(([, row]) => row[layer]));
    this.#thin();
  }

  #thin() {
    if (this.iterations.length <= MOST) return;
    const every = (/** @type {unknown} */ _, /** @type {number} */ index) => index % 2 === 0;
    this.iterations = this.iterations.filter(every);
    this.curves = this.curves.map((curve) => curve.filter(every));
  }
}
