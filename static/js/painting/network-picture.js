/** The picture of a network: its edges by weight, every unit's map with the line where its z is zero, every bias. */

import { fits } from '../layers.js';
import { boundaryLine, mapLine } from './contour.js';
import { drawEmphasisedEdges, drawEmphasisedUnits } from './emphasis.js';
import { fitted, Maps, resize } from './map.js';
import { TINY_UNIT } from './network-layout.js';
import { ramp } from './ramp.js';

/** @typedef {import('../types/painting').Manner} Manner */
/** @typedef {import('../types/painting').NetworkScene} NetworkScene */
/** @typedef {import('../types/painting').Unit} Unit */
/** @typedef {import('../types/protocol').Frame} Frame */
/** @typedef {import('../types/protocol').FrameRun} FrameRun */
/** @typedef {import('../types/protocol').LayerParameters} LayerParameters */
/** @typedef {import('../types/painting').Emphasis} Emphasis */
/** @typedef {import('../types/painting').Edge} Edge */

const THINNEST = 0.8;
const THICKEST = 6.2;
/** A frozen weight is a dashed edge (CSS pixels). */
const DASH = [7, 5];
/** With more edges than this each is fainter. */
const MANY_EDGES = 150;
/** Below this width everything is smaller (CSS pixels). */
const NARROW = 480;
/**
 * While playing, edges are drawn anew this often: they are many, and change slowly. What is drawn last has its own,
 * whatever the reason that no more comes (milliseconds).
 */
export const EDGES_INTERVAL = 80;

/**
 * The byte of a map at which z changes sign. Where a whole side of it is zero, the line is drawn just above.
 *
 * @param {boolean} flat
 */
export const levelOf = (flat) => (flat ? 128.5 : 127.5);

/**
 * How thick each edge is, in CSS pixels, and whether its weight is negative.
 *
 * @param {Edge[]} edges
 * @param {LayerParameters[]} layers
 * @param {number} [thickest]
 */
export function edgeStyles(edges, layers, thickest = THICKEST) {
  let largest = Number.MIN_VALUE;
  for (const { weights } of layers)
    for (const row of weights) for (const weight of row) largest = Math.max(largest, Math.abs(weight));
  return edges.map(({ layer, from, to }) => {
    const weight = layers[layer - 1].weights[from][to];
    return { width: THINNEST + thickest * (Math.abs(weight) / largest), negative: weight < 0 };
  });
}

/** How large a bias is drawn (CSS pixels). @param {number} bias */
export const biasRadius = (bias) => Math.min(6.5, 2.6 + 1.3 * Math.abs(bias));

export class NetworkPicture {
  #canvas;
  #context;
  #edges = new OffscreenCanvas(1, 1);
  /** @type {NetworkScene | null} */
  #scene = null;
  /** @type {Manner | null} */
  #manner = null;
  #ramp = new Uint32Array(256);
  /** @type {Path2D[]} */
  #paths = [];
  /**
   * Of each layer but the inputs. They outlive their scene: a new canvas waits for the page's own thread.
   *
   * @type {Maps[]}
   */
  #maps = [];
  #inputs = new Maps();
  /** Which edges are frozen, and whose biases: places in the scene's lists. */
  #frozenEdges = new Set();
  #frozenNodes = new Set();
  /** @type {Emphasis | null} */
  #emphasis = null;
  /** When the edges were drawn, as far as they still hold. */
  #edgesDrawn = -Infinity;
  /** Whose edges these are. @type {FrameRun | null} */
  #edgesOf = null;

