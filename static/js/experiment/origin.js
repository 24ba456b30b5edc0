/** What own points were where they came from: the names of their numbers, and how they were moved into the plane. */

/** @typedef {import('../types/protocol').Origin} Origin */
/** @typedef {import('../types/protocol').Axis} Axis */

const LONGEST_NAME = 80;
/** Numbers at an axis, about; as in the report. */
const TICKS = 7;
/** Digits that moving a number and moving it back leaves right. */
const DIGITS = 12;

/** @param {string} name */
export const short = (name) => name.trim().slice(0, LONGEST_NAME) || '–';

/** The number that somebody has entered. @param {Axis} axis @param {number} x */
export const entered = ({ center, scale }, x) => Number((x / scale + center).toPrecision(DIGITS));

/** Whether a text of an address tells where points are from. @param {unknown} value @returns {value is Origin} */
export function isOrigin(value) {
  const { axes, label = null, classes = null } = /** @type {Partial<Origin>} */ (value ?? {});
  /** @param {unknown} name */
  const named = (name) => typeof name === 'string' && name !== '' && name.length <= LONGEST_NAME;
  return (
    Array.isArray(axes) &&
    axes.length === 2 &&
    axes.every(({ name, center, scale }) => named(name) && Math.abs(center) <= 1e6 && scale > 0 && scale <= 1e306) &&
    (label === null || named(label)) &&
    (classes === null || (Array.isArray(classes) && classes.length === 2 && classes.every(named)))
  );
}

/**
 * Places between low and high of the plane at which round numbers stand, and these numbers.
 *
 * @param {Axis} axis
 * @param {readonly [low: number, high: number]} plane
 */
export function ticks(axis, [low, high]) {
  const { center, scale } = axis;
  const [from, to] = [low / scale + center, high / scale + center];
  const raw = (to - from) / TICKS;
  if (!(raw > 1e-9 * Math.abs(center))) return { at: [0], texts: [String(Number(center.toPrecision(6)))] };
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= raw) ?? 10);
  const first = Math.ceil(from / step);
  const values = Array.from({ length: Math.floor(to / step) - first + 1 }, (_, index) => (first + index) * step);
  return {
    at: values.map((value) => (value - center) * scale),
    texts: values.map((value) => String(Number(value.toPrecision(6))).replace('-', '−')),
  };
}
