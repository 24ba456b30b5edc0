/** A small picture of ŷ over the plane, on the page's own thread: for what is looked at now and then. */

import { boundaryLine } from '../painting/contour.js';
import { fitted, Maps } from '../painting/map.js';
import { ramp } from '../painting/ramp.js';
import { painterColours } from '../theme.js';

/** @typedef {import('../types/protocol').Boundary} Boundary */

const maps = new Maps();

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Pick<Boundary, 'width' | 'height' | 'values'>} samples
 * @param {boolean} line whether ŷ = 0.5 means something
 * @param {number} [stroke] how broad it is, in the canvas' pixels
 */
export function paintThumbnail(canvas, samples, line, stroke = canvas.width / 40) {
  const context = canvas.getContext('2d', { alpha: false });
  if (!context) return;
  const { heat, contour } = painterColours();
  const box = { x: 0, y: 0, width: canvas.width, height: canvas.height };
  maps.paint(samples.values, samples.width, samples.height, ramp(heat));
  maps.draw(context, 0, box);
  if (!line) return;
  context.lineWidth = stroke;
  context.strokeStyle = contour;
  context.stroke(fitted(boundaryLine(samples), box));
}
