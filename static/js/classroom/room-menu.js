/** The teacher's menu of the room, and the dialogs behind it. */

import { repeat } from '../../vendor/lit-html/directives/repeat.js';
import { html } from '../../vendor/lit-html/lit-html.js';
import { computed, effect, signal } from '../../vendor/signals-core/signals-core.js';
import { ask } from '../asking.js';
import { copy, UNCOPIED } from '../clipboard.js';
import { download } from '../download.js';
import { serverPath } from '../links.js';
import { reach } from '../reach.js';
import { together } from '../signals.js';
import { call, inGroups } from './calls.js';
import { redraw } from './focus.js';
import { checkNetwork } from './network-check.js';
import { keepKey, roomKeys } from './place.js';
import { dialogWith, menu } from './popups.js';

/** @typedef {import('./desk.js').Desk} Desk */

/** The results, as the browser keeps them. @param {Desk} desk @returns {Promise<string>} what went wrong; '' is nothing */
async function takeResults(desk) {
  const answer = await ask(`/rooms/${desk.id}/results.csv`, { headers: desk.headers, as: 'blob' });
  if (!answer?.ok) return 'The table could not be fetched. Try again once the page is live.';
  download(answer.body, 'shallows-room.csv');
  return '';
}

/** @param {Desk} desk @param {HTMLElement} button */
export function roomMenu(desk, button) {
  const room = desk.state.room.peek();
  if (!room) return;
  menu(button, 'Room', [
    {
      symbol: 'lock',
      label: room.locked ? 'Open the door' : 'Lock the door',
      note: room.locked ? 'locked' : 'open',
      act: () => desk.say({ type: 'lock', locked: !room.locked }),
    },
    { symbol: 'people', label: 'Names', note: String(desk.state.members.peek().size), act: () => members(desk) },
    {
      symbol: 'eye',
      label: 'Names on the projector',
      note: room.names ? 'shown' : 'hidden',
      act: () => desk.say({ type: 'names', shown: !room.names }),
    },
    {
      symbol: 'eye',
      label: 'Names on this page',
      note: desk.named.peek() ? 'shown' : 'hidden',
      act: () => {
        desk.named.value = !desk.named.peek();
      },
    },
    { symbol: 'renew', label: 'New code', note: 'everybody stays in', act: () => desk.say({ type: 'new_code' }) },
    { symbol: 'device', label: 'Open on another device', note: 'a code, once', act: () => pair(desk), line: true },
    { symbol: 'lock', label: 'New key', note: 'ends other devices', act: () => desk.say({ type: 'new_key' }) },
    {
      symbol: 'table',
      label: 'Results as a table',
      note: 'CSV',
      async act() {
        // What has gone wrong since is not this one's to take back.
        desk.problem.value = (await takeResults(desk)) || desk.problem.peek();
      },
      line: true,
    },
    {
      symbol: 'link',
      label: 'Every network as a link',
      note: String(desk.state.members.peek().size),
      act: () => links(desk),
    },
    { symbol: 'wave', label: 'Check this network', note: '', act: () => checkNetwork() },
    {
      symbol: 'help',
      label: 'How a class works',
      note: 'a new tab',
      act: () => void window.open(serverPath('/help/classroom'), '_blank', 'noopener'),
    },
    { symbol: 'stop', label: 'End the room', note: 'for good', act: () => end(desk), line: true },
  ]);
}

/** @param {Desk} desk */
function members(desk) {
  const done = signal('');
  dialogWith('Names', 'names-sheet', (body) =>
    drawn(body, () => {
      const all = [...desk.state.members.value.values()].sort((a, b) => (a.name ?? '').localeCompare(b.name ?? ''));
      return html`<div class="body">${
        all.length === 0
          ? html`<p>Nobody is in yet. The code is on the projector.</p>`
          : html`<p class="cap">Who is removed can come again, as somebody new. To keep them out, lock the door or make a new code.</p>
            <p class="wrong" role="alert">${desk.problem.value}</p><p class="cap" role="status">${
              desk.problem.value ? '' : done.value
            }</p><ul class="people">${repeat(
              all,
              ({ member }) => member,
              (member) =>
                html`<li><form @submit=${(/** @type {SubmitEvent} */ event) => {
                  event.preventDefault();
                  const name = String(new FormData(/** @type {HTMLFormElement} */ (event.currentTarget)).get('name'));
                  if (
                    !name.trim() ||
                    name === member.name ||
                    !desk.say({ type: 'rename', member: member.member, name })
                  )
                    return;
                  done.value = `Now called ${name.trim()}.`;
                }}><input class="field" name="name" maxlength="24" autocomplete="off" aria-label="Name of ${member.name}" .value=${
                  member.name ?? ''
                }><button class="btn small" type="submit">Rename</button></form><span class="cap">${
                  member.here ? 'here' : 'away'
                }</span><button class="btn quiet small" type="button" @click=${() => {
                  if (desk.say({ type: 'remove', member: member.member })) done.value = `${member.name} is removed.`;
                }}>Remove<span class="vh"> ${member.name}</span></button></li>`,
            )}</ul>`
      }</div>`;
    }),
  );
}

