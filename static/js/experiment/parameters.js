/** The parameters of a network, and what a reader can do to one of them. */

import { fits } from '../layers.js';
import { MAX_VALUE } from './bounds.js';

/** @typedef {import('../types/protocol').Parameter} Parameter */
/** @typedef {import('../types/protocol').LayerParameters} LayerParameters */
/** @typedef {{value?: number, frozen?: boolean}} Edit */

/** A parameter as a key. @param {Parameter} parameter */
export const parameterKey = ({ layer, unit, input }) => `${layer} ${unit} ${input ?? 'b'}`;

/** All of them in a row: each layer's weights, row by row, then its biases. @param {readonly LayerParameters[]} layers */
export const numbersOf = (layers) => layers.flatMap(({ weights, biases }) => [...weights.flat(), ...biases]);

/**
 * Whether a run can begin with them.
 *
 * @param {readonly LayerParameters[]} parameters
 * @param {readonly number[]} sizes units of every layer of its network, inputs and output included
 */
export const canBegin = (parameters, sizes) =>
  fits(parameters, sizes) && numbersOf(parameters).every((value) => Math.abs(value) <= MAX_VALUE);
