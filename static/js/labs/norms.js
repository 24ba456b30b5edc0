/** A number of each layer over the iterations at which it was looked at; when there are many, every other one goes. */

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
    if (this.iterations.length <= MOST) return;
    const every = (/** @type {unknown} */ _, /** @type {number} */ index) => index % 2 === 0;
    this.iterations = this.iterations.filter(every);
    this.curves = this.curves.map((curve) => curve.filter(every));
  }
}