/** @param {Desk} desk */
function pair(desk) {
  desk.pairing.value = null;
  const live = computed(() => desk.stream.state.value === 'live');
  const address = signal(location.host);
  void reach().then(({ origin }) => {
    address.value = origin.replace(/^https?:\/\//, '');
  });
  dialogWith('Open on another device', '', (body, close) =>
    together(
      // What a connection has lost is asked for again.
      effect(() => {
        if (live.value && !desk.pairing.peek()) desk.say({ type: 'pair' });
      }),
      drawn(body, () => {
        const { code, until } = desk.pairing.value ?? { code: '', until: 0 };
        return html`<div class="body">${
          code
            ? html`<p>There, open <b>${address.value}${serverPath('/j')}</b>, press <b>Teacher on a second device?</b> and type
              the room’s code ${inGroups(desk.state.room.value?.code ?? '')} and</p><p
              class="code once">${code.slice(0, 4)} ${code.slice(4)}</p><p
              class="cap">It works once, for ${Math.max(1, Math.round((until - Date.now()) / 60_000))} minutes.</p>`
            : html`<p role="status">${
                desk.problem.value || (live.value ? 'Asking for a code' : 'The code comes once the page is live.')
              }</p>`
        }</div><div class="foot"><button class="btn primary" type="button" @click=${close}>Done</button></div>`;
      }),
    ),
  );
}

/** @param {Desk} desk */
function links(desk) {
  const found = signal(/** @type {{name: string, link: string}[] | null} */ (null));
  const wrong = signal('');
  const copied = signal('');
  /** @type {Promise<import('./calls.js').Answered<{links: {name: string, link: string | null}[]}>>} */
  const asked = call('POST', `/rooms/${desk.id}/links`, { headers: desk.headers });
  void Promise.all([asked, reach()]).then(([answer, { origin }]) => {
    wrong.value = answer.wrong?.text ?? '';
    found.value = (answer.body?.links ?? [])
      .flatMap(({ name, link }) => (link ? [{ name, link: origin + link }] : []))
      .sort((a, b) => a.name.localeCompare(b.name));
  });
  dialogWith('Every network as a link', 'names-sheet', (body, _, dialog) =>
    drawn(body, () => {
      const all = found.value;
      return html`<div class="body">${
        wrong.value
          ? html`<p class="wrong" role="alert">${wrong.value}</p>`
          : !all
            ? html`<p role="status">Saving the networks</p>`
            : all.length === 0
              ? html`<p>Nothing has been trained yet.</p>`
              : html`<p class="cap">Each opens that network as it is now. Links end with the room.</p><ul class="people">${all.map(
                  ({ name, link }) =>
                    html`<li><span>${name}</span><a href=${link} target="_blank"
                      rel="noopener">${link.replace(/^https?:\/\//, '')}</a></li>`,
                )}</ul>`
      }</div><div class="foot"><span class="cap" role="status">${copied.value}</span><button class="btn" type="button" ?disabled=${
        !all || all.length === 0
      } @click=${async () => {
        const text = (all ?? []).map(({ name, link }) => `${name}\t${link}`).join('\n');
        copied.value = (await copy(text, dialog)) ? 'Copied.' : UNCOPIED;
      }}>Copy all</button></div>`;
    }),
  );
}

/** @param {Desk} desk */
function end(desk) {
  const wrong = signal('');
  const busy = signal(false);
  dialogWith('End the room?', '', (body, close, dialog) =>
    drawn(
      body,
      () => html`<div class="body"><p>Names and answers are deleted now. Download the table first if you want to keep the results.</p><p
        class="wrong" role="alert">${wrong.value}</p></div><div class="foot"><button class="btn" type="button" ?disabled=${busy.value}
        @click=${async () => {
          busy.value = true;
          wrong.value = await desk.end();
          busy.value = false;
          if (wrong.peek() && !dialog.open) desk.problem.value = wrong.peek();
          if (wrong.peek()) return;
          for (const name of Object.keys(roomKeys())) if (name.split('/')[0] === desk.id) keepKey(name, null);
          desk.state.over.value = 'Names and answers are deleted.';
          close();
        }}>End and delete</button><button class="btn" type="button" @click=${async () => {
          wrong.value = await takeResults(desk);
        }}>Download</button><button class="btn primary" type="button" @click=${close}>Cancel</button></div>`,
    ),
  );
}

/** @param {HTMLElement} place @param {() => unknown} draw */
const drawn = (place, draw) => effect(() => redraw(place, draw()));
