/**
 * Numbers as people type and paste them: the page's one reader. The server's is `app/numbers.py`; both are held to
 * `tests/number_cases.json`, and to each other.
 *
 * A point is a decimal one, as the page writes it. A single comma before three digits can be read in two ways, and both
 * are given: whoever asked decides. Within a text there is one sign of decimals. A text longer than any number is none.
 */

const LONGEST = 100;

const DIGIT = /\p{Nd}/u;

/** What a digit of any script is worth: in each they follow one another from 0. @param {string} sign */
function worth(sign) {
  const code = /** @type {number} */ (sign.codePointAt(0));
  let before = code;
  while (DIGIT.test(String.fromCodePoint(before - 1))) before--;
  return String((code - before) % 10);
}

/**
 * Other signs, and what they are here.
 *
 * @type {[from: RegExp, to: (signs: string) => string][]}
 */
const SIGNS = [
  [/[⁺⁻⁰¹²³⁴-⁹]+/g, (power) => `^${power.normalize('NFKC').replace('\u2212', '-')}`],
  [/[\uff01-\uff5e]/g, (sign) => String.fromCharCode(sign.charCodeAt(0) - 0xfee0)],
  // Hyphens, dashes that word processors make of a minus, and the page's own minus.
  [/[\u2010-\u2013\u2212\ufe63]/g, () => '-'],
  [/[\u066c\u2019]/g, () => "'"],
  [/[·⋅×]/g, () => '*'],
  [/[\u2044\u2215]/g, () => '/'],
  [/\u066b/g, () => '.'],
  // Marks that take no room.
  [/\p{Cf}/gu, () => ''],
  [/\p{Zs}/gu, () => ' '],
  [/(?![0-9])\p{Nd}/gu, worth],
];

/** A number, if that is the sign of decimals and these are between thousands. @param {string} decimal @param {string} groups */
const numberWith = (decimal, groups) =>
  new RegExp(
    `^([+-]?) ?([1-9][0-9]{0,2}([${groups} '_])[0-9]{3}(?:\\3[0-9]{3})*|[0-9]*)(?:[${decimal}]([0-9]*))?` +
      '(?:[eE]([+-]?[0-9]+)| ?[*x] ?10\\^ ?([+-]?[0-9]+))?$',
  );
const WITH_POINT = numberWith('.', ',');
const WITH_COMMA = numberWith(',', '.');
const POWER_ALONE = /^([+-]?) ?10\^ ?([+-]?[0-9]+)$/;

/** @param {string} text @param {RegExp} form */
function ofOne(text, form) {
  const alone = POWER_ALONE.exec(text);
  if (alone) return Number(`${alone[1]}1e${alone[2]}`);
  const [, sign, whole, group, decimals, e, ten] = form.exec(text) ?? [];
  if (!whole && !decimals) return NaN;
  const digits = group ? whole.replaceAll(group, '') : whole;
  return Number(`${sign}${digits || 0}.${decimals || 0}e${e ?? ten ?? 0}`);
}

/** What a text is in one form: a number, or a number over another. @param {string} text @param {RegExp} form */
function under(text, form) {
  const parts = text.split('/').map((part) => ofOne(part.trim(), form));
  const [above, below = 1] = parts;
  const value = above / below + 0;
  return parts.length <= 2 && Number.isFinite(below) && Number.isFinite(value) ? [value] : [];
}

/**
 * Every number that a text can mean: none if it is no number, two if it is not clear which.
 *
 * @param {string} text also a fraction, such as 1/2
 * @returns {number[]}
 */
export function readings(text) {
  if (text.length > LONGEST) return [];
  const plain = SIGNS.reduce((read, [from, to]) => read.replace(from, to), text.trim()).trim();
  const point = under(plain, WITH_POINT);
  if (point.length > 0 && (plain.includes('.') || !plain.includes(','))) return point;
  return [...new Set([...under(plain, WITH_COMMA), ...point])];
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
