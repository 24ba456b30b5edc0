/** The page /j, where a student joins with a code. */

import { html, render } from '../../vendor/lit-html/lit-html.js';
import { effect } from '../../vendor/signals-core/signals-core.js';
import { pathHere, serverPath } from '../links.js';
import '../theme.js';
import { bare } from './calls.js';
import { Joining, joinForm, PROMISE } from './joining.js';
import { mark } from './symbols.js';

const place = /** @type {HTMLElement} */ (document.getElementById('page'));
const code = decodeURIComponent(pathHere().split('/j/')[1] ?? '');

const joining = new Joining(bare(code), ({ here }) => location.assign(serverPath('/') + here));
let was = '';
effect(() => {
  const screen = joining.screen.value;
  render(
    html`<header class="brand">${mark}Shallows</header><main>${joinForm(joining, screen)}</main><footer><p>${PROMISE}</p><p><button
      class="plain" type="button" @click=${() => joining.turn()}>${
        screen.is === 'teacher' ? 'Not a teacher? Back to the class' : 'Teacher on a second device?'
      }</button></p></footer>`,
    place,
  );
  // What is to be done next has the focus.
  if (screen.is !== was)
    /** @type {HTMLElement | null} */ (
      place.querySelector(`main ${code ? '.primary' : 'input, main .primary'}`)
    )?.focus();
  was = screen.is;
});
