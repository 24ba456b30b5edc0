/**
 * The lecture's notation, from a line of text as a lesson's author types it to MathML: `dW[1] = (1/m) X dZ[1]ᵀ`. Text
 * that is anything else, such as a program, is none.
 */

import { html, mathml, nothing } from '../../vendor/lit-html/lit-html.js';
import { number, variable } from '../notation.js';

/** @typedef {import('../notation.js').Fragment} Fragment */
/** @typedef {{kind: 'operand' | 'sign' | 'open' | 'close' | 'word' | 'space', text: string}} Token */

const SUBSCRIPTS = '₀₁₂₃₄₅₆₇₈₉ⱼᵢₖ';
const PLAIN = '0123456789jik';
/** Names of functions, which are upright. */
const FUNCTIONS = ['log', 'tanh', 'max', 'min', 'sin'];
/** Between what stands beside it there is a break, if the line has no room. */
const BREAKING = ['=', ':=', '≈', '≤', '≥', '+', '−'];
const SPACED = [...BREAKING, '×', '∗', '·', '<', '>'];

/** One token each, in this order: a letter with all that hangs on it, a name, a number, a sign, brackets, space. */
const TOKEN = new RegExp(
  [
    `(?<operand>(?:d[A-Za-z]|[A-Za-zŶŷσαε])(?![A-Za-z])′?(?:\\[[^\\]\\s]+\\])?′?[${SUBSCRIPTS}]*ᵀ?²?(?:\\^[a-z0-9])?)`,
    `(?<name>[A-Za-z]{2,})`,
    `(?<value>\\d[\\d,]*(?:\\.\\d+)?(?![\\d.])|[½¼])`,
    '(?<sign>:=|[=≈≤≥<>+−×∗·/,∂‖|…Σ²])',
    '(?<open>[([])',
    '(?<close>[)\\]][ᵀ²]?)',
    '(?<space> +)',
  ].join('|'),
  'yu',
);

/** @param {string} line @returns {Token[] | null} null if it is in another notation */
function tokens(line) {
  /** @type {Token[]} */
  const found = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < line.length) {
    const groups = TOKEN.exec(line)?.groups;
    if (!groups) return null;
    const [name, text] = /** @type {[string, string]} */ (
      Object.entries(groups).find(([, value]) => value !== undefined)
    );
    const isWord = name === 'name' && !FUNCTIONS.includes(text);
    found.push({
      kind: isWord ? 'word' : name === 'name' || name === 'value' ? 'operand' : /** @type {Token['kind']} */ (name),
      text,
    });
  }
  return found;
}

/** A letter with its layer, index, transposition and power. @param {string} text @returns {Fragment} */
function operand(text) {
  if (FUNCTIONS.includes(text)) return mathml`<mi>${text}</mi>`;
  if (/^[\d½¼]/.test(text)) return number(text);
  const letter = /^d?./u.exec(text)?.[0] ?? text;
  const base = text.includes('′')
    ? mathml`<mrow>${variable(letter)}<mo lspace="0" rspace="0">′</mo></mrow>`
    : variable(letter);
  const layer = /\[(.+)\]/.exec(text)?.[1];
  const power = /\^(.)/.exec(text)?.[1] ?? (text.includes('²') ? '2' : '');
  const index = [...text].flatMap((sign) => PLAIN[SUBSCRIPTS.indexOf(sign)] ?? []).join('');
  const above = [
    layer
      ? mathml`<mo lspace="0" rspace="0" stretchy="false">[</mo>${[...layer].map((sign) =>
          /\d/.test(sign)
            ? number(sign)
            : /[−+]/.test(sign)
              ? mathml`<mo lspace="0" rspace="0">${sign}</mo>`
              : variable(sign),
        )}<mo lspace="0" rspace="0" stretchy="false">]</mo>`
      : null,
    text.includes('ᵀ') ? mathml`<mtext>T</mtext>` : null,
    /\d/.test(power) ? number(power) : power ? variable(power) : null,
  ].filter((part) => part !== null);
  const sub = /^\d+$/.test(index) ? number(index) : variable(index);
  if (index && above.length > 0) return mathml`<msubsup>${base}${sub}<mrow>${above}</mrow></msubsup>`;
  if (index) return mathml`<msub>${base}${sub}</msub>`;
  return above.length > 0 ? mathml`<msup>${base}<mrow>${above}</mrow></msup>` : base;
}

/** @param {Token} token @param {Token | undefined} before the last that is no space @returns {Fragment} */
function drawn({ kind, text }, before) {
  if (kind === 'operand') return operand(text);
  if (kind === 'word') return mathml`<mtext>${text}</mtext>`;
  if (kind === 'space') return mathml`<mspace width="0.22em"></mspace>`;
  if (kind === 'close' && text.length > 1)
    return mathml`<msup><mo form="postfix" stretchy="false" lspace="0.03em"
      rspace="0">${text[0]}</mo>${text[1] === '²' ? number(2) : mathml`<mtext>T</mtext>`}</msup>`;
  if (text === '²') return mathml`<msup><mrow></mrow><mn>2</mn></msup>`;
  if (!SPACED.includes(text))
    return mathml`<mo stretchy="false" lspace="0.03em" rspace=${text === ',' ? '0.2em' : '0.03em'}>${text}</mo>`;
  const isPrefix = !before || before.kind === 'open' || before.kind === 'sign' || FUNCTIONS.includes(before.text);
  return isPrefix
    ? mathml`<mo form="prefix" lspace="0" rspace="0.05em">${text}</mo>`
    : mathml`<mo form="infix" lspace="0.22em" rspace="0.22em">${text}</mo>`;
}

/** One `<math>` up to each place where the line may break. @param {readonly Token[]} line */
function typeset(line) {
  /** @type {Fragment[][]} */
  const pieces = [[]];
  /** @type {Token | undefined} */
  let before;
  let depth = 0;
  line.forEach((token, index) => {
    const after = line[index + 1];
    if (token.kind === 'space') {
      // Signs bring their own space; between factors, and around words, it is the author's.
      const touches = [before, after].some((other) => !other || other.kind === 'sign');
      if (!touches) pieces.at(-1)?.push(drawn(token, before));
      return;
    }
    depth += Number(token.kind === 'open') - Number(token.kind === 'close');
    const breaks =
      token.kind === 'word' ||
      (BREAKING.includes(token.text) && depth <= 1 && before?.kind !== 'open' && before?.kind !== 'sign');
    if (before && breaks) pieces.push([]);
    pieces.at(-1)?.push(drawn(token, before));
    before = token;
  });
  return pieces.map((piece, index) => html`${index > 0 ? html`<wbr>` : nothing}<math translate="no">${piece}</math>`);
}

/** @param {string} text */
export function formula(text) {
  const line = tokens(text);
  return line?.every(({ kind }) => kind !== 'word') ? html`<span class="formula-text">${typeset(line)}</span>` : null;
}

/** Lines of formulas; two spaces and more part columns, and words may stand among them. @param {string} text */
export function formulas(text) {
  const lines = text
    .split('\n')
    .map((line) => ({ indented: line.startsWith('  '), cells: line.trim().split(/ {2,}/).map(tokens) }));
  if (lines.some(({ cells }) => cells.includes(null))) return null;
  return html`<div class="formulas-block">${lines.map(
    ({ indented, cells }) =>
      html`<div class="row" data-indented=${String(indented)}>${cells.map(
        (cell) => html`<span>${typeset(/** @type {Token[]} */ (cell))}</span>`,
      )}</div>`,
  )}</div>`;
}
