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
/** Between these a matrix is written without a power of ten; so many digits follow the point. */
const LEAST = 0.1;
const THOUSAND = 1000;
const DECIMALS = 3;

/**
 * How a matrix is written: with three digits after the point if its largest entry lies between 0.1 and 1,000; else every entry times
 * the same power of a thousand.
 *
 * @param {Rows} rows
 * @returns {number} the exponent of ten: 0, or a multiple of 3
 */
export function powerOf(rows) {
  const largest = Math.max(0, ...rows.flat().map((value) => Math.abs(value ?? 0)));
  if (largest === 0 || !Number.isFinite(largest) || (largest >= LEAST && largest < THOUSAND)) return 0;
  return 3 * Math.floor(Math.log10(largest) / 3);
}

/** An entry in a matrix of that power. @param {number | null} value @param {number} power */
export function entryText(value, power) {
  if (value === null) return '–';
  const scaled = power === 0 ? value : value / 10 ** power;
  return fixed(scaled, Math.abs(scaled) >= THOUSAND / 10 ? DECIMALS - 1 : DECIMALS);
}

/** What a part is called in an attribute. @param {Part} part */
export const lights = (part) => JSON.stringify(part);

/** Which rows or columns are shown, of so many. @param {number} length */
const shownOf = (length) => (length > MOST ? SHOWN : length);

/**
 * @param {Term} term
 * @param {{rows?: Rows, power?: number, missing?: string, wrong?: (boolean | null)[][]}} [other] what is written instead of the term's own numbers
 */
export function matrix(term, { rows = term.rows, power = powerOf(rows), missing = '–', wrong } = {}) {
  const [height, width] = [shownOf(rows.length), shownOf(rows[0]?.length ?? 0)];
  const [moreRows, moreColumns] = [term.shape[0] - height, term.shape[1] - width];
  const largest = Math.max(Number.MIN_VALUE, ...rows.flat().map((value) => Math.abs(value ?? 0)));
  /** @param {number | null} value @param {number} i @param {number} j */
  const cell = (value, i, j) => {
    const tint = value === null ? '' : `--tint:${Math.round((34 * Math.abs(value)) / largest)}%`;
    return mathml`<mtd data-lights=${lights(partAt(term, i, j))} class=${value !== null && value < 0 ? 'n' : 'p'} style=${tint} ?data-wrong=${wrong?.[i][j] === false}>${value === null ? mathml`<mtext>${missing}</mtext>` : mathml`<mn>${entryText(value, power)}</mn>`}</mtd>`;
  };
  return html`<div class="matrix" data-power=${power}>
    ${power === 0 ? nothing : html`<math class="power"><msup><mn>10</mn><mn>${power < 0 ? `−${-power}` : power}</mn></msup></math>`}
    <div class="entries"><math><mtable>${rows.slice(0, height).map((row, i) => mathml`<mtr>${row.slice(0, width).map((value, j) => cell(value, i, j))}</mtr>`)}</mtable></math></div>
    ${moreColumns > 0 ? html`<span class="more">… ${count(moreColumns)} more columns</span>` : nothing}
    ${moreRows > 0 ? html`<span class="more below">⋮ ${count(moreRows)} more rows</span>` : nothing}
  </div>`;
}

/** Whether a term is too wide to be seen in numbers. @param {Term} term */
export const isWide = ({ shape: [rows, columns], each }) => each && Math.max(rows, columns) > MOST;

/** Paints a term's entries, one column each, into a canvas: white is 0. @param {HTMLCanvasElement} canvas @param {Rows} rows */
export function paintStrip(canvas, rows) {
  const context = canvas.getContext('2d');
  const width = rows[0]?.length ?? 0;
  if (!context || width === 0) return;
  canvas.width = width;
  canvas.height = rows.length;
  const colours = ramp(painterColours().heat);
  const values = rows.flat();
  const largest = Math.max(Number.MIN_VALUE, ...values.map((value) => Math.abs(value ?? 0)));
  const words = Uint32Array.from(values, (value) => colours[Math.round(127.5 + (127.5 * (value ?? 0)) / largest)]);
  context.putImageData(new ImageData(new Uint8ClampedArray(words.buffer), width, rows.length), 0, 0);
}
