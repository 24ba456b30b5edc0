/** The bar above a student's page. */

import { live } from '../../vendor/lit-html/directives/live.js';
import { html, nothing } from '../../vendor/lit-html/lit-html.js';
import { effect } from '../../vendor/signals-core/signals-core.js';
import { redraw } from './focus.js';
import { studentsNews } from './room-news.js';
import { bestInWords, outcome } from './student-facts.js';
import { symbol } from './symbols.js';

/** @typedef {import('../types/protocol').StudentsRoom} StudentsRoom */
/** @typedef {import('./student.js').Student} Student */

/** A question and its choices of more have the width to themselves. */
const MOST_LETTERS = 280;

/** @param {import('../store/state.js').Store} store @param {Student} student @param {() => void} again takes the place back */
export function mountBar(store, student, again) {
  const shell = /** @type {HTMLElement} */ (document.querySelector('.shell'));
  const box = document.createElement('div');
  box.className = 'roombox';
  (document.getElementById('skips') ?? shell).before(box);

  // A page that scrolls has its plane beside Play all the same (css/low.css).
  const heights = new ResizeObserver(() => document.body.style.setProperty('--above', `${shell.offsetTop}px`));

  let before = /** @type {StudentsRoom | null} */ (null);
  effect(() => {
    const room = student.room.value;
    const text = room ? studentsNews(before, room) : '';
    if (text) store.announcer.say(text);
    before = room;
  });

  /** What had the keyboard as the page froze. @type {Element | null} */
  let left = null;
  // A frozen page can be looked at, and nothing else.
  effect(() => {
    const held = student.held.value;
    if (held) left = document.activeElement;
    shell.inert = held;
    document.body.toggleAttribute('data-held', held);
    if (!held) return undefined;
    for (const open of /** @type {NodeListOf<HTMLElement>} */ (
      document.querySelectorAll('dialog[open], :popover-open')
    ))
      if (open instanceof HTMLDialogElement) open.close();
      else open.hidePopover();
    // Letters and Space are the page's, wherever the keyboard is.
    /** @param {KeyboardEvent} event */
    const still = (event) => {
      if (event.key !== 'Tab') event.stopPropagation();
    };
    addEventListener('keydown', still, true);
    return () => removeEventListener('keydown', still, true);
  });

  effect(() => {
    const room = student.room.value;
    const place = student.place.value;
    const said = student.said.value;
    if (student.elsewhere.value) draw(aside('This class goes on in another tab of this browser.', 'Go on here', again));
    else if (said) draw(aside(said, 'Close', () => (student.said.value = '')));
    else if (!place) draw(nothing);
    else if (!room)
      draw(
        bar(html`<div class="room-me"><b>${place.name}</b><span class="room-soft">${place.title}</span></div>
      <div class="room-job"><span class="room-soft" role="status">Coming in</span></div><div></div>`),
      );
    else draw(room.held ? frozen(room) : free(room));
    heights.disconnect();
    for (const row of [box, ...box.querySelectorAll('.r, .room-back')]) heights.observe(row);
  });

  /**
   * The keyboard is on the banner while the page is frozen, then where it was; without a bar it is where one comes in.
   *
   * @param {unknown} template
   */
  function draw(template) {
    const had = document.activeElement;
    const was = had?.classList.contains('frozen') ?? false;
    const within = box.contains(had);
    redraw(box, template, ':scope > .roombar > :is(.r, .room-back)');
    const banner = /** @type {HTMLElement | null} */ (box.querySelector('.frozen'));
    // Where nothing had it, nothing has lost it.
    if (banner && !within && left !== document.body) banner.focus();
    else if (!banner && was) /** @type {HTMLElement | null} */ (left)?.focus();
    else if (within && !box.firstElementChild) document.getElementById('class')?.focus();
  }

  /** @param {unknown} row @param {unknown} [more] */
  function bar(row, more = nothing) {
    return html`<div class="roombar" role="region" aria-label="Class"><div class="r">${row}</div>${more}</div>`;
  }

  /** @param {string} text @param {string} label @param {() => void} act */
  function aside(text, label, act) {
    return bar(html`<div class="room-me"><b>Class</b></div><div class="room-job" role="alert"><span>${text}</span></div>
      <div class="room-ways"><button class="btn" type="button" @click=${act}>${label}</button></div>`);
  }

  /** @param {StudentsRoom} room */
  function free(room) {
    const { question: asked } = room;
    return bar(
      html`<div class="room-me"><b>${room.name}</b><span class="room-soft">${room.title}</span></div>
        ${job(room)}
        <div class="room-ways">${
          room.experiment && student.place.value?.mine
            ? html`<button class="btn room-mine" type="button" @click=${() => student.swap()}>${swapLabel()}</button>`
            : nothing
        }<button class="btn" type="button" id="room-hand" data-up=${String(room.hand)} @click=${() => student.hand()}>${symbol(
          'hand',
        )}${room.hand ? 'Hand down' : 'Hand up'}</button><button class="btn quiet" type="button" title="Leave the class"
          @click=${() => student.leave()}>${symbol('out')}<span class="lbl">Leave</span></button></div>`,
      html`${
        room.experiment && student.place.value?.mine && !(asked && !asked.counts)
          ? html`<div class="room-back room-s"><span>${
              student.atMine.value ? 'Your own experiment' : `Experiment ${room.experiment.number}, from your teacher`
            }</span><button class="btn" type="button" @click=${() => student.swap()}>${swapLabel()}</button></div>`
          : nothing
      }${asked ? ask(room) : nothing}`,
    );
  }

  const swapLabel = () => (student.atMine.value ? 'To the class’s' : 'Back to mine');

  /** @param {StudentsRoom} room */
  function job({ task, lesson, experiment }) {
    if (!task)
      return html`<div class="room-job ${lesson ? '' : 'room-sent'}"><span class="room-soft">${
        lesson
          ? `Lesson: ${lesson.title}`
          : experiment
            ? `Experiment ${experiment.number}, from your teacher`
            : 'Your teacher has sent nothing yet'
      }</span></div>`;
    const best = student.best.value;
    return html`<div class="room-job"><span class="room-ring ${task.solved ? 'on' : ''}" role="img"
      aria-label=${task.solved ? 'solved' : 'not yet'}>${task.solved ? symbol('check') : nothing}</span><span
      class="room-soft room-tn">Task ${task.number}</span><b>${task.title}</b><span class="room-soft room-far">${
        task.solved
          ? task.reported
            ? 'solved, as your page reports'
            : 'solved'
          : best === null
            ? nothing
            : html`best <span class="room-w">so far </span>${bestInWords(task.until, best)}`
      }</span></div>`;
  }

  /** @param {StudentsRoom} room */
  function ask({ question: asked }) {
    if (!asked) return nothing;
    const { counts, right } = asked;
    const long = [asked.text, ...asked.choices].join('').length > MOST_LETTERS;
    return html`<div class="r room-q ${long ? 'long' : ''}" role="region" aria-label="Question"
      tabindex=${long ? 0 : -1}><div><h2>Question</h2><p class="room-soft">${
        counts ? 'How the class has chosen' : 'Answer before you see it run'
      }</p></div>
      <div><p class="room-text" id="room-asked">${asked.text}</p></div>
      <div class="room-choice">${
        counts
          ? html`<ul class="room-bars">${asked.choices.map((choice, index) => {
              const all = Math.max(1, ...counts);
              return html`<li class=${index === right ? 'right' : ''}><span class="t">${choice}${
                index === right ? html`${symbol('check')}<span class="vh">right</span>` : nothing
              }</span><span class="b" aria-hidden="true"><i
                style="width: ${(100 * counts[index]) / all}%"></i></span><b>${counts[index]}</b></li>`;
            })}</ul><p class="room-soft">${outcome(asked)}</p>`
          : html`<span class="seg" role="radiogroup" aria-labelledby="room-asked">${asked.choices.map(
              (choice, index) =>
                html`<label><input class="vh" type="radio" name="room-answer-${asked.id}" id="room-answer-${asked.id}-${index}"
                  .checked=${live(asked.choice === index)} @change=${() => student.answer(index)}><span
                  class="face">${choice}</span></label>`,
            )}</span><p class="room-soft">${asked.choice === null ? nothing : 'You can change it'}</p>`
      }</div></div>`;
  }

  /** @param {StudentsRoom} room */
  function frozen(room) {
    return html`<div class="roombar frozen" role="main" aria-label="Class" tabindex="-1"><div class="r" role="alert"><div
      class="room-me"><b role="heading" aria-level="1">${symbol('eye')}Eyes here</b></div><div class="room-job">Your network is paused and
      kept. It goes on when your teacher lets go.</div><div class="room-ways"><span>${room.name}</span><button
      class="btn room-hand" type="button" id="room-hand" data-up=${String(room.hand)}
      @click=${() => student.hand()}>${symbol('hand')}<span class="lbl">${
        room.hand ? 'Hand down' : 'Hand up'
      }</span></button></div></div>${ask(room)}</div>`;
  }
}
