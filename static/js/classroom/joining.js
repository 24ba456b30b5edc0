/** Joining a room by its code: what stands on the page or in the dialog, and what is asked of the server. */

import { live } from '../../vendor/lit-html/directives/live.js';
import { html, nothing } from '../../vendor/lit-html/lit-html.js';
import { signal } from '../../vendor/signals-core/signals-core.js';
import { bare, CODE_LENGTH, call, inGroups } from './calls.js';
import { ELSEWHERE, keepKey, keepPlace, placeHere, placeOf } from './place.js';

/** @typedef {import('./calls.js').Joined} Joined */
/** @typedef {import('./calls.js').Wrong} Wrong */
/** @typedef {import('./place.js').Place} Place */

/** From one question to the next, whether the teacher has decided (milliseconds). */
const ASK_EVERY = 1500;

/**
 * What is on the screen.
 *
 * @typedef {{is: 'code', wrong: Wrong | null, busy: boolean}
 *   | {is: 'known', place: Place, wrong: Wrong | null, busy: boolean}
 *   | {is: 'named', place: Place, wrong: Wrong | null, busy: boolean}
 *   | {is: 'claiming', name: string, claim: string, fresh: Place | null}
 *   | {is: 'teacher', wrong: Wrong | null, busy: boolean}} Screen
 */

/** After these somebody may have been here before. */
const BACK_FROM = ['locked', 'full', 'unknown_name', 'not_let_in', 'claimed'];
/** What leads no further with this code. */
const HOPELESS = ['stranger', 'removed'];

export class Joining {
  /** @type {import('../../vendor/signals-core/signals-core.js').Signal<Screen>} */
  screen;
  /** As it is typed. */
  code = signal('');
  /** The name that somebody claims, as it is typed. */
  claimed = signal('');

  #start;
  #call;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #asking;
  /** What was there before the teacher's form. @type {Screen} */
  #before;

  /**
   * @param {string} code from the address; '' is to be typed
   * @param {(place: Place) => void} start goes to the page, with the place
   * @param {typeof call} [ask]
   */
  constructor(code, start, ask = call) {
    this.code.value = code;
    this.#start = start;
    this.#call = ask;
    const place = placeHere();
    const known = place && (code === '' || bare(place.code) === bare(code)) ? place : null;
    this.screen = signal(
      /** @type {Screen} */ (
        known ? { is: 'known', place: known, wrong: null, busy: false } : { is: 'code', wrong: null, busy: false }
      ),
    );
    this.#before = this.screen.peek();
  }

