/**
 * How an example is drawn, wherever it is: its class in shape as well as in colour. `app/content/marks.py` says the same
 * to reports, and a test compares the two.
 */

/**
 * @typedef {object} Mark
 * @property {'zero' | 'one'} name of the class in style sheets
 * @property {'diamond' | 'circle'} symbol as Plotly calls it
 * @property {'zero-mark' | 'one-mark'} colour its token
 * @property {number} scale how much broader it is, to look as large as a circle
 */

/** Of class 0 and class 1. @type {readonly [Mark, Mark]} */
export const MARKS = [
  { name: 'zero', symbol: 'diamond', colour: 'zero-mark', scale: 1.15 },
  { name: 'one', symbol: 'circle', colour: 'one-mark', scale: 1 },
];

/** With more points than this in the plane they, and the rings around them, are smaller. */
export const MANY_POINTS = 600;

/** A ring around a point that the network has wrong: its radius, and where there are many points (CSS pixels). */
export const RING = 8;
export const SMALL_RING = 5.5;
export const RING_LINE = 1.6;

/** The line where ŷ is one half, and how broad what is lighter around it is, as around rings (CSS pixels). */
export const LINE = 2;
export const HALO = 5;

/** The tokens of the ramp, from the lowest value over the middle to the highest. */
export const RAMP = ['heat-0', 'heat-m', 'heat-1'];

/** The tokens of a target's colour, which has to be seen on the ramp. */
export const TARGETS = ['zero-mark', 'ghost', 'one-mark'];

/** That of a label, or of a target by its sign. @param {number} label */
export const markOf = (label) => MARKS[label > 0 ? 1 : 0];

/** As Plotly has it: from `-largest` to `largest`. @param {string[]} colours of `TARGETS` or `RAMP` @param {number} largest */
export const scaleOf = (colours, largest) => ({
  colorscale: colours.map((colour, index) => [index / (colours.length - 1), colour]),
  cmin: -largest,
  cmax: largest,
});
