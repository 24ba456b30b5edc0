/** A member's network as a picture: ŷ over the plane, its line and the points, at any size; painted on the page's own thread. */

import { effect, signal } from '../../vendor/signals-core/signals-core.js';
import { ask } from '../asking.js';
import { HALO, LINE, markOf } from '../marks.js';
import { boundaryLine } from '../painting/contour.js';
import { fitted, Maps } from '../painting/map.js';
import { pixelRatio } from '../painting/painter.js';
import { ramp } from '../painting/ramp.js';
import { colours, painterColours, palette } from '../theme.js';

/** @typedef {import('../types/protocol').Boundary} Boundary */
/** @typedef {{points: readonly (readonly [number, number])[], labels: readonly number[], test: ReadonlySet<number> | null}} Drawn */

/** With a picture smaller than this there is no room for points (CSS pixels). */
const FEWEST_PIXELS = 60;
/** From here on it is large: every point is drawn, those of the test hollow. */
const LARGE = 150;
const maps = new Maps();

/** What the theme says, read once for each of its states. */
let styled = '';
/** @type {{words: Uint32Array, contour: string, halo: string, one: string, zero: string, edge: string, test: string}} */
let style;
function styles() {
  if (styled === palette.peek()) return style;
  styled = palette.peek();
  const { heat, contour, halo, one, zero } = painterColours();
  const [edge, test] = colours('mark-line', 'test-fill');
  style = { words: ramp(heat), contour, halo, one, zero, edge, test };
  return style;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Boundary | null} boundary
 * @param {object} manner
 * @param {number} manner.side in CSS pixels
 * @param {Drawn | null} [manner.drawn] its points
 * @param {boolean} [manner.line] whether ŷ = 0.5 means something
 * @param {number} [manner.radius] of a point, in CSS pixels
 */
export function paintTile(canvas, boundary, { side, drawn = null, line = true, radius = 1.5 }) {
  const ratio = Math.max(pixelRatio(), 1);
  const size = Math.round(side * ratio);
  if (canvas.width !== size) canvas.width = size;
  if (canvas.height !== size) canvas.height = size;
  const context = canvas.getContext('2d', { alpha: false });
  if (!context) return;
  const { words, contour, halo, one, zero, edge, test } = styles();
  const box = { x: 0, y: 0, width: size, height: size };
  context.imageSmoothingQuality = 'high';
  if (!boundary) {
    // Of what has not come there is the ground.
    maps.paint(new Uint8Array(4).fill(128), 2, 2, words);
    maps.draw(context, 0, box);
    return;
  }
  maps.paint(boundary.values, boundary.width, boundary.height, words);
  maps.draw(context, 0, box);
  const path = line ? fitted(boundaryLine(boundary), box) : null;
  const width = (side < 50 ? 1.1 : side < 120 ? 1.35 : side < 280 ? 1.8 : LINE * Math.max(1, side / 460)) * ratio;
  context.lineCap = context.lineJoin = 'round';
  if (path && side >= FEWEST_PIXELS) {
    context.lineWidth = (width * HALO) / LINE;
    context.strokeStyle = halo;
    context.stroke(path);
  }
  if (drawn && side >= FEWEST_PIXELS) {
    const { x, y } = boundary;
    const large = side > LARGE;
    for (const [index, [x1, x2]] of drawn.points.entries()) {
      // Half of the points say as much where there is little room.
      if (!large && (index % 2 === 1 || drawn.test?.has(index))) continue;
      const across = ((x1 - x[0]) / (x[1] - x[0])) * size;
      const down = (1 - (x2 - y[0]) / (y[1] - y[0])) * size;
      const { symbol, scale } = markOf(drawn.labels[index]);
      const r = radius * ratio * scale;
      const colour = symbol === 'circle' ? one : zero;
      const hollow = large && drawn.test?.has(index);
      context.beginPath();
      if (symbol === 'circle') context.arc(across, down, r, 0, 2 * Math.PI);
      else {
        context.moveTo(across, down - r * 1.1);
        context.lineTo(across + r * 1.1, down);
        context.lineTo(across, down + r * 1.1);
        context.lineTo(across - r * 1.1, down);
        context.closePath();
      }
      context.fillStyle = hollow ? test : colour;
      context.fill();
      if (!large) continue;
      context.lineWidth = (hollow ? 1.5 : 1) * ratio;
      context.strokeStyle = hollow ? colour : edge;
      context.stroke();
    }
  }
  if (!path) return;
  context.lineWidth = width;
  context.strokeStyle = contour;
  context.stroke(path);
}

/** @type {Map<string, Promise<Drawn | null>>} */
const asked = new Map();
/** What if a class has more sets of points than this: the first is asked for again. */
const MOST_SETS = 40;

/**
 * The points that a network trains on: of a named dataset the server draws them again.
 *
 * @param {import('../types/protocol').RunSpec['data']} data
 * @param {import('../types/protocol').NamedData} byDefault
 * @returns {Promise<Drawn | null>}
 */
export function pointsOf(data, byDefault) {
  if (data?.points && data.labels) return Promise.resolve({ points: data.points, labels: data.labels, test: null });
  const { dataset, examples, noise, seed, label_flips } = { ...byDefault, ...data };
  if (dataset === undefined) return Promise.resolve(null);
  const query = new URLSearchParams(
    Object.entries({ examples, noise, label_flips, seed }).map(([k, v]) => [k, `${v}`]),
  );
  const path = `/datasets/${encodeURIComponent(dataset)}?${query}`;
  const known = asked.get(path);
  if (known) return known;
  const answer = ask(path).then((found) => {
    if (found?.ok) return { points: found.body.points, labels: found.body.labels, test: null };
    asked.delete(path);
    return null;
  });
  asked.set(path, answer);
  if (asked.size > MOST_SETS) asked.delete(/** @type {string} */ (asked.keys().next().value));
  return answer;
}

/**
 * The points of every member, as far as they have come.
 *
 * @param {import('./room-state.js').RoomState<any>} state
 * @param {import('../types/protocol').NamedData} byDefault
 */
export function pointsOfAll(state, byDefault) {
  const arrived = signal(0);
  /** @type {Map<number, Drawn | null>} */
  const points = new Map();
  /** @type {Map<number, unknown>} */
  const known = new Map();
  effect(() => {
    void state.painted.value;
    for (const [number, setup] of state.setups) {
      if (known.get(number) === setup) continue;
      known.set(number, setup);
      // Those that it had are of another network.
      points.delete(number);
      void pointsOf(setup.data, byDefault).then((drawn) => {
        if (known.get(number) !== setup) return;
        points.set(number, drawn);
        arrived.value++;
      });
    }
  });
  return { points, arrived };
}
