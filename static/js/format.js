/**
 * Numbers as the page writes them: a real minus sign, commas between thousands, fixed decimals so that nothing moves.
 */

const MINUS = '\u2212';

/** From here on a number is written by its power of ten. */
const HUGE = 100_000;

/** By its power of ten. @param {number} value */
export const scientific = (value) => value.toExponential(1).replace('e+', 'e').replaceAll('-', MINUS);

/** A number's text, without its sign, behind it: but nothing is −0. @param {number} value @param {string} text */
const withSign = (value, text) => (value < 0 && /[^0.]/.test(text) ? MINUS + text : text);

/** Whether a text of a number has a minus sign. @param {string} text */
export const isNegative = (text) => text.startsWith(MINUS);

/**
 * @param {number} value
 * @param {number} [decimals]
 */
export const fixed = (value, decimals = 2) => withSign(value, Math.abs(value).toFixed(decimals));

/** A weight or a bias: two decimals, and one more while they are as small as they start. @param {number} value */
export const parameter = (value) =>
  Math.abs(value) >= HUGE ? scientific(value) : fixed(value, value !== 0 && Math.abs(value) < 0.095 ? 3 : 2);

/** A number of any size to four digits. @param {number} value */
export const figures = (value) => String(Number(value.toPrecision(4))).replaceAll('-', MINUS);

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** @param {number} value */
export const count = (value) => withSign(value, whole.format(Math.abs(value)));

/** How many there are of something. @param {number} many @param {string} one @param {string} [more] */
export const counted = (many, one, more = `${one}s`) => `${count(many)} ${many === 1 ? one : more}`;

/** All of them, of at least two. @param {number} many */
export const allOf = (many) => (many === 2 ? 'Both' : `All ${count(many)}`);

/** @param {number | null} share from 0 to 1; null is "there is none" */
export const percent = (share) => (share === null ? '–' : `${(100 * share).toFixed(1)}%`);

/** Beyond this five digits are not all of a whole number. */
const FIVE_DIGITS = 99_999.5;

/**
 * A cost in as much room whatever it is: to four decimals, from 10 on to five digits, and a very small or large one by
 * its power of ten; one beyond all numbers is infinite.
 *
 * @param {number} value
 */
export function cost(value) {
  if (value === Infinity) return '∞';
  if (value >= FIVE_DIGITS || (value !== 0 && value < 0.00005)) return scientific(value);
  return value < 1 ? value.toFixed(4) : value.toPrecision(5);
}

/**
 * What a place of the plane or a unit has: to two decimals, a large one to five digits, a huge one by its power of ten.
 *
 * @param {number} value
 */
export function level(value) {
  const size = Math.abs(value);
  if (size < 1000) return fixed(value);
  return size < FIVE_DIGITS ? withSign(value, size.toPrecision(5)) : scientific(value);
}

/** The shortest text that reads back as the same number. @param {number} value */
export const exact = (value) => String(value);
