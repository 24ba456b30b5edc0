/** The dialog that opens a room. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { effect, signal } from '../../vendor/signals-core/signals-core.js';
import { serverPath } from '../links.js';
import { call } from './calls.js';
import { keepKey } from './place.js';
import { dialogWith } from './popups.js';

/** The error that says that this server asks for a teacher's code. */
const ASKED = 'teacher_code';

/** @param {() => void} opened */
export function openRoom(opened) {
  dialogWith('Open a room', '', (body, close, dialog) => {
    const wrong = signal('');
    const asked = signal(false);
    const busy = signal(false);
    /** Where a browser lets no page open another one by itself. */
    const link = signal('');
    /** @param {SubmitEvent} event */
    const submit = async (event) => {
      event.preventDefault();
      const fields = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
      const code = String(fields.get('code') ?? '');
      busy.value = true;
      wrong.value = '';
      /** @type {import('./calls.js').Answered<import('./calls.js').NewRoom>} */
      const answer = await call('POST', '/rooms', {
        body: { title: String(fields.get('title') ?? '') },
        headers: code ? { 'Shallows-Teacher-Code': code } : {},
      });
      busy.value = false;
      if (answer.wrong) {
        const first = answer.wrong.code === ASKED && !asked.peek();
        asked.value ||= answer.wrong.code === ASKED;
        wrong.value = first ? '' : answer.wrong.text;
        if (first) queueMicrotask(() => /** @type {HTMLElement | null} */ (body.querySelector('[name=code]'))?.focus());
        return;
      }
      const { id, key, screen_key: screen } = answer.body;
      keepKey(id, key);
      keepKey(`${id}/screen`, screen);
      opened();
      // Whoever has closed the dialog meanwhile finds it in the menu.
      if (!dialog.open) return;
      const address = serverPath(`/rooms/${id}`);
      if (window.open(address, `room-${id}`)) close();
      else link.value = address;
    };
    return effect(() => {
      render(
        link.value
          ? html`<div class="body"><p>The room is open.</p></div><div class="foot"><a class="btn primary" href=${link.value}
              target="_blank" @click=${close}>Go to it</a></div>`
          : html`<form @submit=${submit}><div class="body">
              <div class="fieldset"><label class="ln" for="room-title">Title</label><input class="field" id="room-title"
                name="title" maxlength="80" autocomplete="off" placeholder="A class"><p class="cap">Students see it. Leave out
                names of people.</p></div>
              ${
                asked.value
                  ? html`<div class="fieldset"><label class="ln" for="room-teacher-code">Teacher’s code</label><input
                      class="field" id="room-teacher-code" name="code" type="password" autocomplete="current-password" required
                      aria-describedby="room-wrong"><p class="cap">This server asks for it. Whoever runs the server has
                      it.</p></div>`
                  : nothing
              }
              <p class="wrong" role="alert" id="room-wrong">${wrong.value}</p>
              <p class="cap">Students get a name like “calm otter”: no account, nothing to type, nothing rude on the wall.</p>
            </div><div class="foot"><button class="btn" type="button" @click=${close}>Cancel</button><button
              class="btn primary" type="submit" ?disabled=${busy.value}>Open the room</button></div></form>`,
        body,
      );
    });
  });
}
