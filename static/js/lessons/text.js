/** A lesson's text, which the server sends as nodes: nothing else can be drawn. */

import { html, nothing } from '../../vendor/lit-html/lit-html.js';
import { serverPath } from '../links.js';
import { formula, formulas } from './formula.js';

/** @typedef {import('../types/lessons').TextNode} TextNode */
/** @template {TextNode['type']} T @typedef {TextNode & {type: T}} Of */

/** What a lesson may lead to. */
const SAFE = /^(https?:|mailto:|\/(?!\/)|#)/i;

/** @type {{[T in TextNode['type']]: (node: Of<T>) => unknown}} */
const DRAW = {
  paragraph: ({ children }) => html`<p>${text(children)}</p>`,
  list: ({ ordered, children }) => (ordered ? html`<ol>${text(children)}</ol>` : html`<ul>${text(children)}</ul>`),
  item: ({ children }) => html`<li>${text(children)}</li>`,
  strong: ({ children }) => html`<strong>${text(children)}</strong>`,
  em: ({ children }) => html`<em>${text(children)}</em>`,
  link: ({ href, children }) =>
    SAFE.test(href)
      ? html`<a href=${href.startsWith('/') ? serverPath(href) : href} target=${href.startsWith('#') ? '_self' : '_blank'}
        rel="noopener noreferrer">${text(children)}</a>`
      : text(children),
  text: ({ text }) => text,
  code: ({ text }) => formula(text) ?? html`<code translate="no">${text}</code>`,
  block: ({ text }) =>
    formulas(text.trimEnd()) ??
    html`<pre translate="no" tabindex="0" role="group" aria-label="Code">${text.trimEnd()}</pre>`,
  break: () => html`<br>`,
};

/** @param {readonly TextNode[]} nodes */
export const text = (nodes) =>
  nodes.length > 0 ? nodes.map((node) => /** @type {(node: TextNode) => unknown} */ (DRAW[node.type])(node)) : nothing;