  /** @param {OffscreenCanvas} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'));
  }

  /** @param {NetworkScene} scene */
  show(scene) {
    this.#scene = scene;
    this.#paths = scene.edges.map(({ path }) => new Path2D(path));
    this.#maps = scene.sizes.slice(1).map((_, layer) => this.#maps[layer] ?? new Maps());
    const { nodes, edges, frozen } = scene;
    this.#frozenEdges = new Set(
      frozen.map(({ layer, unit, input }) =>
        edges.findIndex((edge) => edge.layer === layer && edge.to === unit && edge.from === input),
      ),
    );
    this.#frozenNodes = new Set(
      frozen
        .filter(({ input }) => input === null)
        .map(({ layer, unit }) => nodes.findIndex((node) => node.layer === layer && node.unit === unit)),
    );
    this.#paintInputs();
    this.#edgesOf = null;
    this.#edgesDrawn = -Infinity;
  }

  /** @param {Emphasis | null} emphasis */
  emphasise(emphasis) {
    this.#emphasis = emphasis;
  }

  /** @param {Manner} manner */
  restyle(manner) {
    this.#manner = manner;
    this.#ramp = ramp(manner.colours.heat);
    this.#paintInputs();
    this.#edgesOf = null;
    this.#edgesDrawn = -Infinity;
  }

  #paintInputs() {
    if (!this.#scene) return;
    const { size, values } = this.#scene.inputs;
    this.#inputs.paint(values, size, size, this.#ramp);
  }

  /** @param {Frame} frame @param {number} now @returns {boolean} whether its edges are an earlier frame's */
  draw({ runs: [run] }, now) {
    const scene = this.#scene;
    const manner = this.#manner;
    if (!scene || !manner) return false;
    const context = this.#context;
    for (const canvas of [this.#canvas, this.#edges]) resize(canvas, scene);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    if (!fits(run.layers, scene.sizes)) {
      // Until a network of these layers is trained: what depends on none of them stays, ŷ as the plane has it.
      context.scale(scene.ratio, scene.ratio);
      this.#drawUnits(context, scene, manner, { boundary: run.boundary });
      return false;
    }
    if (run !== this.#edgesOf && (!manner.playing || now - this.#edgesDrawn >= EDGES_INTERVAL)) {
      this.#edgesDrawn = now;
      this.#edgesOf = run;
      this.#drawEdges(scene, manner, run);
    }
    context.drawImage(this.#edges, 0, 0);
    context.scale(scene.ratio, scene.ratio);
    if (this.#emphasis) drawEmphasisedEdges(context, scene, manner.colours, this.#emphasis, this.#paths);
    this.#drawUnits(context, scene, manner, run);
    drawBiases(context, scene, manner, run, this.#frozenNodes);
    if (this.#emphasis) drawEmphasisedUnits(context, scene, manner.colours, this.#emphasis);
    return run !== this.#edgesOf;
  }

  /** @param {NetworkScene} scene @param {Manner} manner @param {FrameRun} run */
  #drawEdges(scene, { colours }, run) {
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (this.#edges.getContext('2d'));
    const { edges, chosen } = scene;
    const many = edges.length > MANY_EDGES;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.#edges.width, this.#edges.height);
    context.scale(scene.ratio, scene.ratio);
    edgeStyles(edges, run.layers, scene.width < NARROW ? THICKEST * 0.7 : THICKEST).forEach(
      ({ width, negative }, index) => {
        const dim = chosen !== null && !touches(edges[index], chosen);
        context.globalAlpha = many ? (dim ? 0.07 : 0.5) : dim ? 0.2 : 0.78;
        context.strokeStyle = negative ? colours.zero : colours.one;
        context.lineWidth = width;
        const frozen = this.#frozenEdges.has(index);
        context.setLineDash(frozen ? DASH : []);
        context.lineCap = frozen ? 'butt' : 'round';
        context.stroke(this.#paths[index]);
      },
    );
  }

  /**
   * @param {OffscreenCanvasRenderingContext2D} context
   * @param {NetworkScene} scene
   * @param {Manner} manner
   * @param {Pick<FrameRun, 'neurons' | 'boundary'>} run
   */
  #drawUnits(context, { nodes, sizes, flat, line: outputLine }, { colours }, { neurons, boundary }) {
    const last = sizes.length - 1;
    if (boundary) this.#maps[last - 1].paint(boundary.values, boundary.width, boundary.height, this.#ramp);
    neurons?.forEach(({ values, width, height }, index) => this.#maps[index].paint(values, width, height, this.#ramp));
    context.strokeStyle = colours.contour;
    for (const { layer, unit, x, y, size } of nodes) {
      const map = layer === last ? boundary : neurons?.[layer - 1];
      if (layer > 0 && !map) continue;
      const box = { x: x - size / 2, y: y - size / 2, width: size, height: size };
      const tiny = size < TINY_UNIT;
      context.save();
      context.beginPath();
      context.roundRect(box.x, box.y, size, size, tiny ? 5 : 8);
      context.clip();
      if (map) {
        this.#maps[layer - 1].draw(context, layer === last ? 0 : unit, box);
        const line =
          layer < last
            ? mapLine(/** @type {import('../types/protocol').UnitMaps} */ (map), unit, levelOf(flat[layer - 1]))
            : outputLine
              ? boundaryLine(/** @type {import('../types/protocol').Boundary} */ (map))
              : '';
        context.globalAlpha = 0.75;
        context.lineWidth = tiny ? 1 : 1.25;
        context.stroke(fitted(line, box));
      } else {
        this.#inputs.draw(context, unit, box);
      }
      context.restore();
    }
  }
}

/**
 * A frozen bias is a square instead of a disc.
 *
 * @param {OffscreenCanvasRenderingContext2D} context
 * @param {NetworkScene} scene
 * @param {Manner} manner
 * @param {FrameRun} run
 * @param {Set<number>} frozen places in the scene's list of units
 */
function drawBiases(context, { nodes }, { colours }, { layers }, frozen) {
  context.lineWidth = 2;
  context.strokeStyle = colours.ground;
  for (const [index, { layer, unit, x, y, size }] of nodes.entries()) {
    if (layer === 0) continue;
    const bias = layers[layer - 1].biases[unit];
    const radius = biasRadius(bias);
    context.beginPath();
    if (frozen.has(index)) context.rect(x - size / 2 - radius, y + size / 2 - radius, 2 * radius, 2 * radius);
    else context.arc(x - size / 2, y + size / 2, radius, 0, 2 * Math.PI);
    context.fillStyle = bias < 0 ? colours.zero : colours.one;
    context.fill();
    context.stroke();
  }
}

/** Whether an edge begins or ends at a unit. @param {Edge} edge @param {Unit} unit */
const touches = ({ layer, from, to }, unit) =>
  (unit.layer === layer && unit.unit === to) || (unit.layer === layer - 1 && unit.unit === from);