  /** As somebody new. */
  async join() {
    const code = bare(this.code.peek());
    if (code.length !== CODE_LENGTH) {
      this.#show({
        is: 'code',
        busy: false,
        wrong: { code: 'length', text: `A code has ${CODE_LENGTH} letters and digits.` },
      });
      return;
    }
    const asked = this.#show({ is: 'code', wrong: null, busy: true });
    const { body, wrong } = await this.#ask({ code });
    if (this.screen.peek() !== asked) return;
    if (body && 'secret' in body) this.#named(body, code);
    else this.#show({ is: 'code', wrong, busy: false });
  }

  /** Back to the place that this browser has. */
  async back() {
    const screen = this.screen.peek();
    if (screen.is !== 'known') return;
    const { place } = screen;
    const asked = this.#show({ ...screen, busy: true });
    const { body, wrong } = await this.#ask({ code: place.code, secret: place.secret });
    if (this.screen.peek() !== asked) return;
    if (body && 'secret' in body && body.member === place.member) this.#start(this.#keep(body, place.code));
    else if (body && 'secret' in body) this.#named(body, place.code);
    else if (wrong && [...HOPELESS, 'not_found'].includes(wrong.code)) {
      keepPlace(null);
      this.#show({ is: 'code', wrong, busy: false });
    } else this.#show({ ...screen, wrong, busy: false });
  }

  /** Somebody else is at this device: the place that there was is left where it is. */
  anew() {
    keepPlace(null);
    this.#show({ is: 'code', wrong: null, busy: false });
  }

  /** Takes a place again whose secret is lost: the teacher is asked. */
  async claim() {
    const screen = this.screen.peek();
    if (screen.is !== 'named' && screen.is !== 'code') return;
    const name = this.claimed.peek().trim();
    const code = bare(this.code.peek());
    if (!name) return;
    const asked = this.#show({ ...screen, busy: true, wrong: null });
    const { body, wrong } = await this.#ask({ code, name });
    if (this.screen.peek() !== asked) return;
    if (body && 'claim' in body) {
      this.#show({ is: 'claiming', name, claim: body.claim, fresh: screen.is === 'named' ? screen.place : null });
      this.#later();
    } else if (body) this.#named(body, code);
    else this.#show({ ...screen, busy: false, wrong });
  }

  /** Waits no longer. */
  giveUp() {
    clearTimeout(this.#asking);
    const screen = this.screen.peek();
    if (screen.is === 'claiming' && screen.fresh)
      this.#show({ is: 'named', place: screen.fresh, wrong: null, busy: false });
    else this.#show({ is: 'code', wrong: null, busy: false });
  }

  go() {
    const screen = this.screen.peek();
    if (screen.is !== 'named') return;
    this.end();
    this.#start(screen.place);
  }

  /** To the form for a teacher, and back. */
  turn() {
    const screen = this.screen.peek();
    clearTimeout(this.#asking);
    if (screen.is === 'teacher') {
      if (this.#show(this.#before).is === 'claiming') this.#later();
      return;
    }
    // What is under way from here counts no more.
    this.#before = 'busy' in screen ? { ...screen, busy: false } : screen;
    this.#show({ is: 'teacher', wrong: null, busy: false });
  }

  /** What is asked for is not wanted any more: whoever asked has gone. */
  end() {
    clearTimeout(this.#asking);
    this.#show({ ...this.screen.peek() });
  }

  /** The teacher's page on this device, with the code that the other one shows. @param {string} code @param {string} pairing */
  async pair(code, pairing) {
    const asked = this.#show({ is: 'teacher', wrong: null, busy: true });
    /** @type {import('./calls.js').Answered<{id: string, key: string, teacher: string}>} */
    const { body, wrong } = await this.#call('POST', '/rooms/teacher', {
      body: { code: bare(code), pairing: bare(pairing) },
    });
    if (this.screen.peek() !== asked) return;
    if (wrong) {
      this.#show({ is: 'teacher', wrong, busy: false });
      return;
    }
    keepKey(body.id, body.key);
    location.assign(body.teacher.split('#')[0]);
  }

  /** What was asked from another screen is not answered here. @param {Screen} screen */
  #show(screen) {
    this.screen.value = screen;
    return screen;
  }

  /**
   * @param {object} body
   * @returns {Promise<import('./calls.js').Answered<Joined | {claim: string}>>}
   */
  #ask(body) {
    return this.#call('POST', '/rooms/join', { body });
  }

  /** @param {Joined} joined @param {string} code @param {number} [set] where this browser does not know it */
  #keep(joined, code, set) {
    const place = placeOf(joined, code, placeHere(), set);
    keepPlace(place);
    return place;
  }

  /** @param {Joined} joined @param {string} code */
  #named(joined, code) {
    this.#show({ is: 'named', place: this.#keep(joined, code), wrong: null, busy: false });
  }

  #later() {
    this.#asking = setTimeout(() => this.#collect(), ASK_EVERY);
  }

  /** Has the teacher decided? */
  async #collect() {
    const screen = this.screen.peek();
    if (screen.is !== 'claiming') return;
    const code = bare(this.code.peek());
    // Nobody stays behind of who was somebody else for a moment.
    const { body, wrong } = await this.#ask({
      code,
      claim: screen.claim,
      ...(screen.fresh && { secret: screen.fresh.secret }),
    });
    if (this.screen.peek() !== screen) return;
    if (body && 'secret' in body) {
      this.#start(this.#keep(body, code, ELSEWHERE));
    } else if (wrong && wrong.code !== 'unanswered' && wrong.seconds === undefined) {
      this.#show(
        screen.fresh ? { is: 'named', place: screen.fresh, wrong, busy: false } : { is: 'code', wrong, busy: false },
      );
    } else this.#later();
  }
}

/** @param {Event} event */
const typed = (event) => /** @type {HTMLInputElement} */ (event.currentTarget).value;

/** @param {(event: SubmitEvent) => void} act */
const submitted = (act) => (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  act(event);
};

