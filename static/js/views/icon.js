/** The page's small symbols, by the names of its template, and the button that puts something away. */

import { html, nothing } from '../../vendor/lit-html/lit-html.js';

/** @param {string} name */
export const icon = (name) => html`<svg class="i" aria-hidden="true"><use href="#i-${name}"></use></svg>`;

/** @param {string} label @param {() => void} act @param {unknown} [title] */
export const crossButton = (label, act, title = nothing) =>
  html`<button class="btn quiet sq" type="button" aria-label=${label} title=${title}
    @click=${act}>${icon('close')}</button>`;
