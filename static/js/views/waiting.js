/** Why there is no session yet, when the server is asked again, and a button that asks it now. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { effect } from '../../vendor/signals-core/signals-core.js';
import { count } from '../format.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../stream/connection.js').Reason} Reason */
/** @typedef {import('../stream/connection.js').Wait} Wait */
/** @template T @typedef {import('../../vendor/signals-core/signals-core.js').Signal<T>} Signal */

/** Why the page has no session, for each reason. */
const WHY_NOT = {
  foreign:
    `This server refuses pages of ${location.origin}. Its operator can mend that: a proxy in ` +
    'front of it has to pass on the headers Host and X-Forwarded-Proto as they are, or ' +
    `SHALLOWS_ALLOWED_ORIGINS=${location.origin} allows it.`,
  misnamed:
    `This server does not answer to the name ${location.hostname}. Its operator can mend that: ` +
    'SHALLOWS_ALLOWED_HOSTS has to list it, and a proxy has to pass on the header Host as it is.',
  blocked:
    'The server answers, but its stream does not open: something on the way does not let WebSockets pass. An ' +
    'operator can mend that: a proxy has to pass on the headers Upgrade and Connection.',
  fast: 'This address asks for more than its share of the server just now. What you have set up stays.',
  full: 'All places on this server are taken. What you have set up stays.',
  restarting: 'The server is restarting. Your run goes on when it is back.',
  busy: 'The server cannot open your run just now. What you have set up stays.',
  locked: 'This server asks for another access code now. What you have set up stays.',
};

/**
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @param {{waiting: Signal<Wait | null>, tryNow: () => void}} stream
 */
export function mountWaiting(store, find, stream) {
  showWaiting(stream, WHY_NOT, {
    container: find('waiting'),
    announcer: store.announcer,
    next: find('play'),
    style: 'bubble note-kind',
  });
}

/**
 * A screen reader hears why, and not the seconds; the result of its own try it hears again.
 *
 * @param {{waiting: Signal<Wait | null>, tryNow: () => void}} stream
 * @param {Record<Reason, string>} whyNot
 * @param {{container: HTMLElement, announcer: import('../announcer.js').Announcer, next: HTMLElement, style?: string}} place `next` has
 *   the focus when the button is gone
 * @returns {() => void} ends it
 */
export function showWaiting(stream, whyNot, { container, announcer, next, style = '' }) {
  /** What was announced last. @type {Reason | null} */
  let announced = null;
  let waited = false;
  const tryNow = () => {
    announced = null;
    announcer.say('Trying again');
    stream.tryNow();
  };
  // The form that asks for the code is what the server sends instead of the page.
  const giveCode = () => location.reload();
  /** @param {Wait} wait */
  const show = ({ why, until }) => {
    const seconds = Math.ceil((until - performance.now()) / 1000);
    const { label, act } =
      why === 'locked' ? { label: 'Give the code', act: giveCode } : { label: 'Try now', act: tryNow };
    render(
      html`<div class="waiting ${style}" role="region"
        aria-label="Waiting for the server"><span>${whyNot[why]} <span role="timer">${
          seconds > 0 ? `Next try in ${count(seconds)} s.` : 'Trying again …'
        }</span></span><button class="btn small" type="button" @click=${act}>${label}</button></div>`,
      container,
    );
  };
  return effect(() => {
    const wait = stream.waiting.value;
    if (!wait) {
      const focused = container.contains(document.activeElement);
      render(nothing, container);
      if (focused) next.focus();
      if (waited) announcer.say('Connected');
      waited = false;
      announced = null;
      return undefined;
    }
    waited = true;
    if (wait.until > performance.now() && announced !== wait.why) {
      announcer.say(`${whyNot[wait.why]} This page tries again by itself.`);
      announced = wait.why;
    }
    show(wait);
    const timer = setInterval(() => show(wait), 1000);
    return () => clearInterval(timer);
  });
}
