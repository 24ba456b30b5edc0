/**
 * Numbers as people type and paste them: the page's one reader. The server's is `app/numbers.py`; both are held to
 * `tests/number_cases.json`.
 *
 * A point is a decimal one, as the page writes it. A single comma before three digits can be read in two ways, and both
 * are given: whoever asked decides. A text longer than any number is none.
 */

const LONGEST = 100;

/** @param {string} sign @param {number} by */
const moved = (sign, by) => String.fromCharCode(sign.charCodeAt(0) - by);

/**
 * Other signs, and what they are here.
 *
 * @type {[from: RegExp, to: (signs: string) => string][]}
 */
const SIGNS = [
  // Marks that take no room.
  [/\p{Cf}/gu, () => ''],
  // Full width.
  [/[\uff01-\uff5e]/g, (sign) => moved(sign, 0xfee0)],
  // Arabic-Indic, Persian and Devanagari digits; Arabic decimal and thousands signs.
  [/[\u0660-\u0669]/g, (digit) => moved(digit, 0x660 - 0x30)],
  [/[\u06f0-\u06f9]/g, (digit) => moved(digit, 0x6f0 - 0x30)],
  [/[\u0966-\u096f]/g, (digit) => moved(digit, 0x966 - 0x30)],
  [/\u066b/g, () => '.'],
  [/[\u066c\u2019]/g, () => "'"],
  // Hyphens, dashes that word processors make of a minus, and the page's own minus.
  [/[\u2010-\u2013\u2212]/g, () => '-'],
  [/[⁺⁻⁰¹²³⁴-⁹]+/g, (power) => `^${power.normalize('NFKC').replace('\u2212', '-')}`],
  [/\s/g, () => ' '],
  [/⁄/g, () => '/'],
];

/** A power of ten as it is printed, alone or behind a number. */
const POWER_OF_TEN = /^([+-]? ?)(?:(.*?) ?[×·⋅*x] ?)?10\^([+-]?\d+)$/i;
const NUMBER = /^([+-]?) ?([\d.,' _]+?)(?:e([+-]?\d+))?$/i;
/** A mark, if there is one, is a decimal one. */
const DECIMAL = /^(?=[.,]?\d)\d*[.,]?\d*$/;
/** Groups of three with the same mark between, and perhaps decimals behind another. */
const GROUPED = /^[1-9]\d{0,2}([,.' _])\d{3}(?:\1\d{3})*(?:(?!\1)[.,]\d*)?$/;

/** What a number without sign and power can be, as JavaScript writes it. @param {string} text */
function digitsOf(text) {
  const ways = DECIMAL.test(text) ? [text.replace(',', '.')] : [];
  const mark = GROUPED.exec(text)?.[1];
  if (mark !== undefined && (mark !== '.' || ways.length === 0)) ways.push(text.replaceAll(mark, '').replace(',', '.'));
  return ways;
}

/** @param {string} text without spaces around */
function ofOne(text) {
  const [, sign, digits, power = '0'] =
    NUMBER.exec(text.replace(POWER_OF_TEN, (_, sign, number = '1', power) => `${sign}${number}e${power}`)) ?? [];
  if (digits === undefined) return [];
  return digitsOf(digits).map((way) => Number(`${sign}${way}e${power}`));
}

/**
 * Every number that a text can mean: none if it is no number, two if it is not clear which.
 *
 * @param {string} text also a fraction, such as 1/2
 * @returns {number[]}
 */
export function readings(text) {
  if (text.length > LONGEST) return [];
  const plain = SIGNS.reduce((read, [from, to]) => read.replace(from, to), text).trim();
  const parts = plain.split('/').map((part) => ofOne(part.trim()));
  if (parts.length > 2) return [];
  const [above, below = [1]] = parts;
  const values = above.flatMap((number) => below.map((by) => number / by + 0));
  return values.every(Number.isFinite) ? values : [];
}

/**
 * Why a text is not taken, as the end of a message: what it can mean, if that is more than one number.
 *
 * @param {string} text
 */
export function doubt(text) {
  const [one, other] = readings(text);
  return other === undefined ? '' : ` “${text.trim()}” can be ${one} or ${other}: write one of these.`;
}

/** The number a text means, or NaN: for whoever says what else is wrong. @param {string} text */
export function readNumber(text) {
  const [value = NaN, ...others] = readings(text);
  return others.length > 0 ? NaN : value;
}
