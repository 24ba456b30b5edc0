/** What the main page has of a class: its menu, a student's place, and what a teacher's page is offered. */

import { html, render } from '../../vendor/lit-html/lit-html.js';
import { effect } from '../../vendor/signals-core/signals-core.js';
import { leftOut } from '../experiment/address.js';
import { DIGEST, serverPath } from '../links.js';
import { Joining, joinForm, PROMISE } from './joining.js';
import { checkNetwork } from './network-check.js';
import { offer } from './offering.js';
import { openRoom } from './opening.js';
import { placeHere, roomKeys } from './place.js';
import { dialogWith, menu } from './popups.js';
import { Student } from './student.js';
import { mountBar } from './student-bar.js';

/** What has no style by then goes on without: a class waits for it (milliseconds). */
const PATIENCE = 10_000;

/** @param {string} name of a sheet that comes later */
export function fetchSheet(name) {
  const link = Object.assign(document.createElement('link'), {
    rel: 'stylesheet',
    href: serverPath(`/static/${DIGEST}/css/${name}.css`),
  });
  const there = new Promise((resolve) => {
    link.onload = link.onerror = resolve;
    setTimeout(resolve, PATIENCE);
  });
  document.head.append(link);
  return there;
}

/** @param {import('./student.js').Page} page @param {HTMLElement} button */
export async function mount(page, button) {
  await Promise.all(['roombar', 'room-popups', 'join'].map(fetchSheet));
  const student = new Student(page);
  const place = placeHere();
  mountBar(page.store, student, () => {
    const again = placeHere();
    if (again) student.enter(again);
  });
  if (place) student.comeBack(place);
  let offering = false;
  const offerIt = () => {
    if (offering) return;
    offering = true;
    offer(page, (experiment) => leftOut(experiment, page.fields));
  };
  const offerWhereAsked = () => Object.keys(roomKeys()).length > 0 && offerIt();
  offerWhereAsked();
  addEventListener('storage', offerWhereAsked);

  const join = () => {
    dialogWith('Join a class', 'enter join-sheet', (body, close) => {
      const joining = new Joining('', (taken) => {
        close();
        student.enter(taken);
      });
      const stop = effect(() => {
        render(html`${joinForm(joining, joining.screen.value)}<p class="hint">${PROMISE}</p>`, body);
      });
      return () => {
        stop();
        joining.end();
      };
    });
  };
  return () => {
    const rooms = Object.keys(roomKeys()).filter((name) => !name.endsWith('/screen'));
    menu(button, 'Class', [
      { symbol: 'people', label: 'Join a class', note: 'with a code', act: join },
      {
        symbol: 'screen',
        label: 'Open a room',
        note: 'for your class',
        act: () =>
          openRoom(() => {
            offerIt();
          }),
      },
      ...(rooms.length > 0
        ? [
            {
              symbol: /** @type {const} */ ('left'),
              label: 'Back to your room',
              note: 'opened here',
              act: () => void window.open(serverPath(`/rooms/${rooms.at(-1)}`), `room-${rooms.at(-1)}`),
            },
          ]
        : []),
      { symbol: 'wave', label: 'Check this network', note: '', act: () => checkNetwork() },
    ]);
  };
}
