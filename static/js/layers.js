/** The layers of a network, as numbers. */

/**
 * Whether parameters are those of a network of these sizes.
 *
 * @param {readonly import('./types/protocol').LayerParameters[]} layers
 * @param {readonly number[]} sizes units of every layer, inputs and output included
 */
export const fits = (layers, sizes) =>
  layers.length === sizes.length - 1 &&
  layers.every(({ weights, biases }, index) => weights.length === sizes[index] && biases.length === sizes[index + 1]);
