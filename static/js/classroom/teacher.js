/** The page /rooms/ID, of the teacher: puts it together. Imports everything, is imported by nothing. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { effect } from '../../vendor/signals-core/signals-core.js';
import { defaultsOf, fieldsOf } from '../experiment/experiment.js';
import { givesBack } from '../focus-back.js';
import { pathHere, serverPath } from '../links.js';
import { nextTheme, theme } from '../theme.js';
import { newer } from '../version.js';
import { Desk } from './desk.js';
import { whole } from './differs.js';
import { mountDo } from './do-column.js';
import { mountOpened } from './opened.js';
import { keepKey, roomKeys, takeKey } from './place.js';
import { roomMenu } from './room-menu.js';
import { mark, symbol } from './symbols.js';
import { pointsOfAll } from './tile-picture.js';
import { mountWall } from './wall.js';

/** The drawer's panels, as an address may name them. */
const PANELS = ['microscope', 'activations', 'compare', 'timeline', 'runs', 'results', 'surface', 'timing', 'code'];

const page = /** @type {HTMLElement} */ (document.getElementById('page'));
const announcer = /** @type {HTMLElement} */ (document.getElementById('announcer'));
/** @type {import('../types/protocol').Catalogue} */
const catalogue = JSON.parse(document.getElementById('catalogue')?.textContent ?? '');
const id = decodeURIComponent(pathHere().split('/rooms/')[1] ?? '').replace(/\/$/, '');
const key = takeKey(id);

if (key === null)
  closed(
    'This page needs the room’s key.',
    'Open it where you opened the room, or there press Room, then Open on another device.',
  );
else open(key);

/** @param {string} title @param {string} text */
function closed(title, text) {
  for (const dialog of document.querySelectorAll('dialog')) dialog.close();
  render(
    html`<main class="closed"><p class="brand">${mark}Shallows</p><h1 tabindex="-1">${title}</h1><p>${text}</p><p><a class="btn"
      href=${serverPath('/')}>To the playground</a></p></main>`,
    page,
  );
  page.querySelector('h1')?.focus();
}

/** @param {string} key */
function open(key) {
  const fields = fieldsOf(catalogue, PANELS);
  const defaults = defaultsOf(catalogue);
  const desk = new Desk(id, key, catalogue, fields, defaults);
  render(
    html`<a class="skip" href="#eyes">To Eyes here</a><header></header><main class="wall" aria-label="Wall"></main><main class="wall opened"
      aria-label="Opened networks" hidden></main><aside class="do" aria-label="Do"></aside><div class="toast"></div>`,
    page,
  );
  const [header, wall, opened, column, toast] = /** @type {HTMLElement[]} */ (
    [...page.children].filter((element) => !element.matches('.skip'))
  );
  const drawn = pointsOfAll(desk.state, desk.catalogue.defaults.data);
  const { focus } = mountWall(desk, wall, drawn);
  mountOpened(desk, opened, drawn, focus);
  mountDo(fields, defaults, desk, column, drawn);
  effect(() => {
    wall.hidden = desk.opened.value.length > 0;
  });

  effect(() => {
    const room = desk.state.room.value;
    const sent = desk.sent.value;
    const state = desk.stream.state.value;
    const task = room?.tasks.find((each) => each.id === room.task);
    document.title = room ? `${room.title} – Shallows` : 'Shallows';
    render(
      html`<div class="top"><h1 class="brand">${mark}<span>Shallows</span></h1>${
        room
          ? html`<dl class="stat"><dt>Room</dt><dd>${room.title}</dd></dl>${
              task
                ? html`<dl class="stat"><dt>Task ${room.tasks.indexOf(task) + 1} of ${room.tasks.length}</dt><dd>${task.title}</dd></dl>`
                : nothing
            }${
              room.experiment && sent
                ? html`<dl class="stat sent-now"><dt>Experiment ${room.experiment.number}, ${
                    room.experiment.seeds === 'own' ? 'own seeds' : 'same seed'
                  }</dt><dd>${whole(sent, catalogue)}</dd></dl>`
                : nothing
            }`
          : nothing
      }</div><div class="tools"><button class="btn quiet" type="button" @click=${() => {
        const screen = roomKeys()[`${id}/screen`];
        window.open(`${serverPath(`/rooms/${id}/screen`)}#key=${screen ?? key}`, `screen-${id}`);
      }}>${symbol('screen')}<span>Projector</span></button><button class="btn quiet" type="button" id="room-menu" aria-haspopup="menu"
        aria-expanded="false" ?disabled=${!room} @click=${(/** @type {Event} */ event) =>
          roomMenu(
            desk,
            /** @type {HTMLElement} */ (event.currentTarget),
          )}>Room${symbol('down')}</button><span class="side">${
          newer.value
            ? html`<button class="btn small" type="button" @click=${() => location.reload()}>New version: reload</button>`
            : nothing
        }<span class="conn" data-state=${state === 'live' ? 'live' : 'reconnecting'} role="status"><span class="lbl">${
          {
            connecting: 'Connecting',
            live: desk.stream.plain.value ? 'Live, the second way' : 'Live',
            reconnecting: 'Reconnecting',
            refused: 'Closed',
          }[state]
        }</span></span><button class="btn quiet sq" type="button" aria-label="Switch theme" @click=${() => {
          theme.value = nextTheme();
        }}>${symbol('theme')}</button></span></div>`,
      header,
    );
  });

  const giveBack = givesBack(toast);
  effect(() => {
    const problem = desk.problem.value;
    const had = toast.contains(document.activeElement);
    render(
      problem
        ? html`<div role="alert"><span>${problem}</span><button class="btn quiet sq" type="button" aria-label="Dismiss" @click=${() => {
            desk.problem.value = '';
          }}>${symbol('close')}</button></div>`
        : nothing,
      toast,
    );
    if (had && !problem) giveBack();
  });
  desk.announcer.mount(announcer);
  effect(() => {
    const { over } = desk.state;
    if (over.value) closed('The room is over', over.value);
    else if (desk.stream.state.value === 'refused') {
      if (!desk.state.room.peek()) keepKey(id, null);
      closed(
        'This page does not open the room any more',
        desk.problem.peek() || 'The room is over, or its key has been changed.',
      );
    }
  });
}
