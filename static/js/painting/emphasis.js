/**
 * What stands out in the picture of a network: in the colour of its way, with arrowheads along the edges that point
 * that way.
 */

import { along } from './network-layout.js';

/** @typedef {import('../types/painting').Colours} Colours */
/** @typedef {import('../types/painting').Emphasis} Emphasis */
/** @typedef {import('../types/painting').Part} Part */
/** @typedef {import('../types/painting').NetworkScene} NetworkScene */

/** CSS pixels. */
const LINE = 2.5;
const GAP = 3;
const ARROW = 5;
const BIAS = 8;
/** With more emphasised edges than this, arrowheads would cover one another. */
const MANY = 64;
/** The way back is dashed around units (CSS pixels). */
const DASH = [5, 3];

/** @param {Emphasis} emphasis @param {Colours} colours */
const colourOf = ({ way }, colours) => (way === 'update' ? colours.contour : colours[way]);

/**
 * Whether a part takes in a single unit, weight or bias.
 *
 * @param {Part} part
 * @param {number} layer
 * @param {number} unit
 * @param {number | null} input
 */
export const takesIn = (part, layer, unit, input) =>
  part.layer === layer && (part.unit === null || part.unit === unit) && (part.input === null || part.input === input);

/**
 * Over the edges, under the units.
 *
 * @param {OffscreenCanvasRenderingContext2D} context
 * @param {NetworkScene} scene
 * @param {Colours} colours
 * @param {Emphasis} emphasis
 * @param {Path2D[]} paths of the edges
 */
export function drawEmphasisedEdges(context, { edges }, colours, emphasis, paths) {
  if (emphasis.what !== 'weights') return;
  const chosen = edges.flatMap((edge, index) => (takesIn(emphasis, edge.layer, edge.to, edge.from) ? [index] : []));
  context.strokeStyle = context.fillStyle = colourOf(emphasis, colours);
  context.lineCap = 'round';
  context.lineWidth = chosen.length > MANY ? LINE / 2 : LINE;
  for (const index of chosen) {
    context.stroke(paths[index]);
    if (chosen.length <= MANY && emphasis.way !== 'update')
      arrow(context, along(edges[index], 0.47), along(edges[index], 0.53), emphasis.way === 'backward');
  }
}

/**
 * @param {OffscreenCanvasRenderingContext2D} context
 * @param {[number, number]} from
 * @param {[number, number]} to
 * @param {boolean} back
 */
function arrow(context, from, to, back) {
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]) + (back ? Math.PI : 0);
  context.save();
  context.translate((from[0] + to[0]) / 2, (from[1] + to[1]) / 2);
  context.rotate(angle);
  context.beginPath();
  context.moveTo(ARROW, 0);
  context.lineTo(-ARROW, ARROW);
  context.lineTo(-ARROW, -ARROW);
  context.fill();
  context.restore();
}

/**
 * Over everything: rings around units, or around their biases.
 *
 * @param {OffscreenCanvasRenderingContext2D} context
 * @param {NetworkScene} scene
 * @param {Colours} colours
 * @param {Emphasis} emphasis
 */
export function drawEmphasisedUnits(context, { nodes }, colours, emphasis) {
  if (emphasis.what === 'weights') return;
  context.strokeStyle = colourOf(emphasis, colours);
  context.lineWidth = LINE;
  context.setLineDash(emphasis.way === 'backward' ? DASH : []);
  for (const { layer, unit, x, y, size } of nodes) {
    if (!takesIn(emphasis, layer, unit, null)) continue;
    context.beginPath();
    if (emphasis.what === 'biases') context.arc(x - size / 2, y + size / 2, BIAS, 0, 2 * Math.PI);
    else context.roundRect(x - size / 2 - GAP, y - size / 2 - GAP, size + 2 * GAP, size + 2 * GAP, 10);
    context.stroke();
  }
  context.setLineDash([]);
}
