/** A matrix of numbers as MathML, bounded; and all of a wide one as a strip of colours. */

import { html, mathml, nothing } from '../../../vendor/lit-html/lit-html.js';
import { count, fixed } from '../../format.js';
import { ramp } from '../../painting/ramp.js';
import { painterColours } from '../../theme.js';
import { partAt } from './lines.js';

/** @typedef {import('./lines.js').Term} Term */
/** @typedef {import('./lines.js').Rows} Rows */
/** @typedef {import('../../types/painting').Part} Part */

/** More rows or columns than this are elided, all but these many of them. */
export const MOST = 16;
const SHOWN = 8;
/** With more columns than this it may have to be scrolled, by keyboard too. */
const FEW = 4;
/**
 * Between these a matrix is written without a power of ten; so many digits follow the point. A single number has one
 * more, as costs do elsewhere.
 */
const LEAST = 0.1;
const LEAST_ALONE = 0.001;
const THOUSAND = 1000;
const DECIMALS = 3;

/** The largest entry's size; of none, or of zeros, next to nothing. @param {Rows} rows */
const largestOf = (rows) => Math.max(Number.MIN_VALUE, ...rows.flat().map((value) => Math.abs(value ?? 0)));

/** @param {Rows} rows */
const isAlone = (rows) => rows.length === 1 && rows[0].length === 1;

/**
 * How a matrix is written: with three digits after the point if its largest entry lies between 0.1 and 1,000; else all
 * entries share a power of a thousand.
 *
 * @param {Rows} rows
 * @returns {number} the exponent of ten: 0, or a multiple of 3
 */
export function powerOf(rows) {
  const largest = largestOf(rows);
  if (
    largest === Number.MIN_VALUE ||
    !Number.isFinite(largest) ||
    (largest >= (isAlone(rows) ? LEAST_ALONE : LEAST) && largest < THOUSAND)
  )
    return 0;
  return 3 * Math.floor(Math.log10(largest) / 3);
}

/**
 * One power for what is compared: the larger one's, or of two that are next to nothing one has digits without end.
 *
 * @param {Rows} rows
 * @param {Rows} others
 */
export const powerOfBoth = (rows, others) => powerOf(largestOf(others) > largestOf(rows) ? others : rows);

/** Whether a matrix has nothing after the point, as labels of classes have. @param {Rows} rows */
const isWhole = (rows) =>
  rows.every((row) => row.every((value) => value === null || (Number.isInteger(value) && Math.abs(value) < THOUSAND)));

/**
 * The entries of a matrix of that power as texts; null has none.
 *
 * @param {Rows} rows
 * @param {number} power
 * @returns {(string | null)[][]}
 */
export function textsOf(rows, power) {
  const decimals = isWhole(rows) ? 0 : isAlone(rows) && power === 0 ? DECIMALS + 1 : DECIMALS;
  return rows.map((row) => row.map((value) => (value === null ? null : fixed(value / 10 ** power, decimals))));
}

/** What a part is called in an attribute. @param {Part} part */
export const lights = (part) => JSON.stringify(part);

/** Which rows or columns are shown, of so many. @param {number} length */
const shownOf = (length) => (length > MOST ? SHOWN : length);

/**
 * @param {Term} term
 * @param {{rows?: Rows, power?: number, missing?: string, wrong?: (boolean | null)[][]}} [other] what is written
 *   instead of the term's own numbers
 */
export function matrix(term, { rows = term.rows, power = powerOf(rows), missing = '–', wrong } = {}) {
  const [height, width] = [shownOf(rows.length), shownOf(rows[0]?.length ?? 0)];
  const [moreRows, moreColumns] = [term.shape[0] - height, term.shape[1] - width];
  const largest = largestOf(rows);
  const shown = rows.slice(0, height).map((row) => row.slice(0, width));
  const texts = textsOf(shown, power);
  /** @param {number | null} value @param {number} i @param {number} j */
  const cell = (value, i, j) => {
    const tint = value === null ? '' : `--tint:${Math.round((34 * Math.abs(value)) / largest)}%`;
    return mathml`<mtd data-lights=${lights(partAt(term, i, j))} class=${value !== null && value < 0 ? 'n' : 'p'}
      style=${tint} ?data-wrong=${wrong?.[i][j] === false}>${
        value === null ? mathml`<mtext>${missing}</mtext>` : mathml`<mn>${texts[i][j]}</mn>`
      }</mtd>`;
  };
  return html`<div class="matrix" data-power=${power}>
    <span class="of" aria-hidden="true"><math translate="no">${term.symbol}</math></span>
    ${
      power === 0
        ? nothing
        : html`<math translate="no" class="power"><msup><mn>10</mn><mn>${power < 0 ? `−${-power}` : power}</mn></msup></math>`
    }
    <div class="entries" role=${width > FEW ? 'group' : nothing} tabindex=${width > FEW ? '0' : nothing}
      aria-label=${width > FEW ? term.name : nothing}><math translate="no"><mtable>${shown.map(
        (row, i) => mathml`<mtr>${row.map((value, j) => cell(value, i, j))}</mtr>`,
      )}</mtable></math></div>
    ${moreColumns > 0 ? html`<span class="more">… ${count(moreColumns)} more columns</span>` : nothing}
    ${moreRows > 0 ? html`<span class="more below">⋮ ${count(moreRows)} more rows</span>` : nothing}
  </div>`;
}

/** Whether a term is too wide to be seen in numbers. @param {Term} term */
export const isWide = ({ shape: [rows, columns], each }) => each && Math.max(rows, columns) > MOST;

/**
 * Paints a term's entries, one column each, into a canvas: white is 0.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Rows} rows
 */
export function paintStrip(canvas, rows) {
  const context = canvas.getContext('2d');
  const width = rows[0]?.length ?? 0;
  if (!context || width === 0) return;
  canvas.width = width;
  canvas.height = rows.length;
  const colours = ramp(painterColours().heat);
  const largest = largestOf(rows);
  const words = Uint32Array.from(rows.flat(), (value) => colours[Math.round(127.5 + (127.5 * (value ?? 0)) / largest)]);
  context.putImageData(new ImageData(new Uint8ClampedArray(words.buffer), width, rows.length), 0, 0);
}