/** @param {Wrong | null} wrong */
const told = (wrong) => html`<p class="wrong" role="alert" id="join-wrong">${wrong ? wrong.text : nothing}</p>`;

/**
 * @param {Joining} joining
 * @param {Screen} screen
 * @returns {unknown}
 */
export function joinForm(joining, screen) {
  switch (screen.is) {
    case 'code':
      return html`<h1>Join a class</h1><p class="lead">The code is on the screen in front.</p>
        <form @submit=${submitted(() => joining.join())}>
          <label><span class="vh">Code, ${CODE_LENGTH} letters and digits</span><input class="six" name="code" id="join-code"
            maxlength="9" autocapitalize="characters" autocomplete="off" spellcheck="false" enterkeyhint="go"
            aria-describedby="join-wrong" aria-invalid=${screen.wrong ? 'true' : 'false'} .value=${live(joining.code.value)}
            @input=${(/** @type {Event} */ event) => {
              joining.code.value = typed(event);
            }}></label>
          <button class="btn primary" type="submit" ?disabled=${screen.busy}>${screen.busy ? 'Joining' : 'Join'}</button>
        </form>
        ${told(screen.wrong)}
        ${screen.wrong ? nothing : html`<p class="hint">Capitals or not, both work.</p>`}
        ${BACK_FROM.includes(screen.wrong?.code ?? '') ? before(joining, screen.busy) : nothing}`;
    case 'known':
      return html`<p class="lead">${screen.place.title}. You are</p><h1 class="name">${screen.place.name}</h1>
        <button class="btn primary" type="button" ?disabled=${screen.busy} @click=${() => joining.back()}>Go on</button>
        ${told(screen.wrong)}
        <div class="back"><h2>Not ${screen.place.name}?</h2><p class="cap">On a device that you share, begin as somebody new.</p>
          <button class="btn" type="button" @click=${() => joining.anew()}>Join as somebody new</button></div>`;
    case 'named':
      return html`<p class="lead">${screen.place.title}. You are</p><h1 class="name">${screen.place.name}</h1>
        <p class="lead">Your teacher sees this name. The screen in front shows none.</p>
        <button class="btn primary" type="button" @click=${() => joining.go()}>Start</button>
        ${before(joining, screen.busy)}${told(screen.wrong)}`;
    case 'claiming':
      return html`<p class="lead" role="status">Your teacher is asked whether you are</p><h1 class="name">${screen.name}</h1>
        <p class="lead">This page goes on by itself once you are let in.</p>
        <div class="back"><button class="btn" type="button" @click=${() => joining.giveUp()}>I am somebody else</button></div>`;
    case 'teacher':
      return html`<h1>Open the teacher’s page here</h1>
        <p class="lead">On the device that has it, press Room, then Open on another device.</p>
        <form class="rows" @submit=${submitted((event) => {
          const fields = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
          void joining.pair(String(fields.get('code')), String(fields.get('pairing')));
        })}>
          <label>The room’s code<input class="field" name="code" maxlength="9" autocapitalize="characters" autocomplete="off"
            spellcheck="false" required .value=${inGroups(bare(joining.code.value))}></label>
          <label>The other code<input class="field" name="pairing" maxlength="12" autocapitalize="characters"
            autocomplete="off" spellcheck="false" required aria-describedby="join-wrong"></label>
          <button class="btn primary" type="submit" ?disabled=${screen.busy}>Open it</button>
        </form>${told(screen.wrong)}`;
  }
}

/** @param {Joining} joining @param {boolean} busy */
const before = (joining, busy) => html`<div class="back"><h2>Were you here before?</h2>
  <p class="cap">Take your place again, with its network and answers. Your teacher lets you in.</p>
  <form class="row" @submit=${submitted(() => joining.claim())}>
    <label><span class="vh">The name that you had</span><input class="field" placeholder="calm otter" maxlength="24"
      autocomplete="off" autocapitalize="none" spellcheck="false" .value=${live(joining.claimed.value)}
      @input=${(/** @type {Event} */ event) => {
        joining.claimed.value = typed(event);
      }}></label><button class="btn" type="submit" ?disabled=${busy}>Ask</button>
  </form></div>`;

export const PROMISE = 'No account. When the room ends, names and answers are deleted.';
