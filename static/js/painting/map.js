/**
 * Grids of bytes as pictures: any number of maps of one size, painted through a ramp into one canvas, drawn from there
 * wherever they go.
 */

/** @typedef {{x: number, y: number, width: number, height: number}} Box */

export class Maps {
  #canvas = new OffscreenCanvas(1, 1);
  #context = /** @type {OffscreenCanvasRenderingContext2D} */ (this.#canvas.getContext('2d', { alpha: false }));
  #image = new ImageData(1, 1);
  #words = new Uint32Array(this.#image.data.buffer);
  #width = 0;
  #height = 0;

  /**
   * One pixel per byte, a map below the other; row 0 of a map's values is its lowest.
   *
   * @param {Uint8Array} values count × height × width
   * @param {number} width
   * @param {number} height
   * @param {Uint32Array} ramp 256 colours
   */
  paint(values, width, height, ramp) {
    const count = values.length / (width * height);
    if (this.#image.width !== width || this.#image.height !== height * count) {
      this.#canvas.width = width;
      this.#canvas.height = height * count;
      this.#image = new ImageData(width, height * count);
      this.#words = new Uint32Array(this.#image.data.buffer);
    }
    this.#width = width;
    this.#height = height;
    const words = this.#words;
    for (let map = 0; map < count; map++) {
      for (let row = 0; row < height; row++) {
        const from = (map * height + row) * width;
        const to = (map * height + height - 1 - row) * width;
        for (let column = 0; column < width; column++) words[to + column] = ramp[values[from + column]];
      }
    }
    this.#context.putImageData(this.#image, 0, 0);
  }

  /**
   * Draws one of them, smoothly. Its outermost samples lie on the border of the box, so that half a pixel of it lies
   * beyond.
   *
   * @param {OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D} context
   * @param {number} map which
   * @param {Box} box
   */
  draw(context, map, { x, y, width, height }) {
    context.drawImage(
      this.#canvas,
      0.5,
      map * this.#height + 0.5,
      this.#width - 1,
      this.#height - 1,
      x,
      y,
      width,
      height,
    );
  }
}

/**
 * Gives a canvas the size of its scene, if it has another.
 *
 * @param {OffscreenCanvas} canvas
 * @param {{width: number, height: number, ratio: number}} scene in CSS pixels, and the screen's to one of them
 */
export function resize(canvas, scene) {
  const [width, height] = [scene.width, scene.height].map((length) => Math.round(length * scene.ratio));
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

/** Bytes as they are in JSON. @param {string} base64 */
export const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/** Of bits one after the other, the first of a byte its highest. @param {Uint8Array} bits @param {number} index */
export const isSet = (bits, index) => (bits[index >> 3] & (0x80 >> (index & 7))) !== 0;

/** A line of contour.js, which spans 0…100, into a box. @param {string} line @param {Box} box */
export function fitted(line, { x, y, width, height }) {
  const path = new Path2D();
  path.addPath(new Path2D(line), { a: width / 100, d: height / 100, e: x, f: y });
  return path;
}
