/** The right column of the teacher's page, in the order of use: eyes here, send, ask, task, lesson, spotlight, parts, code. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { effect, signal } from '../../vendor/signals-core/signals-core.js';
import { fromHash } from '../experiment/address.js';
import { serverPath } from '../links.js';
import { ALONE, reach } from '../reach.js';
import { palette } from '../theme.js';
import { inGroups } from './calls.js';
import { whole } from './differs.js';
import { redraw } from './focus.js';
import { LETTERS } from './letters.js';
import { reductionInWords } from './room-news.js';
import { symbol } from './symbols.js';
import { askForm, formOf, hideForm, lessonForm, taskForm } from './teacher-forms.js';
import { paintTile } from './tile-picture.js';
import { paintWithin } from './wall.js';

/** @typedef {import('./desk.js').Desk} Desk */
/** @typedef {import('../types/rooms').TeachersRoom} TeachersRoom */

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
/** @param {number} seconds since 1970 */
const at = (seconds) => clock.format(1000 * seconds);

const FORMS = { ask: askForm, task: taskForm, lesson: lessonForm, hide: hideForm };

/**
 * @param {import('../experiment/experiment.js').Fields} fields
 * @param {import('../experiment/experiment.js').Experiment} defaults
 * @param {Desk} desk
 * @param {HTMLElement} place
 * @param {ReturnType<typeof import('./tile-picture.js').pointsOfAll>} drawn
 */
