/** The lesson beside the playground: a column on wide screens, a strip on others, a sheet on phones. */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { computed, effect, signal } from '../../vendor/signals-core/signals-core.js';
import { allows } from '../experiment/parts.js';
import { allOf } from '../format.js';
import { unlessSame } from '../signals.js';
import { crossButton, icon } from '../views/icon.js';
import { holds, inWordsOf, nowOf } from './quantities.js';
import { panelIn, viewsOf, watchSubjects } from './stage.js';
import { text } from './text.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */
/** @typedef {import('../types/lessons').Lesson} Lesson */
/** @typedef {import('../types/lessons').Step} Step */
/** @typedef {import('./course.js').Course} Course */

/**
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @param {Catalogue} catalogue
 * @param {Course} course
 * @param {() => void} list opens the list of lessons
 */
export function mountLesson(store, find, catalogue, course, list) {
  const box = find('lesson');
  const folded = signal(false);
  /** Whether the reader wants the page as it is without a lesson, where there is no room for all of it. */
  const whole = signal(false);
  const shows = unlessSame(() => (course.finished.value ? [] : (course.step.value?.shows ?? [])));
  const seen = watchSubjects(store, () => shows.value, find);
  effect(() => {
    course.seen.value = seen.value;
  });
  effect(() => {
    const views = shows.value.length > 0 && !whole.value ? viewsOf(shows.value, store.panel.value) : [];
    if (views.length > 0) document.body.dataset.stage = views.join(' ');
    else delete document.body.dataset.stage;
  });

  /** What the step asks for and how it stands, in words: it stays the same object as long as it says the same. */
  const conditions = computed(() => {
    const facts = course.facts(store.current.picture.value);
    return JSON.stringify(
      (course.step.value?.until ?? []).map((condition) => ({
        asked: inWordsOf(condition, catalogue),
        now: nowOf(condition, facts, catalogue),
        holds: holds(condition, facts),
      })),
    );
  });

  effect(() => {
    const { lesson: name } = store.experiment.value;
    box.hidden = name === '';
    document.body.toggleAttribute('data-lesson', name !== '');
    document.body.toggleAttribute('data-folded', name !== '' && folded.value);
    if (!name) {
      render(nothing, box);
      return;
    }
    const lesson = course.lesson.value;
    const step = course.step.value;
    if (course.problem.value) render(unopened(name, course, list), box);
    else if (!lesson || !step)
      render(html`<div class="scroll"><p class="say" role="status">Fetching the lesson</p></div>`, box);
    else render(drawn(lesson, step), box);
  });

  // Who goes on is at the new step, wherever the button was pressed.
  effect(() => {
    if (course.turns.value === 0) return;
    folded.value = false;
    queueMicrotask(() => {
      box.querySelector('.scroll')?.scrollTo(0, 0);
      for (const part of box.querySelectorAll('.say, .task')) part.scrollTo(0, 0);
      /** @type {HTMLElement | null} */ (box.querySelector('h3'))?.focus({ preventScroll: true });
    });
  });

  const leave = () => {
    course.leave();
    find('lessons').focus();
  };

  /** @param {Lesson} lesson @param {Step} step */
  const drawn = (lesson, step) => {
    const number = course.number.value;
    const count = lesson.steps.length;
    const finished = course.finished.value;
    const done = course.progress.value.done.includes(number);
    return html`<header>
        <div class="name"><p class="part">${lesson.part}</p><h2 id="lesson-title">${lesson.title}</h2></div>
        ${
          finished
            ? nothing
            : html`<button class="btn quiet small extent" type="button" aria-pressed=${String(whole.value)}
              title="Everything on the page, or what this step speaks of"
              @click=${() => (whole.value = !whole.value)}>Whole page</button>`
        }
        <button class="btn quiet sq fold" type="button" aria-expanded=${String(!folded.value)}
          aria-controls="lesson-scroll" aria-label="The step’s text"
          @click=${() => (folded.value = !folded.value)}>${icon('chevron')}</button>
        ${crossButton('Leave the lesson', leave, 'Leave the lesson')}
        <p class="count"><span>${finished ? 'The end' : `Step ${number} of ${count}`}</span><span class="bar"
          aria-hidden="true"><span style="width: ${(100 * (finished ? count : number - 1)) / count}%"></span></span></p>
      </header>
      <div class="scroll" id="lesson-scroll" tabindex="0" role="group" aria-label="The step">
        ${
          finished
            ? end(lesson, course, list)
            : html`<div class="say">${number === 1 ? html`<div class="about">${text(lesson.about)}</div>` : nothing}<h3
              tabindex="-1">${step.title}</h3>${text(step.text)}</div>
        <div class="task">${DRAW[step.kind](step)}${opener(step)}</div>`
        }
      </div>
      <footer>
        <button class="btn" type="button" ?disabled=${number === 1 && !finished}
          @click=${() => course.go(finished ? number : number - 1)}>${icon('left')}Back</button>
        <span class="state" data-done=${String(
          course.met.value || (step.kind !== 'run' && done),
        )}>${finished ? nothing : stateOf(step, done)}</span>
        ${
          finished
            ? nothing
            : html`<button class="btn ${done || step.kind === 'explain' ? 'primary' : ''}" type="button"
              @click=${() => course.go(number + 1)}>${number === count ? 'Finish' : 'Next'}${icon('right')}</button>`
        }
      </footer>`;
  };

  /** The way to the panel that a step speaks of, while it is not there. @param {Step} step */
  const opener = (step) => {
    const panel = panelIn(step.shows);
    if (!panel || panel === store.panel.value || !allows(store.reduction.value, panel)) return nothing;
    const { label } = find(`tab-${panel}`).dataset;
    return html`<p class="tools"><button class="btn quiet small" type="button"
      @click=${() => store.change({ panel })}>Open ${label}</button></p>`;
  };

  /** @param {Step} step @param {boolean} done */
  const stateOf = ({ kind }, done) => {
    if (course.met.value || (done && kind === 'predict')) return html`${icon('check')}Done`;
    if (kind === 'run' && course.reached.value) return 'Done once it is in view';
    return done && kind === 'run' ? 'Done before' : nothing;
  };

  /** @type {Record<Step['kind'], (step: Step) => unknown>} */
  const DRAW = {
    explain: () => nothing,
    predict: (step) => {
      const number = course.number.value;
      const chosen = course.progress.value.chosen[number] ?? -1;
      const answered = chosen in step.choices;
      return html`<fieldset class="choices"><legend>Your prediction</legend>
        ${step.choices.map((choice, index) => {
          const shown = answered && (index === chosen || (choice.right && !step.choices[chosen].right));
          const mark = choice.right
            ? html`<b class="answer">${icon('check')}${index === chosen ? 'As you predicted.' : 'The answer.'}</b> `
            : html`<b>Not so.</b> `;
          return html`<div class="choice" data-told=${shown ? (choice.right ? 'right' : 'other') : 'no'}>
            <label><input type="radio" name="prediction-${number}" .checked=${index === chosen}
              @change=${() => course.predict(index)}><span>${text(choice.text)}</span></label>
            ${shown ? html`<p class="because">${mark}${text(choice.because)}</p>` : nothing}
          </div>`;
        })}
        <p class="vh" role="status">${
          answered
            ? step.choices[chosen].right
              ? 'As you predicted.'
              : 'Something else happens; the answer is shown.'
            : ''
        }</p>
      </fieldset>`;
    },
    run: (step) => html`<ul class="conditions" aria-label="What is asked">
        ${
          /** @type {{asked: string, now: string, holds: boolean}[]} */ (JSON.parse(conditions.value)).map(
            ({ asked, now, holds: so }) =>
              html`<li data-holds=${String(so)}>${icon(so ? 'check' : 'open')}<span class="asked">${asked}<span
                class="vh">${so ? ', holds' : ', not yet'}</span></span><span
                class="now">${now === 'not yet' ? now : `now ${now}`}</span></li>`,
          )
        }
      </ul>
      ${step.hint.length > 0 ? html`<details><summary>Hint</summary><p>${text(step.hint)}</p></details>` : nothing}
      <p class="tools">${
        store.staged.value.highlight.length > 0
          ? html`<button class="btn quiet small where" type="button" @click=${pointOut}>Show where</button>`
          : nothing
      }<button class="btn quiet small" type="button" title="As this step began"
        @click=${() => course.again()}>Set up again</button></p>`,
  };
}

