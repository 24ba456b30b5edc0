/** What the page has to know of the server's bounds before it is told; a test compares the two. */

/** As far out as the server takes a point, a parameter or a target. */
export const MAX_VALUE = 1e6;
export const MAX_ITERATIONS = 1_000_000;
/** Of a seed sweep. */
export const MOST_SEEDS = 64;
export const MOST_SWEPT = 20_000;
/** Fewer cannot be trained on. */
export const MIN_POINTS = 2;
/** Of the layer that the panel Vectorising times. @type {Record<'examples' | 'inputs' | 'units', [number, number]>} */
export const TIMED = { examples: [1, 10_000], inputs: [1, 32], units: [1, 64] };
/** Leaky ReLU's slope below zero. @type {[number, number]} */
export const SLOPE = [0, 1];
/** Of a session: side by side. */
export const MAX_RUNS = 8;
/** Of a session: of all its runs together. */
export const MAX_SESSION_ITERATIONS = 2_000_000;
/** Own points, as a table brings them. */
export const MAX_POINTS = 10_000;
export const MAX_FILE_BYTES = 2_000_000;
