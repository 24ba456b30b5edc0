/**
 * What is wanted of the server while it cannot be asked: what it shall come to in the end, not the commands that were
 * given, so that it cannot overflow. A command takes the place of what it makes pointless.
 */

import { parameterKey } from '../experiment/parameters.js';

/** @typedef {import('../experiment/parameters.js').Edit} Edit */
/** @typedef {import('../types/protocol').LayerParameters} LayerParameters */
/** @typedef {import('../types/protocol').Parameter} Parameter */

export class Wanted {
  /** @type {'configure' | 'reset' | null} */
  restart = null;
  /** What a run that is set up shall begin with, instead of its seed's. @type {readonly LayerParameters[] | null} */
  weights = null;
  /** To go to. @type {number | null} */
  iteration = null;
  steps = 0;
  /** Null is as it was. @type {boolean | null} */
  playing = null;
  /** By the parameters' keys. @type {Map<string, Parameter & Edit>} */
  edits = new Map();

  play() {
    this.playing = true;
  }

  pause() {
    this.playing = false;
  }

  /** @param {number} iterations */
  step(iterations) {
    this.steps += iterations;
    this.playing = false;
  }

  /** @param {number} iteration */
  seek(iteration) {
    this.#leave();
    this.iteration = iteration;
    this.playing = false;
  }

  reset() {
    this.#leave();
    this.restart ??= 'reset';
    this.weights = null;
  }

  /** @param {readonly LayerParameters[] | null} weights */
  configure(weights) {
    this.#leave();
    this.restart = 'configure';
    this.weights = weights;
  }

  /** @param {Parameter} parameter @param {Edit} edit */
  edit(parameter, edit) {
    const key = parameterKey(parameter);
    this.edits.set(key, { ...this.edits.get(key), ...parameter, ...edit });
  }

  /** What is still wanted once the iteration to go to has been asked for. */
  afterSeek() {
    const rest = new Wanted();
    rest.steps = this.steps;
    rest.playing = this.playing;
    rest.edits = this.edits;
    return rest;
  }

  /** From another place there are other steps to take and other values to change. */
  #leave() {
    this.iteration = null;
    this.steps = 0;
    this.edits.clear();
  }
}
