/** An address as a square for cameras; the server draws it. */

import { html, render } from '../../vendor/lit-html/lit-html.js';
import { serverPath } from '../links.js';

/** What the server draws; a longer address makes squares too small for a camera. */
const MOST_CHARACTERS = 500;

/**
 * @param {HTMLElement} place
 * @param {string} address '' is none
 */
export function showCode(place, address) {
  const long = address.length > MOST_CHARACTERS;
  render(
    address === ''
      ? ''
      : long
        ? html`<p class="hint">It is too long for a QR code that a camera can read. Save the run: its short link has one.</p>`
        : html`<button class="qr" type="button" aria-pressed="false" title="Larger, for the projector"
            @click=${(/** @type {MouseEvent} */ event) => {
              const button = /** @type {HTMLElement} */ (event.currentTarget);
              button.ariaPressed = String(button.ariaPressed !== 'true');
            }}><img alt="QR code of the link" src=${serverPath(`/qr.svg?address=${encodeURIComponent(address)}`)}></button>`,
    place,
  );
}
