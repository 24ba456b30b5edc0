/** The server has a newer page than this one: said once, and the reader decides when to take it. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { effect } from '../../vendor/signals-core/signals-core.js';
import { newer } from '../version.js';
import { crossButton } from './icon.js';

/** @param {(id: string) => HTMLElement} find */
export function mountNewer(find) {
  const later = () => {
    newer.value = false;
  };
  effect(() => {
    render(
      newer.value
        ? html`<div class="bubble note-kind"><span>The server has a newer version of this page. Some parts of this one
          cannot be fetched any more; what is here goes on.</span><button class="btn small" type="button"
          @click=${() => location.reload()}>Reload</button>${crossButton('Later', later, 'Later')}</div>`
        : nothing,
      find('newer'),
    );
  });
}
