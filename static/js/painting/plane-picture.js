/**
 * One picture of the plane: ŷ of a run with the line where it is one half, or a unit's activation with the line where
 * its z is zero.
 */

import { HALO, LINE, MANY_POINTS, RING, RING_LINE, SMALL_RING } from '../marks.js';
import { boundaryLine, mapLine, unitLine } from './contour.js';
import { fitted, isSet, Maps, resize } from './map.js';
import { levelOf } from './network-picture.js';
import { ramp } from './ramp.js';

/** @typedef {import('../types/painting').Manner} Manner */
/** @typedef {import('../types/painting').PlaneScene} PlaneScene */
/** @typedef {import('../types/protocol').Frame} Frame */
/** @typedef {import('../types/protocol').FrameRun} FrameRun */

export class PlanePicture {
  #canvas;
  #context;
  #maps = new Maps();
  /** @type {PlaneScene | null} */
  #scene = null;
  /** @type {Manner | null} */
  #manner = null;
  #ramp = new Uint32Array(256);

  /** @param {OffscreenCanvas} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d', { alpha: false }));
  }

  /** @param {PlaneScene} scene */
  show(scene) {
    this.#scene = scene;
    this.#mix();
  }

  /** @param {Manner} manner */
  restyle(manner) {
    this.#manner = manner;
    this.#mix();
  }

  #mix() {
    if (this.#scene && this.#manner) this.#ramp = ramp(this.#manner.colours.heat, this.#scene.discrete);
  }

  /** @param {Frame} frame */
  draw(frame) {
    const scene = this.#scene;
    const manner = this.#manner;
    const map = scene && mapOf(frame.runs[scene.run], scene);
    if (!scene || !manner || !map) return;
    resize(this.#canvas, scene);
    const { width, height } = this.#canvas;
    const context = this.#context;
    const box = { x: 0, y: 0, width, height };
    this.#maps.paint(map.values, map.width, map.height, this.#ramp);
    this.#maps.draw(context, 0, box);
    if (scene.unit || scene.line) this.#stroke(context, scene, manner, fitted(map.line(), box), LINE);
    const wrong = !scene.unit && scene.marked && frame.runs[scene.run].misclassified;
    if (wrong && scene.marked)
      this.#stroke(context, scene, manner, rings(scene.marked, wrong, width, height, scene.ratio), RING_LINE);
  }

  /**
   * A line over a lighter, broader one.
   *
   * @param {OffscreenCanvasRenderingContext2D} context
   * @param {PlaneScene} scene
   * @param {Manner} manner
   * @param {Path2D} line
   * @param {number} width
   */
  #stroke(context, scene, manner, line, width) {
    context.lineCap = 'round';
    context.lineJoin = 'round';
    context.strokeStyle = manner.colours.halo;
    context.lineWidth = (width + HALO - LINE) * scene.ratio;
    context.stroke(line);
    context.strokeStyle = manner.colours.contour;
    context.lineWidth = width * scene.ratio;
    context.stroke(line);
  }
}

/**
 * A ring around each point whose bit is 1.
 *
 * @param {Float32Array} places
 * @param {Uint8Array} bits
 * @param {number} width
 * @param {number} height
 * @param {number} ratio
 */
function rings(places, bits, width, height, ratio) {
  const path = new Path2D();
  const radius = (places.length > 2 * MANY_POINTS ? SMALL_RING : RING) * ratio;
  for (let point = 0; point < places.length / 2; point++) {
    const x = places[2 * point] * width;
    const y = places[2 * point + 1] * height;
    if (Number.isNaN(x) || !isSet(bits, point)) continue;
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 2 * Math.PI);
  }
  return path;
}

/** What a scene shows of a run, if the run has it. @param {FrameRun | undefined} run @param {PlaneScene} scene */
function mapOf(run, { unit, flat }) {
  if (!run?.boundary) return null;
  const { boundary } = run;
  if (!unit || unit.layer === run.layers.length) return { ...boundary, line: () => boundaryLine(boundary) };
  const maps = run.neurons?.[unit.layer - 1];
  if (!maps || unit.unit >= maps.units) return null;
  const { width, height } = maps;
  const values = maps.values.subarray(unit.unit * width * height, (unit.unit + 1) * width * height);
  const fine = run.lines?.unit;
  const line = () =>
    fine?.layer === unit.layer && fine.unit === unit.unit ? unitLine(fine) : mapLine(maps, unit.unit, levelOf(flat));
  return { values, width, height, line };
}