/** The step's own highlights come last. */
function pointOut() {
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  [...document.querySelectorAll('[data-pointed]')]
    .find((element) => element.checkVisibility())
    ?.scrollIntoView({ block: 'center', behavior: calm ? 'auto' : 'smooth' });
}

/** @param {Lesson} lesson @param {Course} course @param {() => void} list */
function end(lesson, course, list) {
  const { done } = course.progress.value;
  const missing = lesson.steps.flatMap(({ title }, index) =>
    done.includes(index + 1) ? [] : [{ title, number: index + 1 }],
  );
  return html`<div class="say"><h3 tabindex="-1">${
    missing.length > 0 ? 'The end, with something left' : 'Lesson finished'
  }</h3>
      ${
        missing.length > 0
          ? html`<p>Not done yet:</p><ul>${missing.map(
              ({ title, number }) =>
                html`<li><button class="btn quiet small" type="button"
                  @click=${() => course.go(number)}>${title}</button></li>`,
            )}</ul>`
          : html`<p>${allOf(lesson.steps.length)} steps are done. The network stays as it is, to play with.</p>`
      }
    </div>
    <div class="task ends">
      <button class="btn" type="button" @click=${list}>Choose another lesson</button>
      ${
        course.hasBefore
          ? html`<button class="btn" type="button" @click=${() => course.leave(true)}>Back to mine</button>`
          : nothing
      }
      <button class="btn" type="button" @click=${() => course.leave()}>Leave the lesson</button>
    </div>`;
}

/** @param {string} name @param {Course} course @param {() => void} list */
const unopened = (
  name,
  course,
  list,
) => html`<div class="scroll"><div class="say" role="alert"><h2 id="lesson-title">A lesson that is not there</h2><p>“${name}” could not be
  opened. ${course.problem.value}</p></div>
  <div class="task ends"><button class="btn" type="button" @click=${() => course.arrive()}>Try
    again</button><button class="btn" type="button" @click=${list}>Choose another
    lesson</button><button class="btn quiet" type="button" @click=${() => course.leave()}>Close</button></div></div>`;