export function mountDo(fields, defaults, desk, place, { points, arrived }) {
  const address = signal(location.host);
  /** Whether that leads nobody else here. */
  const alone = signal(false);
  void reach().then(({ origin, own }) => {
    address.value = origin.replace(/^https?:\/\//, '');
    alone.value = own;
  });
  place.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || desk.section.peek() === '') return;
    event.preventDefault();
    desk.section.value = '';
  });
  /** The form that is open. @type {ReturnType<typeof formOf> | null} */
  let form = null;
  let formed = '';
  effect(() => {
    const section = desk.section.value;
    if (section === formed) return;
    form?.stop();
    form = section ? formOf(() => FORMS[section](desk)) : null;
    formed = section;
    const was = form;
    queueMicrotask(() => {
      /** @type {HTMLElement | null | undefined} */ (
        was?.querySelector('textarea, input, select, .kinds button, .lessons button, .acts button')
      )?.focus();
      was?.scrollIntoView({ block: 'nearest' });
    });
  });

  /**
   * A section: folded to its line while another one is open.
   *
   * @param {import('./desk.js').Section} name
   * @param {string} title
   * @param {string} note
   * @param {string} label of its button
   * @param {unknown} [more]
   */
  const section = (name, title, note, label, more = nothing) => {
    const open = desk.section.value === name;
    return html`<section class=${open || more !== nothing ? '' : 'one'}><div class="head"><h2>${title}</h2><span class="cap">${
      open ? nothing : note
    }</span><button class="btn small" type="button" aria-expanded=${String(open)} @click=${() => {
      desk.section.value = open ? '' : name;
    }}>${open ? 'Close' : label}</button></div>${open ? form : desk.section.value ? nothing : more}</section>`;
  };

  /** @param {string} name @param {number} member */
  const who = (name, member) => (desk.named.value ? name : `number ${member}`);
  /** @param {'admit' | 'refuse'} type @param {string} claim @param {string} said */
  const decide = (type, claim, said) => {
    if (desk.say({ type, claim })) desk.announcer.say(said);
  };

  /** @param {TeachersRoom} room */
  const claims = ({ claims: all }) =>
    all.length === 0
      ? nothing
      : html`<section class="claims" role="alert">${all.map(
          ({
            claim,
            name,
            member,
          }) => html`<div><p>Somebody wants to be <b>${who(name, member)}</b> again.</p><span><button
            class="btn small" type="button"
            @click=${() => decide('admit', claim, `${who(name, member)} is let in.`)}>Let in</button><button
            class="btn quiet small" type="button"
            @click=${() => decide('refuse', claim, `${who(name, member)} is not let in.`)}>No</button></span></div>`,
        )}</section>`;

  /** @param {TeachersRoom} room */
  const eyes = ({ held, held_at }) => {
    const question = desk.question.value;
    return html`<section class="eyes"><button class="btn ${held || question ? '' : 'primary'}" type="button" id="eyes"
      data-up=${String(held)} @click=${() => desk.say({ type: 'hold', held: !held })}>${symbol('eye')}${
        held ? 'Let go' : 'Eyes here'
      }</button><p class="cap">${
        held
          ? `Eyes here since ${at(held_at ?? 0)}. Every page is paused and locked.`
          : 'Pauses and locks every page until you let go.'
      }</p></section>`;
  };

  /** @param {TeachersRoom} room */
  const send = ({ experiment }) => {
    const offer = desk.offer.value;
    const offers = desk.offers.value;
    const many = desk.state.members.value.size;
    const set = offer ? fromHash(offer.page, defaults, fields).experiment : null;
    const last = experiment ? `Sent at ${at(experiment.at)} to ${many}` : '';
    return html`<section class=${desk.folded.value ? 'one' : ''}><div class="head"><h2>Send this experiment</h2><button
      class="btn small" type="button" ?disabled=${!offer || offer.missing.length > 0}
      @click=${() => desk.send()}>Send to ${many}</button></div>${
        desk.folded.value
          ? nothing
          : offer && set
            ? html`<div class="exp"><span class="pic"><canvas data-offer aria-hidden="true"></canvas></span><b>${whole(
                set,
                desk.catalogue,
              )}</b><p class="cap"><span class="v">α</span> ${set.learningRate}${
                set.dataset === 'own' ? nothing : `, noise ${set.noise}`
              }, ${offers.length > 1 ? 'as in' : 'as in your own tab'}${
                offers.length > 1
                  ? html` <select class="select tabs" aria-label="Which tab" @change=${(/** @type {Event} */ event) => {
                      desk.tab.value = /** @type {HTMLSelectElement} */ (event.target).value;
                    }}>${offers.map(
                      ({ tab, page }, index) =>
                        html`<option value=${tab} .selected=${tab === offer.tab}>${
                          index === 0
                            ? 'your last tab'
                            : whole(fromHash(page, defaults, fields).experiment, desk.catalogue)
                        }</option>`,
                    )}</select>`
                  : nothing
              }</p></div>
              ${
                offer.missing.length > 0
                  ? html`<p class="wrong">No link can hold ${offer.missing.join(' and ')}: with fewer points it can be sent.</p>`
                  : nothing
              }
              <div class="two">${two('seeds', 'Seeds', [
                ['same', 'same seed'],
                ['own', 'own seeds'],
              ])}${two('playing', 'When it arrives', [
                [false, 'paused'],
                [true, 'playing'],
              ])}</div>${last ? html`<p class="cap sent">${last}</p>` : nothing}`
            : html`<p class="cap">Set up what you want to send in <a href=${serverPath('/')} target="_blank">the playground</a>, in this
              browser. It shows here.</p>`
      }</section>`;
  };

  /**
   * @template {'seeds' | 'playing'} N
   * @param {N} name
   * @param {string} label
   * @param {[unknown, string][]} options
   */
  const two = (name, label, options) =>
    html`<span class="seg" role="radiogroup" aria-label=${label}>${options.map(
      ([value, words]) => html`<label><input class="vh" type="radio" name=${name} .checked=${desk[name].value === value}
        @change=${() => {
          /** @type {{value: unknown}} */ (desk[name]).value = value;
        }}><span class="face">${words}</span></label>`,
    )}</span>`;

  /** @param {TeachersRoom} room */
  const ask = ({ questions }) => {
    const question = desk.question.value;
    if (question && desk.section.value !== 'ask') return html`<section>${asked(question)}</section>`;
    const last = questions.at(-1);
    return section('ask', 'Ask', last ? `last: ${last.answered} of ${last.of}` : '', 'New');
  };

  /** @param {import('../types/rooms').RoomQuestion} question */
  const asked = (question) => {
    const { id, text, choices, answered, of, counts, before = [], right, asked_at = 0, revealed_at } = question;
    if (!counts)
      return html`<div class="head"><h2>Question</h2><span class="cap">asked at ${at(asked_at)}${
        question.round > 1 ? `, round ${question.round}` : ''
      }</span></div><p class="qtext">${text}</p><ol class="choices">${choices.map(
        (choice, index) =>
          html`<li><span>${LETTERS[index]}</span><span>${choice}</span><span class="cap">${
            index === right ? 'right' : nothing
          }</span></li>`,
      )}</ol><p class="count"><b>${answered}</b><span>of ${of} have answered</span></p><div class="meter" aria-hidden="true"><i
        style="width: ${of > 0 ? (100 * answered) / of : 0}%"></i></div><p class="cap hidden-note">How they chose is hidden, from you too,
        until shown.</p><div class="acts"><button class="btn primary" type="button" @click=${() =>
          desk.say({
            type: 'reveal',
            question: id,
          })}>Show the answers</button><button class="btn" type="button" @click=${() =>
          desk.say({ type: 'close', question: id })}>Close</button></div>`;
    const most = Math.max(1, ...counts);
    const sure = right !== null && right !== undefined;
    return html`<div class="head"><h2>Question</h2><span class="cap">answers shown at ${at(revealed_at ?? 0)}</span></div><p
      class="qtext">${text}</p><ul class="hist">${choices.map(
        (
          choice,
          index,
        ) => html`<li class=${index === right ? 'right' : ''}><span class="l">${LETTERS[index]}</span><span
          class="t">${choice}${index === right ? html`${symbol('check')}<span class="vh">right</span>` : nothing}</span><span class="n">${
            before.length > 0 ? html`<small>${before.map((round) => round[index]).join(', ')}, now </small>` : nothing
          }${counts[index]}</span><span class="b" aria-hidden="true"><i style="width: ${(100 * counts[index]) / most}%"></i></span></li>`,
      )}</ul><p class="cap hidden-note">${answered} of ${of} have answered${sure ? `, ${counts[right]} of them right` : ''}.</p><div
      class="acts"><button class="btn primary" type="button" @click=${() => desk.runEverywhere()}>${symbol('play', 'solid')}Run it on every
      page</button><button class="btn" type="button" @click=${() => desk.say({ type: 'close', question: id })}>Close</button></div>
      <p><button class="btn quiet small" type="button" @click=${() =>
        desk.say({ type: 'ask', text, choices, ...(sure && { right }) })}>Ask it again</button></p>`;
  };

  /** @param {TeachersRoom} room */
  const task = ({ tasks, task: on }) => {
    const many = desk.state.members.value.size;
    const current = tasks.findIndex(({ id }) => id === on);
    const list =
      tasks.length > 0 && !desk.folded.value
        ? html`<ol class="tasks">${tasks.map(
            ({ id, title, solved }, index) => html`<li><button type="button" aria-pressed=${String(id === on)} title=${
              id === on ? 'On now. Press to end it' : 'Press to set it on again'
            } @click=${() => desk.say({ type: 'task', task: id === on ? null : id })}><span>${index + 1}</span><span
              class="t">${title}</span><span class="n">${solved} <small>of ${many}</small></span></button></li>`,
          )}</ol>`
        : nothing;
    const note = current >= 0 ? `${current + 1}: ${tasks[current].solved} of ${many}` : '';
    return section('task', 'Task', list === nothing || desk.folded.value ? note : '', 'New', list);
  };

  /** @param {TeachersRoom} room */
  const lesson = ({ lesson: on }) => {
    if (!on) return section('lesson', 'Lesson', 'none', 'Start');
    const members = [...desk.state.members.value.values()];
    const done = on.steps.map((_, index) => members.filter(({ steps }) => steps?.includes(index + 1)).length);
    const here = on.steps.map((_, index) => members.filter(({ step }) => step === index + 1).length);
    return html`<section class=${desk.folded.value ? 'one' : ''}><div class="head"><h2>Lesson</h2><span
      class="cap lesson-name">${on.title}</span><button class="btn small" type="button"
      @click=${() => desk.say({ type: 'lesson', name: null })}>End</button></div>${
        desk.folded.value
          ? nothing
          : html`<ol class="steps" aria-label="Steps">${on.steps.map(
              (kind, index) => html`<li
                title="Step ${index + 1} (${kind}): ${done[index]} of ${members.length} done, ${here[index]} are there"><span class="col"
                aria-hidden="true"><i style="height: ${(100 * done[index]) / Math.max(1, members.length)}%"></i></span><span
                class="n"><span class="vh">Step ${index + 1}, done by </span>${done[index]}</span></li>`,
            )}</ol><p class="cap">How many have done each step.</p>`
      }</section>`;
  };

  /** @param {TeachersRoom} room */
  const spotlight = ({ spotlight: lit }) => {
    const many = lit.length;
    const again = many === 0 && desk.lastLit.length > 0;
    return html`<section class=${many > 0 && !desk.folded.value ? '' : 'one'}><div class="head"><h2>Spotlight</h2><span class="cap">${
      many === 0 ? (again ? 'off' : 'Space on a tile, or open it') : desk.folded.value ? many : nothing
    }</span>${
      many > 0
        ? html`<button class="btn small" type="button" @click=${() => desk.open(lit)}>Open</button><button class="btn small" type="button"
            aria-pressed="true" @click=${() => desk.say({ type: 'spotlight', members: [] })}>On screen</button>`
        : again
          ? html`<button class="btn small" type="button" aria-pressed="false" @click=${() => {
              const there = desk.state.members.peek();
              desk.say({ type: 'spotlight', members: desk.lastLit.filter((number) => there.has(number)) });
            }}>On screen</button>`
          : nothing
    }</div>${
      many > 0 && !desk.folded.value
        ? html`<div class="lit2">${lit.map((number, index) => {
            const seen = desk.everybody.value.get(number);
            return seen
              ? html`<button type="button" title="Out of the spotlight" @click=${() => desk.toggleLit(number)}><span class="pic"><canvas
                  data-member=${number} data-side="40" aria-hidden="true"></canvas><span
                  class="letter">${index + 1}</span></span><b>${desk.nameOf(
                    seen.member,
                  )}</b><span class="cap">${desk.lineOf(seen.member)}</span></button>`
              : nothing;
          })}</div>`
        : nothing
    }</section>`;
  };

  /** @param {TeachersRoom} room */
  const hide = ({ reduction }) => section('hide', 'Hide and lock', reductionInWords(reduction), 'Choose');

  /** @param {TeachersRoom} room */
  const foot = ({ code, locked }) =>
    html`<section class="room"><img class="qr" alt="QR code of the join address" src=${serverPath(
      `/rooms/${desk.id}/code.svg?${code}`,
    )}><div><p class="code"><span class="vh">Room code </span>${inGroups(code)}</p><p class="cap">${address.value}${serverPath('/j')}</p><p
      class="cap">${desk.state.members.value.size} in, door ${locked ? 'locked' : 'open'}</p>${
        alone.value ? html`<p class="wrong" title=${ALONE}>on this computer only</p>` : nothing
      }</div></section>`;

  effect(() => {
    void [arrived.value, palette.value, desk.state.painted.value, desk.now.value];
    const room = desk.state.room.value;
    if (!room) {
      render(nothing, place);
      return;
    }
    redraw(
      place,
      html`${claims(room)}${eyes(room)}${send(room)}${ask(room)}${task(room)}${lesson(room)}${spotlight(room)}${hide(room)}${foot(room)}`,
      ':scope > section',
    );
    paintWithin(place, desk, points);
    const offer = desk.offer.value;
    for (const canvas of /** @type {NodeListOf<HTMLCanvasElement>} */ (place.querySelectorAll('canvas[data-offer]')))
      paintTile(
        canvas,
        offer?.picture
          ? /** @type {import('../types/protocol').Boundary} */ (
              /** @type {unknown} */ ({ ...offer.picture, x: [0, 1], y: [0, 1] })
            )
          : null,
        { side: 44 },
      );
  });
}
